// The frame of all live widgets: title, state of the engine, a stage with things to choose, what
// is said about the chosen one, and a foot with a legend and the last event.

class LiveView {
  /** `kind` names the widget's own style: the frame has the class `lab-KIND`. */
  constructor(model, root, kind) {
    this.model = model;
    this.say = speaker(model);
    this.known = new Map();
    this.chosen = null;
    this.build(root, kind);
  }

  // --- what a widget fills in

  /** Whether the engine that answers cannot tell all that this widget could show. */
  get limited() { return !this.model.get("engine").extension; }

  /** Draw the things that can be chosen (buttons made with `choice`) into `this.stage`. */
  drawStage() {}

  /** Return what is said about the chosen thing, as nodes; undefined if it is not there any more. */
  describe() { return undefined; }

  /** Return the legend's nodes. */
  drawLegend() { return []; }

  /** Do what the kernel's message says. */
  onMessage() {}

  // --- the frame

  get language() { return languageOf(this.model); }

  build(root, kind) {
    this.live = make("span", { class: "lab-live", role: "status" });
    this.notice = make("div", { class: "lab-notice", role: "alert", hidden: true });
    this.stage = make("div", { class: "lab-stage", role: "group" });
    this.detail = make("div", { class: "lab-detail", id: `lab-detail-${Math.random().toString(36).slice(2)}` });
    this.heard = make("div", { class: "lab-heard" });
    this.title = make("span", { class: "lab-title" });
    this.tools = make("span", { class: "lab-tools" });
    this.legend = make("div", { class: "lab-legend" });
    this.body = make("div", { class: "lab-body" }, this.stage, this.detail);
    this.body.addEventListener("keydown", (event) => this.onKey(event));
    this.frame = make(
      "div",
      { class: `lab-root lab-frame lab-${kind}` },
      make("div", { class: "lab-head" }, this.title, this.tools, this.live),
      make("div", { class: "lab-stale", role: "alert" }, this.say("not_live")),
      this.notice,
      this.body,
      make("div", { class: "lab-foot" }, this.legend, this.heard),
    );
    root.replaceChildren(this.frame);
  }

  draw() {
    this.drawHead();
    this.redrawStage();
    this.drawDetail();
  }

  drawHead() {
    const { say } = this;
    const engine = this.model.get("engine");
    this.frame.lang = this.language;
    this.title.textContent = say("title");
    this.live.textContent = `${engine.state === "live" ? "●" : "○"} ${say(engine.state)}`;
    this.live.dataset.state = engine.state;
    this.stage.setAttribute("aria-label", say("stage"));
    const limited = engine.state === "live" && this.limited;
    if (engine.state === "gone") this.drawGone(engine.message);
    else this.notice.replaceChildren(...(limited ? withCode(say("limited", { name: engine.name })) : []));
    this.notice.hidden = !limited && engine.state !== "gone";
    this.notice.dataset.state = engine.state;
    this.legend.replaceChildren(...this.drawLegend());
    this.drawHeard();
  }

  /** Say that the engine does not answer, and why, if the Jupyter server knows. */
  async drawGone(message) {
    const { say } = this;
    const reason = make("p", { class: "lab-soft" }, message);
    this.notice.replaceChildren(make("strong", {}, say("gone")), make("p", {}, say("gone_help")), reason);
    const answer = await fetch(`${serverRoot()}lab/engine`).catch(() => null);
    if (answer === null || !answer.ok) return;
    const told = await answer.json().catch(() => ({}));
    if (told.message) reason.textContent = told.message;
  }

  drawHeard() {
    const heard = this.model.get("heard");
    if (!heard.action) {
      this.heard.textContent = this.say("pick");
      return;
    }
    const time = new Date(heard.time * 1000).toLocaleTimeString(this.language);
    this.heard.replaceChildren(`${this.say("heard")}: `, make("code", {}, `${heard.type} ${heard.action} ${heard.name}`), ` ${time}`);
  }

  /** Draw the stage anew; what has the focus keeps it. */
  redrawStage() {
    const focused = this.stage.contains(document.activeElement) ? { ...document.activeElement.dataset } : null;
    this.drawStage();
    if (focused?.key) this.block(focused)?.focus({ preventScroll: true });
  }

  drawDetail() {
    const said = this.chosen === null ? undefined : this.describe(this.chosen);
    this.body.classList.toggle("lab-open", said !== undefined);
    const scroll = this.detail.querySelector(".lab-changes")?.scrollTop ?? 0;
    this.detail.replaceChildren(...(said ?? []).flat().filter(Boolean));
    const list = this.detail.querySelector(".lab-changes");
    if (list !== null) list.scrollTop = scroll;
  }

  /** Which of these keys were not there when the same group was drawn before. */
  newAmong(group, keys) {
    const known = this.known.get(group);
    this.known.set(group, new Set(keys));
    return new Set(known === undefined ? [] : keys.filter((key) => !known.has(key)));
  }

  // --- choosing

  /** Attributes of a button that chooses something, and leaves it again. */
  choice(kind, key) {
    const chosen = this.chosen !== null && this.chosen.kind === kind && this.chosen.key === key;
    return {
      type: "button",
      "data-kind": kind,
      "data-key": key,
      "aria-expanded": String(chosen),
      "aria-controls": this.detail.id,
      onclick: () => this.choose(chosen ? null : { kind, key }),
    };
  }

  choose(chosen) {
    this.chosen = chosen;
    this.draw();
  }

  block({ kind, key }) {
    return [...this.stage.querySelectorAll("[data-kind]")].find(
      (each) => each.dataset.kind === kind && each.dataset.key === key);
  }

  onKey(event) {
    const steps = { ArrowUp: -1, ArrowLeft: -1, ArrowDown: 1, ArrowRight: 1 };
    if (event.key === "Escape" && this.chosen !== null) this.leaveChosen();
    else if (event.key in steps && this.stage.contains(event.target)) this.moveFocus(steps[event.key], event.key);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** Close what is said about the chosen thing; the focus goes back to that thing. */
  leaveChosen() {
    const left = this.chosen;
    this.choose(null);
    this.block(left)?.focus();
  }

  moveFocus(step) {
    const blocks = [...this.stage.querySelectorAll("[data-kind]")];
    const next = blocks[blocks.indexOf(document.activeElement) + step];
    if (next) next.focus();
  }
}

/** A text of the table as nodes: what stands in backticks is code. */
function withCode(text) {
  return text.split("`").map((part, index) => (index % 2 ? make("code", {}, part) : part));
}

/** A legend's entry: a swatch with these classes, and what it means. */
function legendEntry(classes, text) {
  return make("span", {}, make("span", { class: `lab-swatch ${classes}`, "aria-hidden": "true" }), text);
}

/** Facts as a list of names and values; those without a value are left out. */
function drawFacts(facts) {
  return make(
    "dl",
    { class: "lab-facts" },
    facts.filter(([, value]) => value).map(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]),
  );
}

/** The command that tells the same in a terminal. */
function drawSame(view, ...commands) {
  return [make("h5", {}, view.say("same_command")), ...commands.map((command) => commandLine(view.say, command))];
}

function shortId(id) {
  return id.replace(/^sha256:/, "").slice(0, 12);
}

/** Return a function that calls `draw` once in the next frame, however often it is called before. */
function oncePerFrame(draw) {
  let waiting = false;
  return () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      draw();
    });
  };
}

/**
 * What a live widget's module exports: `makeView(model, el)` returns its view, changes of `traits`
 * draw all of it, those of `detailTraits` only what is said about the chosen thing.
 */
function liveModule(makeView, traits, detailTraits = []) {
  function render({ model, el }) {
    const view = makeView(model, el);
    const redraw = oncePerFrame(() => view.draw());
    const redrawDetail = oncePerFrame(() => view.drawDetail());
    const parts = ["engine", "lang", ...traits];
    parts.forEach((name) => model.on(`change:${name}`, redraw));
    detailTraits.forEach((name) => model.on(`change:${name}`, redrawDetail));
    const onHeard = () => view.drawHeard();
    model.on("change:heard", onHeard);
    const onMessage = (message) => view.onMessage(message);
    model.on("msg:custom", onMessage);
    const leave = announce(model, el);
    view.draw();
    return () => {
      parts.forEach((name) => model.off(`change:${name}`, redraw));
      detailTraits.forEach((name) => model.off(`change:${name}`, redrawDetail));
      model.off("change:heard", onHeard);
      model.off("msg:custom", onMessage);
      leave();
    };
  }
  return { render };
}
