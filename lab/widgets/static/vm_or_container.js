// The comparison widget: bars of what was measured, and a table of six points.

const SECONDS = ["start", "stop", "work"];
const METRICS = ["start", "stop", "memory", "disk", "work"];

class ComparisonView {
  constructor(model, root) {
    this.model = model;
    this.say = speaker(model);
    this.metric = "start";
    this.scale = "log";
    this.shown = new Set();
    this.frame = make("div", { class: "lab-root lab-frame lab-vm" });
    root.replaceChildren(this.frame);
  }

  // --- what the model says

  get measurements() { return this.model.get("measurements"); }

  /** The measurements by kind, the fewest first. */
  byKind() {
    return Object.fromEntries(["process", "container", "vm"].map((kind) => [kind, this.measurements.filter((each) => each.kind === kind)]));
  }

  write(value) { return SECONDS.includes(this.metric) ? humanSeconds(value) : humanSize(value); }

  // --- drawing

  draw() {
    const focused = this.frame.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
    this.frame.lang = languageOf(this.model);
    this.frame.replaceChildren(
      make("div", { class: "lab-head" }, make("span", { class: "lab-title" }, this.say("title"))),
      this.measurements.length ? this.drawMeasured() : make("p", { class: "lab-vm-part lab-soft", role: "note" }, this.say("nothing")),
      make("div", { class: "lab-vm-part" }, drawComparison(this.say, this.byKind(), this.shown, {
        toggle: (key) => this.change(() => this.shown.add(key)),
        all: () => this.change(() => this.toggleAll()),
      })),
    );
    if (focused) this.frame.querySelector(`[data-key="${focused}"]`)?.focus({ preventScroll: true });
  }

  change(what) {
    what();
    this.draw();
  }

  toggleAll() {
    const keys = POINTS.flatMap((point) => SIDES.map((side) => `${point}-${side}`));
    this.shown = new Set(this.shown.size === keys.length ? [] : keys);
  }

  drawMeasured() {
    const { say, metric } = this;
    const values = this.measurements.map((each) => each[metric]);
    const scale = this.scale === "log" ? logScale(values) : linearScale(values);
    const ratio = this.ratioOf();
    return make(
      "section",
      { class: "lab-vm-part" },
      make("h5", {}, say("bars")),
      make("div", { class: "lab-vm-tools" }, this.drawChoice("what", METRICS, "metric"), this.drawChoice("scale", ["log", "linear"], "scale")),
      make("p", { class: "lab-soft" }, say(`about_${metric}`), " ", scale.step ? say("about_log", { step: scale.step }) : say("about_linear")),
      drawBars(this.rows(), scale, (value) => this.write(value), say(metric)),
      make("p", { role: "status" }, ratio ? say("ratio", { ratio }) : ""),
      !this.byKind().vm.length && make("p", { class: "lab-soft", role: "note" }, say("no_vm")),
    );
  }

  rows() {
    const { say, metric } = this;
    return this.measurements.map((each) => ({
      label: [make("strong", {}, say(each.kind)), " ", say("times", { count: each.count })],
      about: say("row_about", { kind: say(each.kind), count: each.count, value: this.write(each[metric]) }),
      value: each[metric],
      classes: `lab-vm-bar-${each.kind}`,
    }));
  }

  /** How many times a container's value one virtual machine's is, as a text; undefined if unknown. */
  ratioOf() {
    const one = (kind) => this.byKind()[kind].find((each) => each.count === 1)?.[this.metric];
    const [machine, container] = [one("vm"), one("container")];
    if (machine === undefined || !container) return undefined;
    const ratio = machine / container;
    return ratio >= 100 ? String(Math.round(ratio)) : String(Number(ratio.toPrecision(2)));
  }

  /** Buttons of which one is pressed; arrows go from one to the next. */
  drawChoice(name, options, field) {
    const buttons = options.map((option) => make("button", {
      type: "button",
      "data-key": `${field}-${option}`,
      "aria-pressed": String(this[field] === option),
      onclick: () => this.change(() => { this[field] = option; }),
    }, this.say(option)));
    const onkeydown = (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      const next = step && buttons[buttons.indexOf(event.target) + step];
      if (!step) return;
      event.preventDefault();
      event.stopPropagation();
      next?.focus();
    };
    return make("div", { class: "lab-vm-choice", role: "group", "aria-label": this.say(name), onkeydown }, buttons);
  }
}

function render({ model, el }) {
  const view = new ComparisonView(model, el);
  const draw = () => view.draw();
  ["measurements", "lang"].forEach((name) => model.on(`change:${name}`, draw));
  draw();
  return () => ["measurements", "lang"].forEach((name) => model.off(`change:${name}`, draw));
}

export default { render };
