// One question of a quiz: its options, what is told of an answer, and what may be done next.

/** Draw a question's inside; `title` stands above it. */
function drawQuestion(view, id, title) {
  const { kind, question } = view.question(id);
  const how = { choice: "choose_one", several: "choose_several", order: "choose_order", text: "choose_text" }[kind];
  const drawAnswers = { choice: drawChoice, several: drawSeveral, order: drawOrder, text: drawTyped }[kind];
  return [
    title ? make("div", { class: "lab-soft lab-question-number" }, title) : null,
    make("h5", { tabindex: "-1" }, rich(view.text(question))),
    isOver(view, id) ? null : make("p", { class: "lab-soft" }, view.say(how)),
    drawAnswers(view, id),
    drawActions(view, id),
  ];
}

/** Whether the right answer is told already. */
function isOver(view, id) { return view.state(id).solution !== null; }

/** An option that is clicked; marks say in words which one is right and which was chosen. */
function optionButton(view, id, number, attributes) {
  const { solution, answer, phase } = view.state(id);
  const chosen = Array.isArray(answer) ? answer.includes(number) : answer === number;
  const right = solution !== null && solution.right.includes(number);
  const wrong = chosen && !right && (solution !== null || (phase === "wrong" && view.question(id).kind === "choice"));
  const marks = [
    right && make("span", { class: "lab-verdict lab-verdict-right" }, `✓ ${view.say("right_answer")}`),
    wrong && make("span", { class: "lab-verdict lab-verdict-wrong" }, "✗ "),
    chosen && solution !== null && make("span", { class: "lab-verdict" }, view.say("your_choice")),
  ];
  const classes = ["lab-option", right && "lab-right", wrong && "lab-wrong", chosen && solution !== null && "lab-chosen"].filter(Boolean).join(" ");
  return make(
    "button",
    { type: "button", class: classes, "data-focus": `option-${number}`, disabled: solution !== null, ...attributes },
    make("span", { class: "lab-option-text" }, rich(view.text(view.question(id).options[number]))),
    marks,
  );
}

function optionList(view, id, attributesOf) {
  const { options, question } = view.question(id);
  return make(
    "div",
    { class: "lab-options", role: "group", "aria-label": plain(view.text(question)), onkeydown: arrowsMoveFocus },
    options.map((_, number) => optionButton(view, id, number, attributesOf(number))),
  );
}

function drawChoice(view, id) {
  return optionList(view, id, (number) => ({ onclick: () => view.tell("answer", id, number) }));
}

function drawSeveral(view, id) {
  const draft = draftOf(view, id);
  const toggled = (number) => (draft.includes(number) ? draft.filter((each) => each !== number) : [...draft, number]);
  return optionList(view, id, (number) => ({
    role: "checkbox",
    "aria-checked": String(draft.includes(number)),
    onclick: () => view.setDraft(id, toggled(number)),
  }));
}

/** What the learner has chosen or ordered so far, before it is checked. */
function draftOf(view, id) {
  return view.drafts.get(id) ?? view.state(id).answer ?? view.question(id).start;
}

function drawTyped(view, id) {
  const { answer } = view.state(id);
  if (isOver(view, id)) return answer ? make("p", {}, `${view.say("your_answer")}: `, make("code", {}, answer)) : null;
  const field = make("input", {
    type: "text",
    class: "lab-field",
    "data-focus": "field",
    "aria-label": view.say("your_answer"),
    autocomplete: "off",
    autocapitalize: "off",
    spellcheck: "false",
    value: view.drafts.get(id) ?? answer ?? "",
    oninput: () => view.drafts.set(id, field.value),
    onkeydown: (event) => {
      event.stopPropagation();
      if (event.key === "Enter" && !event.isComposing) view.tell("answer", id, field.value);
    },
  });
  return make("div", { class: "lab-typed" }, field, checkButton(view, id, () => field.value));
}

function checkButton(view, id, answer) {
  return make(
    "button",
    { type: "button", class: "lab-do lab-do-first", "data-focus": "check", onclick: () => view.tell("answer", id, answer()) },
    view.say("check"),
  );
}

/** What may be done besides answering: be told, be asked later, answer once more. */
function drawActions(view, id) {
  const { phase, tries } = view.state(id);
  const isChecked = ["several", "order"].includes(view.question(id).kind) && !isOver(view, id);
  const action = (kind, word) => make(
    "button",
    { type: "button", class: "lab-do", "data-focus": kind, onclick: () => forget(view, kind, id) },
    view.say(word),
  );
  const actions = [
    ...(isChecked ? [checkButton(view, id, () => draftOf(view, id))] : []),
    ...(isOver(view, id) ? [action(view.afterwards, view.afterwards === "next" ? "next_question" : "again")] : []),
    ...(!isOver(view, id) && tries > 1 ? [action("tell", "show_answer")] : []),
    ...(!isOver(view, id) && phase !== "later" ? [action("later", "later")] : []),
  ];
  return make("div", { class: "lab-actions" }, actions);
}

function forget(view, kind, id) {
  view.drafts.delete(id);
  view.tell(kind, id);
}

/** What is told of an answer: right or wrong, a hint, why. */
function drawTold(view, id) {
  const { phase, hint, solution } = view.state(id);
  const verdict = { right: "right", wrong: view.wrongWord ?? "wrong", told: "told", later: "put_off" }[phase];
  if (!verdict) return [];
  const mark = { right: "✓ ", wrong: "✗ " }[phase] ?? "";
  return [
    make("strong", { class: `lab-verdict-${phase}` }, mark + view.say(verdict)),
    solution === null && hint ? make("p", {}, `${view.say("hint")}: `, rich(view.text(hint))) : null,
    phase === "told" && solution.answer ? make("p", {}, make("code", {}, solution.answer)) : null,
    solution === null ? null : make("p", {}, rich(view.text(solution.because))),
  ];
}
