// The loop on two engines: what was found, a button for each, and the steps with what both said.

const LOOP_SIGNS = { waiting: "○", running: "◐", same: "●", different: "≠", failed: "✕", skipped: "–" };

class OwnDockerView {
  constructor(model, root) {
    this.model = model;
    this.say = speaker(model);
    this.title = make("span", { class: "lab-title" });
    this.told = make("div", { class: "lab-loop-told", role: "status", "aria-live": "polite" });
    this.choices = make("div", { class: "lab-loop-choices" });
    this.fault = make("div", { class: "lab-notice", role: "alert", hidden: true });
    this.list = make("ol", { class: "lab-loop-steps" });
    this.frame = make(
      "div",
      { class: "lab-root lab-frame lab-own-docker" },
      make("div", { class: "lab-head" }, this.title),
      make("div", { class: "lab-stale", role: "alert" }, this.say("not_live")),
      this.told,
      this.fault,
      this.choices,
      this.list,
    );
    root.replaceChildren(this.frame);
  }

  draw() {
    const { say } = this;
    this.frame.lang = languageOf(this.model);
    this.title.textContent = say("title");
    this.list.setAttribute("aria-label", say("steps"));
    this.drawTold();
    this.drawChoices();
    const fault = this.model.get("fault");
    this.fault.hidden = !fault;
    this.fault.textContent = fault;
    this.drawSteps();
  }

  drawTold() {
    const { say } = this;
    const phase = this.model.get("phase");
    const steps = this.model.get("steps");
    const same = steps.filter((step) => step.state === "same").length;
    const words = {
      looking: say("looking"), none: say("none"), in_use: say("in_use"), found: say("found"),
      running: say("running"), done: say("done", { same, all: steps.length }), failed: say("failed"),
    };
    const looked = make("ul", {}, this.model.get("looked").map((place) => make("li", {}, make("code", {}, place))));
    const nodes = [make("p", {}, inCode(words[phase]))];
    if (phase === "none") nodes.push(looked, make("p", {}, say("none_help")));
    if (phase === "done") nodes.push(make("p", { class: "lab-soft" }, say("words")));
    const next = make("div", {}, nodes);
    if (this.told.innerHTML !== next.outerHTML) this.told.replaceChildren(next);
  }

  drawChoices() {
    const { say, model } = this;
    const phase = model.get("phase");
    const busy = phase === "looking" || phase === "running";
    const buttons = phase === "none" || phase === "in_use" ? [] : model.get("engines").map((engine) =>
      make(
        "button",
        { type: "button", class: "lab-loop-go", disabled: busy, onclick: () => model.send({ kind: "go", address: engine.address }) },
        make("strong", {}, say("go", { name: engine.name })),
        make("code", {}, say("at", { address: engine.address })),
      ));
    const again = make("button", { type: "button", disabled: busy, onclick: () => model.send({ kind: "look" }) }, say("again"));
    const number = [...this.choices.children].indexOf(document.activeElement);
    this.choices.replaceChildren(...buttons, again);
    if (number >= 0) this.choices.children[Math.min(number, buttons.length)].focus({ preventScroll: true });
  }

  drawSteps() {
    const steps = this.model.get("steps");
    if (this.list.children.length !== steps.length) this.list.replaceChildren(...steps.map(() => make("li", {})));
    steps.forEach((step, number) => {
      const item = this.list.children[number];
      const content = JSON.stringify([step, languageOf(this.model)]);
      if (item.dataset.content === content) return;
      item.dataset.content = content;
      item.dataset.key = step.key;
      item.dataset.state = step.state;
      item.replaceChildren(...this.step(step));
    });
  }

  step({ key, state, lab, own }) {
    const { say } = this;
    const head = make(
      "div",
      { class: "lab-loop-step" },
      make("span", {}, say(`step_${key}`)),
      make("span", { class: "lab-loop-state" }, make("span", { "aria-hidden": "true" }, `${LOOP_SIGNS[state]} `), say(`state_${state}`)),
    );
    const parts = [head, commandLine(say, this.model.get("commands")[key])];
    if (state === "skipped") parts.push(make("p", { class: "lab-soft" }, say("skipped")));
    else if (state === "same") parts.push(this.said(say("both"), lab));
    else if (lab.said || own.said) parts.push(make("div", { class: "lab-loop-two" }, this.said(say("lab"), lab), this.said(say("own"), own)));
    return parts;
  }

  said(who, { said }) {
    return make("figure", {}, make("figcaption", { class: "lab-soft" }, who), make("pre", { tabindex: "0", "aria-label": who }, said));
  }
}

/** Text whose pieces between backticks are code. */
function inCode(text) {
  return text.split("`").map((piece, number) => (number % 2 ? make("code", {}, piece) : piece));
}

function render({ model, el }) {
  const view = new OwnDockerView(model, el);
  const redraw = () => view.draw();
  const parts = ["phase", "engines", "looked", "steps", "fault", "lang"];
  parts.forEach((name) => model.on(`change:${name}`, redraw));
  const forget = noticeEnd(model, el);
  view.draw();
  return () => {
    forget();
    parts.forEach((name) => model.off(`change:${name}`, redraw));
  };
}

export default { render };
