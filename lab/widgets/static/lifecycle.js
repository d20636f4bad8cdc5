// The lifecycle widget: states as boxes, containers as tokens in them, arrows that light up.

const NARROW_BELOW = 640; // pixels of the stage
const SHINES = 2600; // milliseconds that an arrow shines after it was taken
const TOKEN = { width: 88, height: 21, gap: 5, head: 27 };

class LifecycleView extends LiveView {
  constructor(model, root) {
    super(model, root, "lifecycle");
    this.seen = null;
    this.log = make("ol", { class: "lab-lc-log", role: "log", "aria-live": "polite" });
    this.logTitle = make("h5", {});
    this.body.append(make("section", { class: "lab-lc-arrows" }, this.logTitle, this.log));
    this.observer = new ResizeObserver(() => this.onResize());
    this.observer.observe(this.stage);
  }

  get limited() { return false; }

  get narrow() { return this.stage.clientWidth > 0 && this.stage.clientWidth < NARROW_BELOW; }

  onResize() {
    if (this.narrow !== this.drawnNarrow) this.redrawStage();
  }

  // --- what the model says

  /** The state of the picture in which a token stands. */
  stateOf(token) {
    if (token.state === "removing") return "removed";
    return token.state === "dead" ? "exited" : token.state;
  }

  tokensIn(state) { return this.model.get("tokens").filter((token) => this.stateOf(token) === state); }

  byWhom(arrow) {
    if (arrow.command) return arrow.command;
    if (arrow.edge.endsWith("-running")) return this.say("by_engine");
    return this.say(arrow.edge.endsWith("-removed") ? "by_rm" : "by_itself");
  }

  /** Arrows taken since the last drawing; none the first time. */
  freshArrows() {
    const arrows = this.model.get("arrows");
    const latest = arrows.length ? arrows[arrows.length - 1].number : 0;
    const before = this.seen ?? latest;
    this.seen = Math.max(latest, this.seen ?? 0);
    return arrows.filter((arrow) => arrow.number > before);
  }

  // --- drawing

  drawLegend() {
    const { say } = this;
    return [legendEntry("lab-lc-swatch-token", say("legend_token")), legendEntry("lab-lc-swatch-taken", say("legend_taken"))];
  }

  drawStage() {
    const { say } = this;
    this.drawnNarrow = this.narrow;
    const plan = this.narrow ? NARROW : WIDE;
    for (const arrow of this.freshArrows()) this.shine(arrow.edge);
    const more = this.model.get("more");
    this.stage.replaceChildren(
      drawPicture(this, plan),
      ...(more ? [make("p", { class: "lab-soft" }, say("more", { count: more }))] : []),
      ...drawAbsent(this, this.model.get("missing"), "docker run -d --name NAME nginx"),
    );
    this.drawLog();
  }

  /** Let an arrow shine for a moment. */
  shine(edge) {
    this.shining ??= new Map();
    clearTimeout(this.shining.get(edge));
    this.shining.set(edge, setTimeout(() => {
      this.shining.delete(edge);
      this.redrawStage();
    }, SHINES));
  }

  drawLog() {
    const { say } = this;
    const arrows = this.model.get("arrows").slice(-12).reverse();
    this.logTitle.textContent = say("arrows");
    this.log.setAttribute("aria-label", say("arrows"));
    const kept = new Map([...this.log.children].map((item) => [item.dataset.key, item]));
    // what did not change stays, so that a screen reader tells only what is new
    const items = arrows.map((arrow) => {
      const key = `${this.language}/${arrow.number}/${arrow.command}/${arrow.edge}`;
      return kept.get(key) ?? drawArrowText(this, arrow, key);
    });
    this.log.replaceChildren(...(items.length ? items : [make("li", { class: "lab-soft" }, say("no_arrows"))]));
  }

  describe({ kind, key }) {
    if (kind === "state") return describeState(this, key);
    const token = this.model.get("tokens").find((each) => each.id === key);
    return token && describeToken(this, token);
  }
}

function drawArrowText(view, arrow, key) {
  const { say } = view;
  const [before, after] = arrow.edge.split("-");
  const time = new Date(arrow.time * 1000).toLocaleTimeString(view.language);
  const note = arrow.note && say(arrow.note, { code: arrow.code });
  return make(
    "li",
    { "data-key": key },
    make("span", { class: "lab-soft lab-lc-time" }, time),
    make("span", {}, make("strong", {}, arrow.name), ` ${say(before)} → ${say(after)}`, note && make("span", { class: "lab-soft" }, ` · ${note}`)),
    arrow.command ? make("code", {}, arrow.command) : make("span", { class: "lab-soft" }, view.byWhom(arrow)),
  );
}

function drawPicture(view, plan) {
  const { say } = view;
  const arrows = view.model.get("arrows");
  const latest = arrows[arrows.length - 1];
  const [width, height] = plan.size;
  return shape(
    "svg",
    { class: "lab-lc-picture", viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": say("stage") },
    shape("defs", {}, ["plain", "taken"].map((kind) => shape(
      "marker", { id: `${view.detail.id}-${kind}`, viewBox: "0 0 8 8", refX: 6.5, refY: 4, markerWidth: 8, markerHeight: 8, markerUnits: "userSpaceOnUse", orient: "auto", class: `lab-lc-head-${kind}` },
      shape("path", { d: "M0 0 L8 4 L0 8 Z" })))),
    Object.entries(plan.edges).map(([edge, place]) => drawEdge(view, edge, place, latest?.edge === edge)),
    Object.entries(plan.states).map(([state, box]) => drawState(view, state, box)),
    latest && plan.edges[latest.edge] && drawTag(view, plan, latest),
  );
}

function drawEdge(view, edge, [path, x, y, anchor], taken) {
  const shines = view.shining?.has(edge);
  return shape(
    "g",
    { class: `lab-lc-edge ${taken ? "lab-lc-taken" : ""} ${shines ? "lab-lc-shines" : ""}`, "data-edge": edge },
    shape("path", { d: path, "marker-end": `url(#${view.detail.id}-${taken || shines ? "taken" : "plain"})` }),
    !taken && EDGE_WORDS[edge] && anchor && shape("text", { x, y, "text-anchor": anchor }, EDGE_WORDS[edge]),
  );
}

/** The command that took the last arrow, on that arrow. */
function drawTag(view, plan, arrow) {
  const [, wordsX, wordsY, anchor, x = wordsX, y = wordsY] = plan.edges[arrow.edge];
  if (!anchor) return null;
  const text = fit(view.byWhom(arrow), plan === NARROW ? 190 : 225, 12);
  const wide = [...text].reduce((sum, letter) => sum + (letter > "ᄀ" ? 12 : 7.3), 16);
  const left = Math.min(Math.max(x - { start: 6, middle: wide / 2, end: wide - 6 }[anchor], 2), plan.size[0] - wide - 2);
  return shape(
    "g",
    { class: "lab-lc-tag", "aria-hidden": "true" },
    shape("rect", { x: left, y: y - 15, width: wide, height: 22, rx: 5 }),
    shape("text", { x: left + wide / 2, y, "text-anchor": "middle" }, text),
  );
}

function drawState(view, state, [x, y, width, height]) {
  const { say } = view;
  const tokens = view.tokensIn(state);
  return shape(
    "g",
    { class: `lab-lc-state lab-lc-${state}`, transform: `translate(${x} ${y})` },
    shapeButton(
      { ...view.choice("state", state), class: "lab-lc-box", "aria-label": say("state_about", { state: say(state), count: tokens.length }) },
      shape("rect", { width, height, rx: 10 }),
      shape("text", { class: "lab-lc-state-name", x: 12, y: 19 }, say(state)),
      tokens.length > 0 && shape("text", { class: "lab-lc-count", x: width - 12, y: 19, "text-anchor": "end" }, String(tokens.length)),
    ),
    drawTokens(view, tokens, width, height),
  );
}

/** The latest tokens of a state, as many as there is room for; the others are counted. */
function drawTokens(view, tokens, width, height) {
  const columns = Math.max(1, Math.floor((width - 14) / (TOKEN.width + TOKEN.gap)));
  const rows = Math.max(1, Math.floor((height - TOKEN.head - 3) / (TOKEN.height + TOKEN.gap)));
  const room = columns * rows;
  const drawn = tokens.length > room ? tokens.slice(tokens.length - room + 1) : tokens;
  const wide = (width - 20 - (columns - 1) * TOKEN.gap) / columns;
  const place = (index) => [10 + (index % columns) * (wide + TOKEN.gap), TOKEN.head + Math.floor(index / columns) * (TOKEN.height + TOKEN.gap)];
  const rest = tokens.length - drawn.length;
  return [
    drawn.map((token, index) => drawToken(view, token, place(index), wide)),
    rest > 0 && shape("text", { class: "lab-lc-more", x: place(drawn.length)[0] + 6, y: place(drawn.length)[1] + 15 }, view.say("more_tokens", { count: rest })),
  ];
}

function drawToken(view, token, [x, y], width) {
  const { say } = view;
  const code = token.state === "exited" && token.code ? ` (${token.code})` : "";
  return shapeButton(
    {
      ...view.choice("token", token.id),
      class: `lab-lc-token lab-lc-token-${token.state}`,
      transform: `translate(${x} ${y})`,
      "aria-label": say("token_about", { name: token.name, state: say(token.state) }) + code,
    },
    shape("title", {}, `${token.name} · ${say(token.state)}${code}`),
    shape("rect", { width, height: TOKEN.height, rx: 10.5 }),
    shape("text", { x: width / 2, y: 14.5, "text-anchor": "middle" }, fit(token.name + code, width - 12, 12)),
  );
}

// --- what is said about the chosen thing

function describeToken(view, token) {
  const { say } = view;
  const state = view.stateOf(token);
  const since = token.since && new Date(token.since * 1000).toLocaleTimeString(view.language);
  return [
    make("h4", {}, `${token.name} · ${say(token.state)}`),
    make("p", {}, say(`about_${state}`)),
    drawFacts([
      [say("exit_code"), state === "exited" && token.code !== null && String(token.code)],
      [say("since"), since],
      ["id", make("code", { title: token.id }, shortId(token.id))],
    ]),
    drawNext(view, state, token.name),
    state !== "removed" && drawSame(view, `docker ps -a --filter id=${shortId(token.id)}`),
  ].flat();
}

function describeState(view, state) {
  const { say } = view;
  const tokens = view.tokensIn(state);
  return [
    make("h4", {}, say(state)),
    make("p", {}, say(`about_${state}`)),
    make("h5", {}, say("in_state")),
    make("p", {}, tokens.length ? tokens.map((token) => token.name).join(", ") : say("nobody")),
    drawNext(view, state, tokens.length ? tokens[tokens.length - 1].name : "web"),
    state !== "removed" && drawSame(view, `docker ps -a --filter status=${state}`),
  ].flat();
}

/** The commands that lead away from a state. */
function drawNext(view, state, name) {
  const { say } = view;
  if (!COMMANDS[state]?.length) return [];
  return [
    make("h5", {}, say("next")),
    make("ul", { class: "lab-lc-next" }, COMMANDS[state].map(([command, does]) =>
      make("li", {}, commandLine(say, command.replace("NAME", name)), make("span", { class: "lab-soft" }, say(does))))),
  ];
}

export default liveModule(
  (model, root) => new LifecycleView(model, root),
  ["tokens", "arrows", "missing", "more"],
);
