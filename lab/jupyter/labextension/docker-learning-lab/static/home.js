// Home: the way through the course, what is real here, the engine, and the progress.

import { languageButtons, loadStyle, make, rich } from "./dom.js";
import { homeWords } from "./home_words.js";
import { LANGUAGES, remember } from "./words.js";

const GRADES = ["real", "limited", "absent"];
const MARKS = { new: "○", begun: "◐", done: "●" };
const PAUSE = 1000;

/** Shows the course; `lab` does what is asked for (see plugin_home.js), `node` is put on the page. */
export class Home {
  constructor(language, course, lab) {
    this.node = make("div", { class: "docker-lab-home", tabindex: "-1" });
    this.onLanguage = () => {};
    this._language = language;
    this._course = course;
    this._lab = lab;
    this._told = null;
    this._report = null;
    this._engine = null;
    this._asked = null;
    this._said = {};
    this._fault = "";
  }

  start() {
    loadStyle("home.css");
    this._draw();
    void this.look();
    void this._watchEngine();
    void this._measure();
  }

  /** Ask for the course again, and show it. */
  async look() {
    try {
      this._told = await this._course.told();
      this._fault = "";
    } catch (error) {
      this._fault = String(error.message ?? error);
    }
    this._draw();
  }

  say(key, values) {
    return homeWords(this._language, key, values);
  }

  // --- asking the server

  async _measure() {
    this._report = await this._lab.report().catch(() => null);
    this._draw();
  }

  /** Show the engine's state until it is no longer starting. */
  async _watchEngine() {
    do {
      this._engine = await this._lab.engine().catch(() => null);
      this._draw();
      if (this._engine?.state !== "starting") return;
      await new Promise((resolve) => setTimeout(resolve, PAUSE));
    } while (this.node.isConnected);
  }

  /** Do something, and say in its section how that went. */
  async _do(section, before, work, after) {
    this._asked = null;
    this._said = { [section]: { text: before ? this.say(before) : "", busy: true } };
    this._draw();
    try {
      await work();
      this._said = { [section]: { text: this.say(after) } };
    } catch (error) {
      this._said = { [section]: { text: this.say("not_done", { reason: error.message ?? error }), failed: true } };
    }
    this._draw();
  }

  _reset() {
    return this._do("engine", "resetting", async () => {
      await this._lab.reset();
      await this._watchEngine();
      if (this._engine?.state !== "ready") throw new Error(this._engine?.message ?? "");
    }, "reset_done");
  }

  _forget() {
    return this._do("progress", "", () => this._course.forget(), "forgotten");
  }

  async _import(input) {
    const [file] = input.files;
    if (file === undefined) return;
    const text = await file.text();
    await this._do("progress", "", () => this._course.imported(text), "imported");
  }

  async _speak(language) {
    this._language = language;
    remember(language);
    this._draw();
    this.node.querySelector(`[data-language="${language}"]`).focus();
    // JupyterLab asks itself whether to load the page again
    await this._lab.speak(language).catch((error) => console.warn("docker-lab:", error));
  }

  // --- drawing

  _draw() {
    const { scrollTop } = this.node;
    const focused = this.node.contains(document.activeElement) ? document.activeElement.dataset.focus : undefined;
    this.node.lang = this._language;
    this.node.replaceChildren(this._head(), this._notice(), this._way(), this._side());
    this.node.scrollTop = scrollTop;
    if (focused !== undefined) this._focus(focused);
    this.onLanguage();
  }

  _focus(name) {
    this.node.querySelector(`[data-focus="${name}"]:not(:disabled)`)?.focus({ preventScroll: true });
  }

  _head() {
    const switches = languageButtons(LANGUAGES, this._language, (code) => void this._speak(code));
    switches.forEach((each) => { each.dataset.focus = each.dataset.language; });
    return make(
      "header",
      {},
      make("div", {}, make("h1", {}, this.say("title")), make("p", { class: "docker-lab-soft" }, this.say("lead"))),
      make("div", { class: "docker-lab-switch", role: "group", "aria-label": this.say("language") }, switches),
    );
  }

  _notice() {
    if (!this._fault) return "";
    return make(
      "div",
      { class: "docker-lab-notice", role: "alert" },
      this.say("failed", { reason: this._fault }),
      this._button("retry", "retry", () => void this.look()),
    );
  }

  _button(words, focus, onclick, more = {}) {
    return make("button", { type: "button", "data-focus": focus, onclick, ...more }, this.say(words));
  }

  _way() {
    if (this._told === null) return make("p", { class: "docker-lab-way", role: "status" }, this._fault ? "" : this.say("loading"));
    const { lessons, next, due } = this._told;
    return make(
      "section",
      { class: "docker-lab-way", "aria-label": this.say("path") },
      this._goOn(lessons.find((each) => each.name === next)),
      due.length ? make("p", {}, rich(this.say("due", { count: due.length }))) : "",
      make("ol", {}, lessons.map((each) => this._lesson(each, each.name === next))),
    );
  }

  _goOn(lesson) {
    if (lesson === undefined) return make("p", { class: "docker-lab-all-done" }, this.say("all_done"));
    const title = lesson.title[this._language];
    const words = this.say(lesson.state === "begun" ? "go_on" : "begin", { title });
    return make(
      "button",
      { type: "button", class: "docker-lab-first", "data-focus": "go-on", onclick: () => this._open(lesson) },
      words,
    );
  }

  _open({ name }) {
    this._lab.open(`${this._language}/${name}.ipynb`);
  }

  _lesson(lesson, isNext) {
    const { name, state } = lesson;
    const count = (word, [done, all]) => (all && state !== "new" ? make("span", {}, this.say(word, { done, all })) : null);
    return make(
      "li",
      { "data-lesson": name, "data-state": state, "aria-current": isNext ? "step" : null },
      make("span", { class: "docker-lab-step", "aria-hidden": "true" }, MARKS[state]),
      make(
        "div",
        {},
        make(
          "button",
          { type: "button", class: "docker-lab-lesson", "data-focus": name, onclick: () => this._open(lesson) },
          `${name.slice(0, 2)} · ${lesson.title[this._language]}`,
        ),
        isNext ? make("span", { class: "docker-lab-next" }, this.say("next")) : "",
        make("p", { class: "docker-lab-soft" }, rich(lesson.about[this._language])),
      ),
      make(
        "div",
        { class: "docker-lab-counts docker-lab-soft" },
        make("strong", {}, this.say(`state_${state}`)),
        lesson.minutes ? make("span", {}, this.say("minutes", { minutes: lesson.minutes })) : null,
        count("cells", lesson.cells),
        count("quiz", lesson.quiz),
      ),
    );
  }

  _side() {
    return make("div", { class: "docker-lab-side" }, this._real(), this._engineSection(), this._progress());
  }

  _section(key, ...children) {
    const said = this._said[key];
    return make(
      "section",
      { "data-section": key, "aria-busy": String(said?.busy ?? false) },
      make("h2", {}, this.say(key)),
      children,
      make("p", { role: said?.failed ? "alert" : "status", class: "docker-lab-said" }, said?.text ?? ""),
    );
  }

  _real() {
    return this._section(
      "real",
      make("p", {}, this._report === null ? this.say("real_measuring") : rich(this._summary(this._report))),
      this._button("real_more", "real", () => this._lab.doctor()),
    );
  }

  _summary(report) {
    if (!report.works) return this.say("real_none");
    const grades = report.sections.flatMap((section) => section.findings.map((each) => each.grade));
    const counts = Object.fromEntries(GRADES.map((grade) => [grade, grades.filter((each) => each === grade).length]));
    return this.say("real_works", { kind: report.running?.kind ?? report.chosen, all: grades.length, ...counts });
  }

  _engineSection() {
    const { state, message, engine } = this._engine ?? { state: "starting", message: "" };
    const told = make("p", {}, this.say(`engine_${state}`, { message }));
    if (engine === "docker") return this._section("engine", told, make("p", {}, this.say("engine_own")));
    const busy = this._said.engine?.busy;
    return this._section("engine", told, this._asking("reset", busy, () => void this._reset()));
  }

  _progress() {
    const file = make("input", { type: "file", accept: ".json,application/json", hidden: true, onchange: (event) => void this._import(event.target) });
    return this._section(
      "progress",
      make("p", {}, this.say(this._told?.passing ? "progress_passing" : "progress_lasting")),
      make(
        "div",
        { class: "docker-lab-row" },
        this._button("export", "export", () => void this._export()),
        this._button("import", "import", () => file.click()),
        file,
      ),
      this._asking("forget", this._said.progress?.busy, () => void this._forget()),
    );
  }

  async _export() {
    const text = await this._course.exported();
    const address = URL.createObjectURL(new Blob([text], { type: "application/json" }));
    make("a", { href: address, download: "docker-lab-progress.json" }).click();
    setTimeout(() => URL.revokeObjectURL(address), PAUSE);
  }

  /** A button that asks first, and says what is lost. */
  _asking(key, busy, yes) {
    const ask = (what) => {
      this._asked = what;
      this._draw();
      this._focus(what === null ? key : `${key}-no`);
    };
    if (this._asked !== key) return this._button(key, key, () => ask(key), { disabled: busy });
    const onkeydown = (event) => { if (event.key === "Escape") ask(null); };
    return make(
      "div",
      { class: "docker-lab-ask", role: "alertdialog", "aria-label": this.say(key), "aria-describedby": `docker-lab-${key}`, onkeydown },
      make("p", { id: `docker-lab-${key}` }, this.say(`${key}_lost`)),
      make(
        "div",
        { class: "docker-lab-row" },
        this._button(`${key}_yes`, `${key}-yes`, yes, { class: "docker-lab-danger" }),
        this._button("cancel", `${key}-no`, () => ask(null)),
      ),
    );
  }
}
