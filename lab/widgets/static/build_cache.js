// The build cache widget: the latest builds, the steps of one, and what a change would cost.

class BuildCacheView extends LiveView {
  constructor(model, root) {
    super(model, root, "build-cache");
    this.shownBuild = null;
  }

  // --- what the model says

  /** The build whose steps are shown: the latest, until another one is chosen. */
  shownBuildOf() {
    const builds = this.model.get("builds");
    return builds.find((each) => each.number === this.shownBuild) ?? builds[0];
  }

  nameOf(build) { return build.tags[0] ?? this.say("untagged"); }

  timeOf(build) { return build.seconds === null ? this.say("running") : `${build.seconds} s`; }

  why(step) { return step.hit ? this.say("same") : this.say(`why_${step.changed || "new"}`); }

  /** What a change of the chosen step means for this one: `yes`, `maybe` or undefined. */
  markOf(step) {
    if (this.chosen?.kind !== "step") return undefined;
    const changed = this.shownBuildOf()?.steps.find((each) => String(each.number) === this.chosen.key);
    return changed?.rebuilt[String(step.number)];
  }

  showBuild(number) {
    this.shownBuild = number === this.model.get("builds")[0]?.number ? null : number;
    this.choose(null);
  }

  // --- drawing

  drawLegend() {
    return [
      legendEntry("lab-bc-swatch-hit", this.say("legend_hit")),
      legendEntry("lab-bc-swatch-new", this.say("legend_new")),
      legendEntry("lab-bc-swatch-mark", this.say("legend_mark")),
    ];
  }

  drawStage() {
    const { say } = this;
    const builds = this.model.get("builds");
    const { state, extension } = this.model.get("engine");
    const build = this.shownBuildOf();
    this.stage.replaceChildren(
      ...(build ? [drawBuilds(this, builds, build), drawSteps(this, build)] : []),
      ...(state === "live" && extension && !builds.length
        ? [make("div", { class: "lab-missing" }, make("p", {}, say("empty")), commandLine(say, "docker build -t hello ."))] : []),
    );
  }

  describe({ key }) {
    const step = this.shownBuildOf()?.steps.find((each) => String(each.number) === key);
    return step && describeStep(this, step);
  }
}

function drawBuilds(view, builds, shown) {
  const { say } = view;
  return make(
    "ul",
    { class: "lab-bc-builds", "aria-label": say("builds") },
    builds.map((build) => {
      const values = { number: build.number, name: view.nameOf(build), hits: build.hits, count: build.steps.length + build.more, time: view.timeOf(build) };
      return make("li", {}, make(
        "button",
        { type: "button", "data-kind": "build", "data-key": String(build.number), "aria-pressed": String(build === shown), class: "lab-bc-build", "aria-label": say("build_about", values), onclick: () => view.showBuild(build.number) },
        make("strong", {}, view.nameOf(build)),
        make("span", { class: "lab-soft" }, `#${build.number} · ${view.timeOf(build)}${build.error ? ` · ${say("failed")}` : ""}`),
        make("span", { class: "lab-bc-bar", "aria-hidden": "true" }, build.steps.map((step) => make("i", { class: step.hit ? "lab-bc-hit" : "lab-bc-new" }))),
      ));
    }),
  );
}

function drawSteps(view, build) {
  const { say } = view;
  let stage = 0;
  const rows = build.steps.map((step) => {
    const begins = step.stage !== stage;
    stage = step.stage;
    return drawStep(view, step, begins);
  });
  return make(
    "div",
    { class: "lab-bc-steps" },
    build.steps.length > 0 && make("p", { class: "lab-soft" }, say("hits", { hits: build.hits, count: build.steps.length + build.more })),
    make("ol", {}, rows),
    build.more > 0 && make("p", { class: "lab-soft" }, say("more", { count: build.more })),
    build.error && make("p", { class: "lab-bc-error", role: "note" }, build.error),
  );
}

function drawStep(view, step, begins) {
  const { say } = view;
  const mark = view.markOf(step);
  const what = say(step.hit ? "from_cache" : "done");
  const about = say("step_about", { number: step.number, text: step.text, what, why: view.why(step) });
  return make(
    "li",
    { class: begins ? "lab-bc-begins" : "" },
    make(
      "button",
      { ...view.choice("step", String(step.number)), class: `lab-bc-step ${step.hit ? "lab-bc-hit" : "lab-bc-new"} ${mark ? `lab-bc-mark-${mark}` : ""}`, "aria-label": mark ? `${about} ${say(`mark_${mark}`)}` : about },
      make("span", { class: "lab-bc-number" }, step.number),
      make("code", {}, step.text),
      make("span", { class: "lab-bc-what" }, step.hit ? "↺ " : "● ", what),
      make("span", { class: "lab-soft lab-bc-why" }, mark ? make("strong", {}, say(`mark_${mark}`)) : view.why(step)),
    ),
  );
}

// --- what is said about the chosen step

function describeStep(view, step) {
  const { say } = view;
  const marks = Object.values(step.rebuilt);
  const yes = marks.filter((mark) => mark === "yes").length;
  const maybe = marks.length - yes;
  const word = step.text.split(/\s/)[0].toUpperCase();
  const details = step.details.length > 0 && [
    make("h5", {}, say("details")),
    make("ul", { class: "lab-bc-details lab-changes" }, step.details.map((detail) => make("li", {}, make("code", {}, detail)))),
  ];
  return [
    make("h4", {}, make("code", {}, step.text)),
    make("p", { class: "lab-soft" }, `${say("line", { line: step.line })} · ${say(step.hit ? "from_cache" : "done")}: ${view.why(step)}`),
    details,
    make("h5", {}, say("if_changed")),
    make("p", {}, say("if_yes", { count: yes })),
    maybe > 0 && make("p", {}, say("if_maybe", { count: maybe })),
    yes === 1 && maybe === 0 && make("p", {}, say("if_last")),
    ["COPY", "ADD"].includes(word) && make("p", {}, say("if_copy")),
    word === "RUN" && make("p", {}, say("if_run")),
    drawSame(view, `docker history ${view.shownBuildOf().tags[0] ?? "IMAGE"}`),
  ].flat();
}

export default liveModule((model, root) => new BuildCacheView(model, root), ["builds"]);
