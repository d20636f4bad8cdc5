// The learner's way: lessons with their state, what is next, and the review of what was wrong.

class ProgressView extends AskingView {
  constructor(model, root) {
    super(model, root, "progress");
    this.afterwards = "next";
  }

  head() {
    this.title = make("span", { class: "lab-title" });
    this.covered = make("span", { class: "lab-score" });
    this.damaged = make("div", { class: "lab-notice", role: "alert", hidden: true });
    this.goOn = make("div", { class: "lab-go-on" });
    this.path = make("ol", { class: "lab-path" });
    this.reviewTitle = make("h4", {});
    this.reviewText = make("p", { class: "lab-soft", role: "status" });
    return [
      make("div", { class: "lab-head" }, this.title, this.covered),
      this.damaged,
      this.goOn,
      this.path,
      make("div", { class: "lab-review-head" }, this.reviewTitle, this.reviewText),
    ];
  }

  draw() {
    const { say } = this;
    const { lessons, next, rows } = this.model.get("view");
    this.title.textContent = say("progress");
    const words = say("rows_covered", { done: rows[0].length, all: rows[1].length });
    this.covered.replaceChildren(...meter(rows[0].length, rows[1].length, words));
    this.drawFault();
    this.drawDamaged();
    const going = lessons.find((lesson) => lesson.name === next);
    this.goOn.replaceChildren(going ? this.link(going, say("go_on", { title: this.text(going.title) })) : say("all_done"));
    this.path.setAttribute("aria-label", say("path"));
    keepFocus(this.path, () => this.path.replaceChildren(...lessons.map((lesson) => this.lesson(lesson, lesson.name === next))));
    this.drawReview();
  }

  drawDamaged() {
    const names = this.model.get("damaged");
    this.damaged.hidden = !names.length;
    this.damaged.textContent = names.length ? this.say("damaged", { names: names.join(", ") }) : "";
  }

  lesson(lesson, isNext) {
    const { say } = this;
    const mark = { new: "○", begun: "◐", done: "●" }[lesson.state];
    return make(
      "li",
      { class: `lab-lesson lab-lesson-${lesson.state}`, "aria-current": isNext ? "step" : null },
      make("span", { class: "lab-lesson-mark", "aria-hidden": "true" }, mark),
      make(
        "div",
        { class: "lab-lesson-text" },
        this.link(lesson, `${lesson.name.slice(0, 2)} · ${this.text(lesson.title)}`),
        make("span", { class: "lab-lesson-state" }, say(`state_${lesson.state}`)),
        isNext ? make("span", { class: "lab-badge" }, say("next_one")) : null,
        make("div", { class: "lab-soft" }, this.text(lesson.about)),
      ),
      make("div", { class: "lab-lesson-counts lab-soft" }, this.counts(lesson)),
    );
  }

  counts(lesson) {
    const { say } = this;
    const count = (word, [done, all]) => all ? make("span", {}, `${say(word)} ${say("of", { done, all })}`) : null;
    return [
      lesson.minutes ? make("span", {}, say("minutes", { minutes: lesson.minutes })) : null,
      count("cells_run", lesson.cells),
      count("predicted", lesson.predictions),
      count("quiz_right", lesson.quiz),
    ];
  }

  /** A link to a lesson; JupyterLab's side of the lab opens it beside, where it listens. */
  link(lesson, words) {
    const path = `${this.language}/${lesson.name}.ipynb`;
    const open = (event) => {
      const asked = new CustomEvent("lab-open", { detail: { path }, cancelable: true });
      if (!document.dispatchEvent(asked)) event.preventDefault();
    };
    return make(
      "a", { href: `${serverRoot()}lab/tree/${path}`, target: "_blank", rel: "noopener", "data-focus": `${words}`, onclick: open }, words);
  }

  drawReview() {
    const { say } = this;
    const { waiting, lessons } = this.model.get("view");
    const ids = this.model.get("reviewing");
    this.reviewTitle.textContent = say("review");
    const later = waiting.length ? say("review_waiting", { count: waiting.length, time: timeUntil(waiting[0].due, this.language) }) : "";
    this.reviewText.textContent = [ids.length ? "" : say("review_none"), later].filter(Boolean).join(" ");
    const titles = new Map(lessons.map((lesson) => [lesson.name, this.text(lesson.title)]));
    const from = (id) => say("from_lesson", { title: titles.get(this.question(id).lesson) ?? this.question(id).lesson });
    const blocks = ids.map((id) => this.block(id, () => drawQuestion(this, id, from(id))));
    [...this.blocks.keys()].filter((id) => !ids.includes(id)).forEach((id) => this.blocks.delete(id));
    const same = blocks.length === this.body.children.length && blocks.every((block, place) => this.body.children[place] === block);
    if (!same) this.body.replaceChildren(...blocks);
  }
}

/** A bar that says the same in words. */
function meter(done, all, words) {
  return [make("progress", { class: "lab-meter", value: String(done), max: String(all), "aria-label": words }), ` ${words}`];
}

/** How long it is until a moment, in words: "in 10 minutes", "tomorrow". */
function timeUntil(moment, language) {
  const seconds = moment - Date.now() / 1000;
  const [unit, size] = [["day", 86400], ["hour", 3600], ["minute", 60]].find(([, each]) => seconds >= 0.95 * each) ?? ["minute", 60];
  return new Intl.RelativeTimeFormat(language, { numeric: "auto" }).format(Math.max(1, Math.round(seconds / size)), unit);
}

export default askingModule((model, root) => new ProgressView(model, root), ["view", "reviewing", "damaged"]);
