// The cgroups widget: a card for each container, with a meter and a line for each resource.

const NEAR = 0.9; // the part of a limit from which on it counts as nearly reached
const RESOURCES = ["memory", "cpu", "pids"];

class CgroupsView extends LiveView {
  constructor(model, root) {
    super(model, root, "cgroups");
  }

  // --- what the model says

  meterOf(id) { return this.model.get("meters").find((meter) => meter.id === id); }

  /** The latest value of a resource; null if it is not known. */
  latest(meter, index) {
    const last = meter.points[meter.points.length - 1];
    return last ? last[index + 1] : null;
  }

  /** A value of a resource as text. */
  amount(index, value) {
    if (RESOURCES[index] === "memory") return binarySize(value);
    if (RESOURCES[index] === "cpu") return this.say("cpu_limit", { percent: percentText(value) });
    return String(value);
  }

  /** What there would be to take without a limit. */
  all(index) {
    const { cpus, memory } = this.model.get("machine");
    if (RESOURCES[index] === "memory") return memory ? binarySize(memory) : "";
    if (RESOURCES[index] === "cpu") return this.say("all_cpus", { count: cpus ?? "?" });
    return this.say("all_pids");
  }

  /** What was asked for, as text. */
  wishes(meter) {
    const [memory, cpus, pids] = meter.asked;
    return [memory && `--memory ${binarySize(memory)}`, cpus && `--cpus ${cpus}`, pids && `--pids-limit ${pids}`].filter(Boolean).join(", ");
  }

  letters() { return { oom: this.say("oom"), full: this.say("full") }; }

  // --- drawing

  drawLegend() {
    const { say } = this;
    return [
      legendEntry("lab-cg-swatch-used", say("legend_used")),
      legendEntry("lab-cg-swatch-limit", say("legend_limit")),
      legendEntry("lab-cg-swatch-throttled", say("legend_throttled")),
      make("span", {}, make("span", { class: "lab-cg-skull", "aria-hidden": "true" }, "✕"), " ", say("legend_oom")),
    ];
  }

  drawStage() {
    const { say } = this;
    const meters = this.model.get("meters");
    const missing = this.model.get("missing");
    const more = this.model.get("more");
    const live = this.model.get("engine").state === "live";
    const start = "docker run -d --name NAME --memory 64m --cpus 0.5 --pids-limit 50 nginx";
    this.stage.replaceChildren(
      ...meters.map((meter) => drawMeter(this, meter)),
      ...drawAbsent(this, missing, start),
      ...(live && !meters.length && !missing.length
        ? [make("section", { class: "lab-missing" }, make("p", {}, say("empty")), commandLine(say, start.replace("NAME", "web")))] : []),
      ...(more ? [make("p", { class: "lab-soft lab-cg-more" }, say("more", { count: more }))] : []),
    );
  }

  describe({ key }) {
    const meter = this.meterOf(key);
    return meter && describeMeter(this, meter);
  }
}

/** Bytes as `docker stats` writes them: 64MiB is what `--memory 64m` means. */
function binarySize(bytes) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  let value = bytes;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${Number(value.toPrecision(3))}${units[unit]}`;
}

/** 0.4, 7.2, 53, 180: as many digits as one can read. */
function percentText(value) {
  return value < 10 ? String(Number(value.toFixed(1))) : String(Math.round(value));
}

function drawMeter(view, meter) {
  const { say } = view;
  const runs = ["running", "paused", "restarting"].includes(meter.state);
  const killed = meter.oom_killed || meter.counts.oom_kills > 0 || meter.marks.some(([, kind]) => kind === "oom");
  return make(
    "section",
    { class: `lab-cg-card ${runs ? "" : "lab-cg-off"} ${killed ? "lab-cg-killed" : ""}`, "aria-label": meter.name },
    make(
      "button",
      { ...view.choice("container", meter.id), class: "lab-cg-head" },
      make("span", { class: "lab-cg-name" }, meter.name),
      make("span", { class: runs ? "lab-cg-on" : "lab-soft" }, `${runs ? "●" : "○"} ${say(meter.state)}`),
    ),
    drawCardBody(view, meter, runs),
    make("div", { class: "lab-cg-alert", role: "status" }, alertsOf(view, meter, runs, killed)),
  );
}

function drawCardBody(view, meter, runs) {
  const { say } = view;
  if (!meter.known) return make("p", { class: "lab-soft" }, say("waiting"));
  if (meter.version === null && runs) return drawNoGroups(view, meter);
  if (!runs && !meter.points.some((point) => point[1] !== null)) return make("p", { class: "lab-soft" }, say("stopped"));
  return RESOURCES.map((resource, index) => drawResource(view, meter, resource, index));
}

function drawNoGroups(view, meter) {
  const { say } = view;
  const wishes = view.wishes(meter);
  return [
    make("strong", {}, say("no_groups")),
    make("p", {}, say("no_groups_help")),
    wishes && make("p", {}, say("asked_in_vain", { wishes })),
  ];
}

/** What happened to the container, each with a mark and a sentence. */
function alertsOf(view, meter, runs, killed) {
  const { say } = view;
  const found = [];
  if (killed) found.push(["✕", "oom", !runs && meter.oom_killed ? say("killed") : say("oom")]);
  else if (meter.marks.some(([, kind]) => kind === "full")) found.push(["▲", "full", say("full")]);
  if (meter.throttled > 0.05) found.push(["≋", "throttled", say("throttled", { seconds: meter.throttled.toFixed(1) })]);
  return found.map(([mark, kind, text]) => make("p", { class: `lab-cg-says-${kind}` }, make("span", { "aria-hidden": "true" }, `${mark} `), text));
}

function drawResource(view, meter, resource, index) {
  const { say } = view;
  const limit = meter.limits[index];
  const value = view.latest(meter, index);
  const text = usedText(view, index, value, limit);
  return make(
    "div",
    { class: "lab-cg-resource" },
    make("div", { class: "lab-cg-label" }, make("span", { class: "lab-cg-what" }, say(resource)), make("span", { class: "lab-cg-value" }, text)),
    drawBar(view, say(resource), value, limit, text),
    drawLine(view, meter, say(resource), index, limit),
  );
}

function usedText(view, index, value, limit) {
  const { say } = view;
  if (value === null || value === undefined) return limit === null ? "–" : say("of_limit", { used: "–", limit: view.amount(index, limit) });
  const used = view.amount(index, value);
  return limit === null ? say("no_limit", { used }) : say("of_limit", { used, limit: view.amount(index, limit) });
}

function drawBar(view, name, value, limit, text) {
  const part = limit === null || value === null || value === undefined ? 0 : Math.min(1, value / limit);
  const near = part >= NEAR;
  return make(
    "div",
    {
      class: `lab-cg-bar ${limit === null ? "lab-cg-open" : ""} ${near ? "lab-cg-near" : ""}`,
      role: "meter",
      "aria-label": name,
      "aria-valuemin": "0",
      "aria-valuemax": String(limit ?? 1),
      "aria-valuenow": String(Math.min(value ?? 0, limit ?? value ?? 0)),
      "aria-valuetext": near ? `${text}, ${view.say("near")}` : text,
      title: near ? view.say("near") : text,
    },
    make("span", { class: "lab-cg-fill", style: `width: ${(100 * part).toFixed(1)}%` }),
  );
}

function drawLine(view, meter, name, index, limit) {
  const points = meter.points.map((point) => [point[0], point[index + 1], index === 1 && point[4]]);
  const values = points.map(([, value]) => value).filter((value) => value !== null);
  const amount = (value) => (value === undefined || value === null ? "–" : view.amount(index, value));
  const label = view.say("history", {
    what: name,
    least: amount(values.length ? Math.min(...values) : undefined),
    most: amount(values.length ? Math.max(...values) : undefined),
    now: amount(view.latest(meter, index)),
  });
  const marks = index === 0 ? meter.marks : [];
  return drawSparkline({ label, now: meter.now, kept: meter.kept, points, limit, marks, letters: view.letters() });
}

// --- what is said about the chosen container

function describeMeter(view, meter) {
  const { say } = view;
  const { counts } = meter;
  const name = meter.name;
  const limits = RESOURCES.map((resource, index) => [
    resource === "cpu" ? say("cpu_of_one") : say(resource),
    meter.version === null ? say("not_counted")
      : meter.limits[index] === null ? say("all_of", { all: view.all(index) })
        : say("of_limit", { used: usedAmount(view, meter, index), limit: view.amount(index, meter.limits[index]) }),
  ]);
  return [
    make("h4", {}, name),
    drawFacts([
      ...limits,
      [say("oom_kills"), counts.oom_kills === null ? "" : String(counts.oom_kills)],
      [say("throttled_periods"), counts.throttled_periods === null ? "" : String(counts.throttled_periods)],
      [say("version"), meter.version && say("version_of", { version: meter.version })],
    ]),
    make("h5", {}, say("what")),
    make("p", {}, say("what_help")),
    drawSame(view, `docker stats --no-stream ${name}`),
    make("h5", {}, say("change")),
    commandLine(say, `docker update --memory 128m --memory-swap 128m --cpus 1 ${name}`),
  ].flat();
}

function usedAmount(view, meter, index) {
  const value = view.latest(meter, index);
  return value === null ? "–" : view.amount(index, value);
}

export default liveModule(
  (model, root) => new CgroupsView(model, root),
  ["meters", "machine", "missing", "more"],
);
