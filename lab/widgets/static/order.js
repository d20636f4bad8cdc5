// A question of order: steps that are moved up and down, by buttons or by the arrow keys.

function drawOrder(view, id) {
  const { options, question } = view.question(id);
  const { solution } = view.state(id);
  const draft = solution?.right ?? draftOf(view, id);
  return make(
    "ol",
    { class: "lab-steps", "aria-label": plain(view.text(question)) },
    draft.map((number, place) => drawStep(view, id, { number, place, draft, text: view.text(options[number]), over: solution !== null })),
  );
}

function drawStep(view, id, { number, place, draft, text, over }) {
  if (over) return make("li", {}, make("span", { class: "lab-option-text" }, rich(text)));
  const moveBy = (step) => moveStep(view, id, draft, place, place + step);
  const arrow = (step, word, sign) => make(
    "button",
    {
      type: "button",
      class: "lab-do lab-move",
      "data-focus": `${word}-${number}`,
      "aria-label": view.say(word, { text: plain(text) }),
      title: view.say(word, { text: plain(text) }),
      disabled: draft[place + step] === undefined,
      onclick: () => moveBy(step),
    },
    sign,
  );
  const onKey = (event) => {
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (step === undefined || event.target !== event.currentTarget) return;
    event.preventDefault();
    event.stopPropagation();
    moveBy(step);
  };
  return make(
    "li",
    { tabindex: "0", "data-focus": `step-${number}`, "aria-label": `${view.say("step", { number: place + 1 })}: ${plain(text)}`, onkeydown: onKey },
    make("span", { class: "lab-option-text" }, rich(text)),
    arrow(-1, "move_up", "↑"),
    arrow(1, "move_down", "↓"),
  );
}

function moveStep(view, id, draft, from, to) {
  if (draft[to] === undefined) return;
  const moved = [...draft];
  [moved[from], moved[to]] = [moved[to], moved[from]];
  view.setDraft(id, moved);
  const text = plain(view.text(view.question(id).options[draft[from]]));
  view.blocks.get(id).moved.textContent = view.say("moved", { text, number: to + 1, all: draft.length });
}
