// Virtual machine and container compared on six points: each cell a measurement or a fact.

const POINTS = ["layer", "kernel", "weight", "startup", "use", "unit"];
const SIDES = ["vm", "container"];

/** Seconds as people say them: 840 µs, 12.3 ms, 4.56 s. */
function humanSeconds(seconds) {
  if (seconds === 0) return "0 s";
  const [factor, unit] = seconds >= 1 ? [1, "s"] : seconds >= 1e-3 ? [1e3, "ms"] : [1e6, "µs"];
  return `${Number((seconds * factor).toPrecision(3))} ${unit}`;
}

/** What a cell says: `{text, measured}`; `found` are the measurements by kind, fewest first. */
function cellOf(say, point, side, found) {
  if (point === "layer" || point === "unit") return { text: say(`${point}_${side}`), measured: false };
  const list = found[side];
  if (!list.length) return { text: say("unmeasured"), measured: false };
  return { text: MEASURED[point](say, side, list, found), measured: true };
}

const MEASURED = {
  kernel(say, side, [{ kernel }], found) {
    const host = found.process[0]?.kernel;
    if (side === "vm") return host ? say("kernel_own", { kernel, host }) : say("kernel_own_alone", { kernel });
    return say(kernel === host ? "kernel_same" : "kernel_seen", { kernel });
  },
  weight(say, side, list, found) {
    const [first] = list;
    return first.count === 1 ? say("weight", { disk: humanSize(first.disk) }) : MEASURED.use(say, side, list, found);
  },
  startup: (say, side, [first]) => say(`startup_${side}`, { start: humanSeconds(first.start / first.count) }),
  use(say, _, list) {
    const last = list.at(-1);
    const use = say("use", { count: last.count, memory: humanSize(last.memory), disk: humanSize(last.disk) });
    return list.length > 1 && list[0].count === 1 ? say("use_more", { memory: humanSize(list[0].memory), use }) : use;
  },
};

/** Draw the table; `shown` holds the keys of revealed cells, `toggle(key)` and `all()` change it. */
function drawComparison(say, found, shown, { toggle, all }) {
  const whole = shown.size === POINTS.length * SIDES.length;
  return make(
    "section",
    { class: "lab-vm-comparison" },
    make("h5", {}, say("table")),
    make("p", { class: "lab-soft" }, say("table_help"), " ",
      make("button", { type: "button", class: "lab-vm-all", "data-key": "all", onclick: all }, say(whole ? "hide_all" : "reveal_all"))),
    make(
      "table",
      {},
      make("thead", {}, make("tr", {}, make("th", { scope: "col" }, say("point")), SIDES.map((side) => make("th", { scope: "col" }, say(side))))),
      make("tbody", {}, POINTS.map((point) => make(
        "tr",
        {},
        make("th", { scope: "row" }, say(`point_${point}`)),
        SIDES.map((side) => drawCell(say, point, side, found, shown, toggle)),
      ))),
    ),
  );
}

function drawCell(say, point, side, found, shown, toggle) {
  const key = `${point}-${side}`;
  if (!shown.has(key)) {
    const about = say("reveal_about", { point: say(`point_${point}`), kind: say(side) });
    return make("td", {}, make("button", { type: "button", class: "lab-vm-hidden", "data-key": key, "aria-label": about, onclick: () => toggle(key) }, "? ", say("reveal")));
  }
  const { text, measured } = cellOf(say, point, side, found);
  const badge = measured ? "measured" : text === say("unmeasured") ? "" : "fact";
  return make("td", { "data-key": key, tabindex: "-1" }, badge && make("span", { class: `lab-vm-badge lab-vm-${badge}` }, say(badge)), text);
}
