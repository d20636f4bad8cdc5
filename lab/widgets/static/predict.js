// A prediction: options to choose from, and after the next cell the answer beside them.

class PredictView extends AskingView {
  constructor(model, root) {
    super(model, root, "predict");
    this.wrongWord = "surprise";
  }

  draw() {
    const [id] = Object.keys(this.model.get("questions"));
    this.drawFault();
    const block = this.block(id, () => this.inside(id));
    if (this.body.firstChild !== block) this.body.replaceChildren(block);
  }

  /** What besides question and state is drawn in the block. */
  extra() { return [this.model.get("chosen"), this.model.get("ran"), this.model.get("last_time")]; }

  inside(id) {
    const chosen = this.model.get("chosen");
    const list = optionList(this, id, (number) => ({
      "aria-pressed": String(chosen === number),
      onclick: () => this.tell("answer", id, number),
    }));
    return [
      make("div", { class: "lab-soft lab-question-number" }, this.say("predict")),
      make("h5", { tabindex: "-1" }, rich(this.text(this.question(id).question))),
      list,
      ...this.below(id, chosen),
    ];
  }

  /** What the learner may do now. */
  below(id, chosen) {
    const over = isOver(this, id);
    const button = (kind, word) => make(
      "button", { type: "button", class: "lab-do", "data-focus": kind, onclick: () => this.tell(kind, id) }, this.say(word));
    return [
      make("p", { class: "lab-soft lab-now", role: "status" }, over ? "" : this.say(this.now(chosen)), over || chosen !== null ? "" : this.lastTime(id)),
      make(
        "div",
        { class: "lab-actions" },
        over ? button("again", "again") : null,
        !over && chosen === null ? button("tell", "show_answer") : null,
      ),
    ];
  }

  now(chosen) {
    if (this.model.get("ran")) return "predict_late";
    return chosen === null ? "predict_how" : "predict_run";
  }

  lastTime(id) {
    const number = this.model.get("last_time");
    if (number === null) return "";
    return make("span", {}, " ", rich(this.say("last_time", { text: this.text(this.question(id).options[number]) })));
  }
}

export default askingModule((model, root) => new PredictView(model, root), ["chosen", "ran", "last_time"]);
