// The architecture of Docker as a picture: the way that a command took is lit, step by step.

const ARCHITECTURE = {
  size: [980, 236],
  boxes: {
    client: [12, 62, 170, 74],
    daemon: [300, 12, 390, 150],
    images: [436, 44, 112, 46],
    containers: [564, 44, 112, 46],
    networks: [436, 104, 240, 42],
    registry: [800, 62, 168, 74],
    kernel: [300, 190, 390, 38],
  },
  ways: {
    client: ["M182 99 H296", 239, 84],
    registry: ["M690 99 H796", 743, 84],
    images: ["M404 92 C418 90 416 68 432 67", 535, 62],
    containers: ["M404 84 C420 28 540 24 600 41", 664, 62],
    networks: ["M404 106 C416 112 416 124 432 125", 663, 130],
    kernel: ["M495 162 V186", 512, 180],
  },
};

const TALL = {
  size: [420, 416],
  boxes: {
    client: [12, 12, 190, 60],
    daemon: [12, 118, 396, 208],
    images: [136, 156, 124, 52],
    containers: [272, 156, 124, 52],
    networks: [136, 262, 260, 48],
    registry: [222, 12, 186, 60],
    kernel: [12, 366, 396, 42],
  },
  ways: {
    client: ["M70 72 V114", 92, 98],
    registry: ["M315 118 V76", 338, 98],
    images: ["M112 214 C126 208 118 184 132 182", 246, 176],
    containers: ["M112 226 C180 250 300 244 330 212", 384, 176],
    networks: ["M112 240 C122 252 118 280 132 286", 382, 292],
    kernel: ["M200 326 V362", 222, 349],
  },
};

const NUMBERED = ["images", "containers"]; // these have their number inside
const DIGITS = "①②③④⑤⑥⑦⑧";

/** The stations of a command in their order: client, then what answered, then the kernel. */
function stationsOf(command) {
  if (!command) return [];
  const parts = [];
  for (const call of command.calls) for (const part of call.parts) if (!parts.includes(part)) parts.push(part);
  const count = command.calls.reduce((sum, call) => sum + countOf(call), 0);
  return ["client", ...parts, ...(count ? ["kernel"] : [])];
}

/** How many system calls an API call led to. */
function countOf(call) {
  return Object.values(call.counts).reduce((sum, count) => sum + count, 0);
}

/** The sentences of the way, one for each station. */
function wayOf(view, command) {
  const { say } = view;
  const asked = command.calls.filter((call) => call.method).length;
  const made = command.calls.reduce((sum, call) => sum + countOf(call), 0);
  const counts = { client: asked, kernel: made };
  return stationsOf(command).map((station) => say(`way_${station}`, { count: counts[station] ?? "" }));
}

function drawArchitecture(view, command, narrow) {
  const { say } = view;
  const plan = narrow ? TALL : ARCHITECTURE;
  const stations = stationsOf(command);
  const [width, height] = plan.size;
  const label = command ? `${say("way")}: ${wayOf(view, command).join("; ")}` : say("no_way");
  const head = `${view.detail.id}-way`;
  return shape(
    "svg",
    { class: "lab-ge-picture", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label },
    shape("defs", {}, ["off", "on"].map((kind) => shape(
      "marker", { id: `${head}-${kind}`, viewBox: "0 0 8 8", refX: 6.5, refY: 4, markerWidth: 8, markerHeight: 8, markerUnits: "userSpaceOnUse", orient: "auto-start-reverse", class: `lab-ge-head-${kind}` },
      shape("path", { d: "M0 0 L8 4 L0 8 Z" })))),
    Object.entries(plan.boxes).map(([name, box]) => drawBox(view, name, box, stations.includes(name) || (name === "daemon" && stations.length > 0))),
    drawPort(view, plan),
    Object.entries(plan.ways).map(([name, place]) => drawWay(name, place, stations.indexOf(name), head, view.fresh)),
  );
}

function drawBox(view, name, [x, y, width, height], lit) {
  const { say } = view;
  const about = { client: say("client_is"), registry: say("registry_is") }[name];
  const corner = name === "daemon";
  return shape(
    "g",
    { class: `lab-ge-box lab-ge-box-${name} ${lit ? "lab-ge-lit" : ""}`, "data-box": name, transform: `translate(${x} ${y})` },
    shape("rect", { width, height, rx: 9 }),
    shape("text", { class: "lab-ge-name", x: corner ? 14 : width / 2 - (NUMBERED.includes(name) ? 8 : 0), y: corner ? 22 : height / 2 + (about ? -3 : 5), "text-anchor": corner ? "start" : "middle" }, fit(say(name), width - 16, 13.5)),
    about && shape("text", { class: "lab-ge-small", x: width / 2, y: height / 2 + 15, "text-anchor": "middle" }, fit(about, width - 12, 11)),
  );
}

/** The daemon's door: the REST API. */
function drawPort(view, plan) {
  const [x, y, , height] = plan.boxes.daemon;
  const middle = y + height / 2;
  return shape(
    "g",
    { class: "lab-ge-port" },
    shape("rect", { x: x + 14, y: middle - 16, width: 88, height: 42, rx: 6 }),
    shape("text", { x: x + 58, y: middle + 10, "text-anchor": "middle" }, view.say("rest")),
  );
}

function drawWay(name, [path, x, y], step, head, fresh) {
  const lit = step >= 0;
  return shape(
    "g",
    { class: `lab-ge-way ${lit ? "lab-ge-lit" : ""} ${lit && fresh ? "lab-ge-fresh" : ""}`, "data-way": name, style: `--lab-step: ${Math.max(step, 0)}` },
    shape("path", { d: path, "marker-end": `url(#${head}-${lit ? "on" : "off"})` }),
    lit && shape("text", { class: "lab-ge-step", x, y, "text-anchor": "middle" }, DIGITS[step] ?? String(step + 1)),
  );
}
