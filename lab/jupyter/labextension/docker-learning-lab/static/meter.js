// The isolation meter as a page: verdicts, then what was found, section by section.
// Source of the report's form: `lab doctor --json`.

import { languageButtons, loadStyle, make, rich } from "./dom.js";
import { LANGUAGES, remember, words } from "./words.js";

const GRADES = ["real", "limited", "absent"];
const SIGNS = { real: "M3 8.5l3.2 3.2L13 4.8", limited: "M3 9.5q2.5-3 5 0t5 0", absent: "M4 8h8" };

/** A sign that stands beside a word, never instead of one. */
function sign(grade) {
  const space = "http://www.w3.org/2000/svg";
  const picture = document.createElementNS(space, "svg");
  const path = document.createElementNS(space, "path");
  path.setAttribute("d", SIGNS[grade]);
  picture.setAttribute("viewBox", "0 0 16 16");
  picture.setAttribute("aria-hidden", "true");
  picture.append(path);
  return picture;
}

/** Shows the report that `ask(method)` gives; `node` is what to put on the page. */
export class Meter {
  constructor(language, ask) {
    this.node = make("div", { class: "docker-lab-meter", tabindex: "-1" });
    this.onLanguage = () => {};
    this._ask = ask;
    this._language = language;
    this._state = { kind: "measuring" };
    this._closed = new Set();
  }

  /** Get the report and show it. */
  start() {
    loadStyle("meter.css");
    this._draw();
    void this._measure("GET");
  }

  say(key, values) {
    return words(this._language, key, values);
  }

  async _measure(method) {
    this._state = { kind: "measuring", report: this._state.report };
    this._draw();
    try {
      this._state = { kind: "shown", report: await this._ask(method) };
    } catch (error) {
      this._state = { kind: "failed", message: String(error.message ?? error) };
    }
    this._draw();
  }

  _speak(language) {
    this._language = language;
    remember(language);
    this._draw();
    this.node.querySelector(`[data-language="${language}"]`).focus();
  }

  _draw() {
    const { kind, report, message } = this._state;
    const place = this.node.scrollTop;
    this.node.lang = this._language;
    this.node.setAttribute("aria-busy", String(kind === "measuring"));
    this.node.replaceChildren(
      this._head(kind, report),
      kind === "failed" ? this._failure(message) : "",
      ...(report ? [this._verdicts(report), ...report.sections.map((each) => this._section(each))] : []),
    );
    this.node.scrollTop = place;
    this.onLanguage();
  }

  _head(kind, report) {
    const busy = kind === "measuring";
    const time = report ? new Date(report.measured * 1000).toLocaleTimeString(this._language) : "";
    const state = busy ? this.say("measuring") : time && this.say("at", { time });
    const again = make(
      "button",
      { type: "button", class: "docker-lab-again", disabled: busy, onclick: () => this._measure("POST") },
      this.say(kind === "failed" ? "retry" : "again"),
    );
    return make(
      "header",
      {},
      make("div", {}, make("h1", {}, this.say("title")), make("p", { class: "docker-lab-soft" }, this.say("lead"))),
      make(
        "div",
        { class: "docker-lab-tools" },
        make("div", { role: "group", "aria-label": this.say("language") }, this._switches()),
        again,
        make("span", { class: "docker-lab-soft", role: "status" }, state),
      ),
    );
  }

  _switches() {
    return languageButtons(LANGUAGES, this._language, (code) => this._speak(code));
  }

  _failure(message) {
    return make("div", { class: "docker-lab-failure", role: "alert" }, make("strong", {}, this.say("failed")), `: ${message}`);
  }

  _verdicts(report) {
    const cards = report.sandboxes.map((each) => this._verdict(each, report));
    const none = report.works ? "" : make("p", { class: "docker-lab-none" }, this.say("none"));
    return make("section", { "aria-label": this.say("sandboxes") }, make("div", { class: "docker-lab-cards" }, cards), none);
  }

  _verdict(verdict, report) {
    const marks = [];
    if (verdict.kind === report.chosen) marks.push(this.say("chosen"));
    if (verdict.kind === report.running?.kind) marks.push(this.say("running"));
    return make(
      "article",
      { class: "docker-lab-card", "data-works": String(verdict.works), "data-kind": verdict.kind },
      make("h2", {}, verdict.kind),
      this._badge(verdict.works ? "real" : "absent", this.say(verdict.works ? "works" : "refused")),
      marks.map((mark) => make("span", { class: "docker-lab-mark" }, mark)),
      this._reasons(verdict),
    );
  }

  _section(section) {
    if (section.findings.length === 0) return "";
    const counts = GRADES.map((grade) => [grade, section.findings.filter((each) => each.grade === grade).length]);
    const shown = counts.filter(([, count]) => count > 0).map(([grade, count]) => `${this.say(grade)} ${count}`);
    const toggle = (event) => this._closed[event.target.open ? "delete" : "add"](section.key);
    return make(
      "details",
      { open: !this._closed.has(section.key), "data-section": section.key, ontoggle: toggle },
      make(
        "summary",
        {},
        make("h2", {}, section.title[this._language]),
        make("span", { class: "docker-lab-soft" }, shown.join(" · ")),
      ),
      make("p", { class: "docker-lab-soft" }, rich(section.about[this._language])),
      make("ul", {}, section.findings.map((finding) => this._finding(finding))),
    );
  }

  _finding(finding) {
    const text = (name) => finding[name]?.[this._language];
    return make(
      "li",
      { "data-key": finding.key, "data-grade": finding.grade },
      make(
        "div",
        { class: "docker-lab-name" },
        make("strong", {}, text("label")),
        make("span", { class: "docker-lab-soft" }, rich(text("about"))),
      ),
      this._badge(finding.grade, this.say(finding.grade)),
      make("div", { class: "docker-lab-told" }, finding.seen ? make("p", {}, rich(text("seen"))) : "", this._reasons(finding)),
    );
  }

  _badge(grade, text) {
    return make("span", { class: "docker-lab-badge", "data-grade": grade }, sign(grade), text);
  }

  _reasons(told) {
    return ["why", "help"]
      .filter((name) => told[name])
      .map((name) =>
        make("p", {}, make("span", { class: "docker-lab-soft" }, `${this.say(name)}: `), rich(told[name][this._language])),
      );
  }
}
