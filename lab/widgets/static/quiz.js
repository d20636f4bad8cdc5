// The quiz at the end of a lesson: its questions, one below the other, and the score.

class QuizView extends AskingView {
  constructor(model, root) {
    super(model, root, "quiz");
    this.afterwards = "again";
  }

  head() {
    this.title = make("span", { class: "lab-title" });
    this.score = make("span", { class: "lab-score", role: "status" });
    return [make("div", { class: "lab-head" }, this.title, this.score)];
  }

  draw() {
    const { say } = this;
    const order = this.model.get("order");
    const all = order.length;
    const right = order.filter((id) => this.state(id).phase === "right").length;
    this.title.textContent = `${say("quiz")} · ${this.text(this.model.get("title"))}`;
    this.score.textContent = right === all ? `✓ ${say("all_right", { all })}` : say("score", { right, all });
    this.drawFault();
    const blocks = order.map((id, place) =>
      this.block(id, () => drawQuestion(this, id, say("question", { number: place + 1, all }))));
    if (this.body.children.length !== blocks.length) this.body.replaceChildren(...blocks);
  }
}

export default askingModule((model, root) => new QuizView(model, root), ["title", "order"]);
