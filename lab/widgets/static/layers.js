// The layers widget: a live picture on the left, what was chosen on the right.

/** What the drawing functions need: the model, its language, and what the user has chosen. */
class LayersView {
  constructor(model, root) {
    this.model = model;
    this.say = speaker(model);
    this.files = new Map();
    this.asked = new Set();
    this.known = new Map();
    this.arriving = new Set();
    this.chosen = null;
    this.build(root);
  }

  get language() { return languageOf(this.model); }

  build(root) {
    this.live = make("span", { class: "lab-live", role: "status" });
    this.notice = make("div", { class: "lab-notice", role: "alert", hidden: true });
    this.stage = make("div", { class: "lab-stage", role: "group" });
    this.detail = make("div", { class: "lab-detail", id: `lab-detail-${Math.random().toString(36).slice(2)}` });
    this.heard = make("div", { class: "lab-heard" });
    this.stage.addEventListener("keydown", (event) => this.onKey(event));
    this.title = make("span", { class: "lab-title" });
    this.legend = make("div", { class: "lab-legend" });
    this.body = make("div", { class: "lab-body" }, this.stage, this.detail);
    root.replaceChildren(make(
      "div",
      { class: "lab-root lab-layers" },
      make("div", { class: "lab-head" }, this.title, this.live),
      make("div", { class: "lab-stale", role: "alert" }, this.say("not_live")),
      this.notice,
      this.body,
      make("div", { class: "lab-foot" }, this.legend, this.heard),
    ));
  }

  // --- what the model says, in the words of the drawing

  size(bytes) { return bytes === null ? this.say("unknown_size") : humanSize(bytes); }

  containersOf(image) { return this.model.get("containers").filter((each) => each.image === image.id); }

  images() {
    const found = [];
    const visit = (tower) => { found.push(...tower.images); tower.above.forEach(visit); };
    this.model.get("towers").forEach(visit);
    return found;
  }

  layers() {
    const found = [];
    const visit = (tower) => { found.push(tower); tower.above.forEach(visit); };
    this.model.get("towers").forEach(visit);
    return found;
  }

  imageOf(id) { return this.images().find((image) => image.id === id); }

  commandName(image) { return (image?.names[0] ?? shortId(image?.id ?? "")).replace(/:latest$/, ""); }

  namesOf(ids) { return ids.map((id) => this.imageOf(id)?.names[0] ?? shortId(id)).join(", "); }

  allNames() { return this.images().flatMap((image) => image.names); }

  sharedSize(image) {
    return this.layers()
      .filter((tower) => tower.owners.includes(image.id) && tower.owners.length > 1)
      .reduce((sum, tower) => sum + (tower.size ?? 0), 0);
  }

  /** Which of these keys were not there when the same group was drawn before. */
  newAmong(group, keys) {
    const known = this.known.get(group);
    this.known.set(group, new Set(keys));
    return new Set(known === undefined ? [] : keys.filter((key) => !known.has(key)));
  }

  // --- choosing

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

  onKey(event) {
    const steps = { ArrowUp: -1, ArrowLeft: -1, ArrowDown: 1, ArrowRight: 1 };
    if (event.key === "Escape" && this.chosen !== null) this.choose(null);
    else if (event.key in steps) this.moveFocus(steps[event.key]);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  moveFocus(step) {
    const blocks = [...this.stage.querySelectorAll("button[data-kind]")];
    const next = blocks[blocks.indexOf(document.activeElement) + step];
    if (next) next.focus();
  }

  askForFiles(chain) {
    if (this.asked.has(chain)) return;
    this.asked.add(chain);
    this.model.send({ kind: "files", chain });
  }

  onMessage(message) {
    if (message.kind !== "files") return;
    this.files.set(message.chain, message.found);
    if (message.found === null) this.asked.delete(message.chain);
    this.drawDetail();
  }

  // --- drawing

  draw() {
    this.drawHead();
    this.drawStage();
    this.drawDetail();
  }

  drawHead() {
    const { say } = this;
    const engine = this.model.get("engine");
    this.title.textContent = say("title");
    this.live.textContent = `${engine.state === "live" ? "●" : "○"} ${say(engine.state)}`;
    this.live.dataset.state = engine.state;
    this.stage.setAttribute("aria-label", say("stage"));
    const limited = engine.state === "live" && !engine.extension;
    if (engine.state === "gone") this.drawGone(engine.message);
    else this.notice.replaceChildren(limited ? say("limited", { name: engine.name }) : "");
    this.notice.hidden = !limited && engine.state !== "gone";
    this.notice.dataset.state = engine.state;
    const kinds = [["lab-layer", "legend_read_only"], ["lab-layer lab-shared", "legend_shared"], ["lab-container", "legend_writable"]];
    this.legend.replaceChildren(...kinds.map(([kind, text]) =>
      make("span", {}, make("span", { class: `lab-swatch ${kind}`, "aria-hidden": "true" }), say(text))));
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

  drawStage() {
    const { say } = this;
    const towers = this.model.get("towers");
    const missing = this.model.get("missing");
    const more = this.model.get("more");
    const focused = this.stage.contains(document.activeElement) ? { ...document.activeElement.dataset } : null;
    if (this.model.get("engine").state === "live") {
      this.arriving = this.newAmong("containers", this.model.get("containers").map((each) => each.id));
    }
    this.largest = Math.max(0, ...this.layers().map((tower) => tower.size ?? 0));
    const isEmpty = !towers.length && !missing.length && this.model.get("engine").state === "live";
    this.stage.replaceChildren(
      ...towers.map((tower) => drawTower(this, tower)),
      ...missing.map((name) => drawMissing(this, name)),
      ...(isEmpty ? [make("div", { class: "lab-missing" }, make("p", {}, say("empty")), commandLine(say, "docker pull nginx"))] : []),
      ...(more ? [make("div", { class: "lab-soft lab-more" }, say("more", { count: more }))] : []),
    );
    if (focused?.key) this.block(focused)?.focus({ preventScroll: true });
  }

  block({ kind, key }) {
    return [...this.stage.querySelectorAll("button[data-kind]")].find(
      (each) => each.dataset.kind === kind && each.dataset.key === key);
  }

  drawDetail() {
    const found = this.findChosen();
    this.body.classList.toggle("lab-open", found !== undefined);
    const scroll = this.detail.querySelector(".lab-changes")?.scrollTop ?? 0;
    if (found === undefined) this.detail.replaceChildren();
    else {
      const draw = { layer: drawLayerDetail, image: drawImageDetail, container: drawContainerDetail }[this.chosen.kind];
      this.detail.replaceChildren(...draw(this, found).flat().filter(Boolean));
    }
    const list = this.detail.querySelector(".lab-changes");
    if (list !== null) list.scrollTop = scroll;
  }

  findChosen() {
    if (this.chosen === null) return undefined;
    const { kind, key } = this.chosen;
    if (kind === "layer") return this.layers().find((tower) => tower.chain === key);
    if (kind === "image") return this.imageOf(key);
    return this.model.get("containers").find((each) => each.id === key);
  }
}

function render({ model, el }) {
  const view = new LayersView(model, el);
  const redraw = () => view.draw();
  const parts = ["towers", "containers", "missing", "more", "engine", "written", "lang"];
  parts.forEach((name) => model.on(`change:${name}`, redraw));
  const onHeard = () => view.drawHeard();
  model.on("change:heard", onHeard);
  const onMessage = (message) => view.onMessage(message);
  model.on("msg:custom", onMessage);
  const leave = announce(model);
  view.draw();
  return () => {
    parts.forEach((name) => model.off(`change:${name}`, redraw));
    model.off("change:heard", onHeard);
    model.off("msg:custom", onMessage);
    leave();
  };
}

export default { render };
