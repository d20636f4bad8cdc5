// The glass engine: the way of the last command on top, below what it consists of.

const GLASS_NARROW = 620; // pixels of the stage
const FRESH = 2600; // milliseconds that a new command's way is animated

class GlassView extends LiveView {
  constructor(model, root) {
    super(model, root, "glass");
    this.command = null; // a command's number; null follows the latest
    this.row = null;
    this.fresh = false;
    this.newest = null;
    this.pauseButton = make("button", { type: "button", class: "lab-ge-button", onclick: () => this.togglePause() });
    this.clearButton = make("button", { type: "button", class: "lab-ge-button", onclick: () => this.clear() });
    this.tools.append(this.pauseButton, this.clearButton);
    this.said = make("div", { class: "lab-visually-hidden", role: "status" });
    this.frame.append(this.said);
    new ResizeObserver(() => { if (this.narrow !== this.drawnNarrow) this.redrawStage(); }).observe(this.stage);
  }

  get narrow() { return this.stage.clientWidth > 0 && this.stage.clientWidth < GLASS_NARROW; }

  /** The command that is shown: the chosen one, or the latest. */
  get shown() {
    const commands = this.model.get("commands");
    return commands.find((each) => each.number === this.command) ?? commands[commands.length - 1];
  }

  // --- buttons

  togglePause() { this.model.send({ kind: "pause", paused: !this.model.get("paused") }); }

  clear() {
    this.follow();
    this.model.send({ kind: "clear" });
  }

  /** Follow the latest command again. */
  follow() {
    this.command = null;
    this.row = null;
    this.model.send({ kind: "open", request: "" });
    this.redrawStage();
  }

  /** Attributes of a button that shows something. */
  pick(kind, key, chosen) {
    return {
      type: "button",
      "data-kind": kind,
      "data-key": key,
      "aria-expanded": String(Boolean(chosen)),
      // of up to two hundred rows one is a stop of the Tab key: arrows lead on from there
      tabindex: kind === "row" && key !== (this.row ?? "0") ? "-1" : "0",
      onclick: () => this.onPick(kind, key),
    };
  }

  onPick(kind, key) {
    const toggled = this.row === key ? null : key;
    this.row = kind === "row" ? toggled : null;
    if (kind === "call") {
      this.command = this.shown.number;
      this.model.send({ kind: "open", request: key });
    }
    if (kind === "command") this.openCommand(Number(key));
    this.redrawStage();
  }

  openCommand(number) {
    const command = this.model.get("commands").find((each) => each.number === number);
    this.command = number;
    const most = command?.calls.reduce((best, call) => (countOf(call) >= countOf(best) ? call : best));
    if (most) this.model.send({ kind: "open", request: most.request });
  }

  onKey(event) {
    if (event.key === "Escape" && (this.command !== null || this.row !== null)) {
      this.follow();
      event.stopPropagation();
      event.preventDefault();
    } else super.onKey(event);
  }

  // --- drawing

  drawHead() {
    super.drawHead();
    const { say } = this;
    const paused = this.model.get("paused");
    this.pauseButton.textContent = `${paused ? "▶" : "❚❚"} ${say(paused ? "resume" : "pause")}`;
    this.pauseButton.setAttribute("aria-pressed", String(paused));
    this.pauseButton.setAttribute("aria-label", say(paused ? "resume" : "pause"));
    this.clearButton.textContent = `✕ ${say("clear")}`;
    this.clearButton.setAttribute("aria-label", say("clear"));
  }

  drawLegend() {
    const { say } = this;
    const missed = this.model.get("missed");
    return [
      ...(this.model.get("paused") ? [make("strong", {}, say("is_paused"))] : []),
      ...(missed ? [make("span", {}, say("missed", { count: missed }))] : []),
    ];
  }

  drawStage() {
    this.drawnNarrow = this.narrow;
    const commands = this.model.get("commands");
    this.noteNewest(commands[commands.length - 1]);
    const command = this.shown;
    const scrolls = [...this.stage.querySelectorAll("[data-scroll]")].map((each) => [each.dataset.scroll, each.scrollTop]);
    this.stage.replaceChildren(
      drawArchitecture(this, command, this.narrow),
      drawSaidWay(this, command),
      ...(command ? [this.drawLists(commands, command)] : []),
    );
    for (const [name, top] of scrolls) {
      const part = this.stage.querySelector(`[data-scroll="${name}"]`);
      if (part) part.scrollTop = top;
    }
    this.showCall();
  }

  /** Scroll the list of calls once, when another one is shown, so that this one is in sight. */
  showCall() {
    const { request } = this.model.get("calls");
    if (request === this.inSight) return;
    this.inSight = request;
    const list = this.stage.querySelector('[data-scroll="calls"]');
    const chosen = list?.querySelector('[data-kind="call"][aria-expanded="true"]');
    if (!chosen) return;
    const place = chosen.getBoundingClientRect();
    const frame = list.getBoundingClientRect();
    if (place.bottom > frame.bottom || place.top < frame.top) list.scrollTop += place.top - frame.top - frame.height / 3;
  }

  /** Animate a new command's way for a moment, and tell it to screen readers when it is over. */
  noteNewest(newest) {
    if (!newest || newest.number === this.newest) return;
    const first = this.newest === null && this.model.get("commands").length > 1;
    this.newest = newest.number;
    if (first) return;
    this.fresh = true;
    clearTimeout(this.freshTimer);
    this.freshTimer = setTimeout(() => {
      this.fresh = false;
      this.redrawStage();
      const now = this.shown;
      if (now) this.said.textContent = `${commandName(this, now)}: ${wayOf(this, now).join("; ")}`;
    }, FRESH);
  }

  drawLists(commands, command) {
    const { say } = this;
    const request = this.model.get("calls").request;
    const part = (name, title, ...content) => make(
      "section", { class: `lab-ge-part lab-ge-part-${name}`, "aria-label": title },
      make("h5", {}, title), make("div", { class: "lab-ge-scroll", "data-scroll": name, tabindex: "-1" }, content));
    return make(
      "div",
      { class: "lab-ge-lists" },
      part("commands", say("commands"), drawCommands(this, commands, command),
        this.command !== null && make("button", { type: "button", class: "lab-ge-button", onclick: () => this.follow() }, `↧ ${say("back_to_latest")}`)),
      part("calls", say("calls"), drawCalls(this, command, request)),
      part("syscalls", say("syscalls"), drawSystemCalls(this)),
    );
  }
}

/** The way in words, below the picture; without a command, one to try. */
function drawSaidWay(view, command) {
  const { say } = view;
  if (!command) return make("section", { class: "lab-missing lab-ge-try" }, make("p", {}, say("waiting")), commandLine(say, "docker run --rm busybox echo hello"));
  return make(
    "div",
    { class: "lab-ge-said" },
    make("code", { class: "lab-ge-said-command" }, commandName(view, command)),
    make("ol", {}, wayOf(view, command).map((sentence, index) => make("li", {}, make("span", { "aria-hidden": "true" }, `${DIGITS[index]} `), sentence))),
  );
}

export default liveModule(
  (model, root) => new GlassView(model, root),
  ["commands", "calls", "missed", "paused"],
);
