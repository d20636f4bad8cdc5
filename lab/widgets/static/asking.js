// What the widgets that ask questions share: texts in the learner's language, answers on their way
// to the kernel, questions drawn anew without losing the focus or what was begun.

class AskingView {
  /** `kind` names the widget's own style: the frame has the class `lab-KIND`. */
  constructor(model, root, kind) {
    this.model = model;
    this.say = speaker(model);
    this.drafts = new Map();
    this.blocks = new Map();
    this.fault = make("div", { class: "lab-notice", role: "alert", hidden: true });
    this.body = make("div", { class: "lab-asking-body" });
    this.frame = make("div", { class: `lab-root lab-frame lab-asking lab-${kind}` });
    this.frame.append(
      ...this.head(),
      make("div", { class: "lab-stale", role: "alert" }, this.say("not_live")),
      this.fault,
      this.body,
    );
    root.replaceChildren(this.frame);
  }

  // --- what a widget fills in

  /** Return the nodes above the questions. */
  head() { return []; }

  /** Draw all of it. */
  draw() {}

  // --- what drawing uses

  get language() { return languageOf(this.model); }

  /** A text that is there in both languages. */
  text(both) { return both[this.language] ?? both.en; }

  question(id) { return this.model.get("questions")[id]; }

  state(id) { return this.model.get("states")[id]; }

  /** Tell the kernel what the learner did. */
  tell(kind, id, answer = null) { this.model.send({ kind, id, answer }); }

  drawFault() {
    const fault = this.model.get("fault");
    this.fault.hidden = !fault;
    this.fault.textContent = fault ? `${this.say("not_kept")} ${fault}` : "";
  }

  /** Return the block of a question, drawn anew if anything about it has changed. */
  block(id, drawInside) {
    const known = this.blocks.get(id) ?? this.newBlock(id);
    const content = JSON.stringify([this.question(id), this.state(id), this.drafts.get(id), this.language, this.extra?.(id)]);
    if (known.content !== content) {
      known.content = content;
      keepFocus(known.inside, () => known.inside.replaceChildren(...drawInside(id).flat(Infinity).filter(Boolean)));
      announceInto(known.told, drawTold(this, id));
    }
    return known.element;
  }

  newBlock(id) {
    const inside = make("div", { class: "lab-question-inside" });
    const told = make("div", { class: "lab-told", role: "status", "aria-live": "polite" });
    const moved = make("div", { class: "lab-visually-hidden", role: "status", "aria-live": "polite" });
    const element = make("section", { class: "lab-question", "data-id": id }, inside, told, moved);
    const block = { element, inside, told, moved, content: "" };
    this.blocks.set(id, block);
    return block;
  }

  /** Remember what the learner has begun, and show it. */
  setDraft(id, draft) {
    this.drafts.set(id, draft);
    this.draw();
  }
}

/** Do `change`, and give the focus back to what had it, or to what took its place. */
function keepFocus(inside, change) {
  const had = inside.contains(document.activeElement) ? document.activeElement.dataset.focus : undefined;
  change();
  if (had === undefined) return;
  const same = [...inside.querySelectorAll("[data-focus]")].find((each) => each.dataset.focus === had && !each.disabled);
  const target = same ?? inside.querySelector("[data-focus]:not(:disabled)") ?? inside.querySelector("h5");
  target?.focus({ preventScroll: true });
}

/** Put nodes into a live region; the same words are not read twice. */
function announceInto(region, nodes) {
  const next = make("div", {}, nodes);
  if (next.innerHTML !== region.firstElementChild?.innerHTML) region.replaceChildren(next);
}

/** Text whose pieces between backticks are code. */
function rich(text) {
  return text.split("`").map((piece, number) => (number % 2 ? make("code", {}, piece) : piece));
}

/** Text without the marks of code, for labels. */
function plain(text) { return text.replaceAll("`", ""); }

/** Move the focus among the buttons of a list with the arrow keys. */
function arrowsMoveFocus(event) {
  const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
  if (step === undefined) return;
  const all = [...event.currentTarget.querySelectorAll("button:not(:disabled)")];
  all[all.indexOf(document.activeElement) + step]?.focus();
  event.preventDefault();
  event.stopPropagation();
}

/** What an asking widget's module exports; `traits` are drawn besides those that all have. */
function askingModule(makeView, traits) {
  function render({ model, el }) {
    const view = makeView(model, el);
    let waiting = false;
    const redraw = () => {
      if (waiting) return;
      waiting = true;
      requestAnimationFrame(() => { waiting = false; view.draw(); });
    };
    const parts = ["questions", "states", "fault", "lang", ...traits];
    parts.forEach((name) => model.on(`change:${name}`, redraw));
    const leave = announce(model, el);
    view.draw();
    return () => {
      parts.forEach((name) => model.off(`change:${name}`, redraw));
      leave();
    };
  }
  return { render };
}
