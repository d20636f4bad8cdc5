// How the network map is drawn: the host above, containers side by side, networks as lanes below.

const COLUMN = 142; // width of a container with its gap
const LABEL = 176; // width of a network's label
const HOST = { y: 8, height: 34 };
const BOX = { y: 84, width: 118, height: 46 };
const LANES = { y: 168, height: 62 };

/** Places of all things: `x` of each container, `y` of each network, and the size of it all. */
function plan(networks, containers) {
  const width = LABEL + Math.max(containers.length, 3) * COLUMN;
  return {
    width,
    height: LANES.y + Math.max(networks.length, 1) * LANES.height,
    column: new Map(containers.map((each, index) => [each.id, LABEL + index * COLUMN + COLUMN / 2])),
    lane: new Map(networks.map((each, index) => [each.name, LANES.y + index * LANES.height + 20])),
  };
}

function drawNetworkPicture(view) {
  const networks = view.model.get("networks");
  const containers = view.model.get("containers");
  const places = plan(networks, containers);
  return shape(
    "svg",
    { class: "lab-nw-picture", viewBox: `0 0 ${places.width} ${places.height}`, width: places.width, height: places.height, role: "group", "aria-label": view.say("stage") },
    drawHost(view, places),
    networks.map((network) => drawLane(view, places, network)),
    containers.map((container) => drawCables(view, places, container)),
    containers.map((container) => drawContainer(view, places, container)),
    drawWay(view, places),
  );
}

function drawHost(view, places) {
  const labelled = view.model.get("containers").flatMap((container) =>
    container.ports.map((port, index) => drawPort(view, places, container, port, index)));
  return shape(
    "g",
    { class: "lab-nw-machine" },
    shape("rect", { x: 2, y: HOST.y, width: places.width - 4, height: HOST.height, rx: 8 }),
    shape("text", { x: 16, y: HOST.y + 22, class: "lab-nw-name" }, view.say("host")),
    labelled,
  );
}

/** A published port: a socket in the host's edge, with a line to its container. */
function drawPort(view, places, container, port, index) {
  if (index > 1) return null; // the others are told with the container
  const count = Math.min(container.ports.length, 2);
  const x = places.column.get(container.id) + (count === 1 ? 0 : index * 58 - 29);
  const about = view.say("port_about", { ...port, container: container.name });
  return [
    shape("path", { class: "lab-nw-lead", d: `M${x} ${HOST.y + HOST.height} V${BOX.y}` }),
    shapeButton(
      { ...view.choice("port", `${container.id}/${port.public}/${port.type}`), class: "lab-nw-port", "aria-label": about },
      shape("title", {}, about),
      shape("rect", { x: x - 27, y: HOST.y + 7, width: 54, height: 20, rx: 4 }),
      shape("text", { x, y: HOST.y + 21, "text-anchor": "middle" }, String(port.public)),
    ),
    shape("text", { class: "lab-nw-private", x: x + 5, y: BOX.y - 6 }, `:${port.private}`),
  ];
}

function drawLane(view, places, network) {
  const y = places.lane.get(network.name);
  const subnet = network.ranges[0]?.subnet ?? "";
  const count = view.membersOf(network).length;
  const about = view.say("network_about", { name: network.name, driver: network.driver, subnet: subnet || "–", count });
  const kind = ["host", "none"].includes(network.name) ? network.name : network.internal ? "internal" : "bridge";
  return shape(
    "g",
    { class: `lab-nw-lane lab-nw-${kind} ${view.arriving.has(network.id) ? "lab-nw-new" : ""}` },
    kind !== "none" && shape("path", { class: "lab-nw-wire", d: `M${LABEL - 8} ${y} H${places.width - 6}` }),
    shapeButton(
      { ...view.choice("network", network.id), class: "lab-nw-label", "aria-label": about },
      shape("title", {}, about),
      shape("rect", { x: 4, y: y - 20, width: LABEL - 12, height: 44, rx: 7 }),
      shape("text", { x: 14, y: y - 3, class: "lab-nw-name" }, fit(network.name, LABEL - 70, 13)),
      shape("text", { x: 14, y: y + 14, class: "lab-nw-soft" }, subnet || view.say(kind === "host" ? "host" : "nowhere")),
      network.internal && shape("text", { x: LABEL - 16, y: y - 3, class: "lab-nw-soft", "text-anchor": "end" }, view.say("internal")),
      network.names && !network.internal && shape("text", { x: LABEL - 16, y: y - 3, class: "lab-nw-soft", "text-anchor": "end" }, view.say("names_work")),
    ),
  );
}

function drawCables(view, places, container) {
  const x = places.column.get(container.id);
  const joined = container.cables.filter((cable) => places.lane.has(cable.network) && cable.network !== "none");
  return joined.map((cable, index) => {
    const y = places.lane.get(cable.network);
    const at = x + (index - (joined.length - 1) / 2) * 26;
    return shape(
      "g",
      { class: `lab-nw-cable ${container.running ? "" : "lab-nw-idle"}` },
      shape("path", { d: `M${at} ${BOX.y + BOX.height} V${y}` }),
      shape("circle", { cx: at, cy: y, r: 6 }),
      cable.address && shape("text", { x: at + 10, y: y + 17 }, cable.address),
    );
  });
}

function drawContainer(view, places, container) {
  const x = places.column.get(container.id) - BOX.width / 2;
  const state = view.say(container.running ? "running" : "stopped");
  const about = view.say("container_about", { name: container.name, state, networks: container.cables.map((cable) => cable.network).join(", ") });
  return shapeButton(
    { ...view.choice("container", container.id), class: `lab-nw-box ${container.running ? "" : "lab-nw-idle"} ${view.arriving.has(container.id) ? "lab-nw-new" : ""}`, "aria-label": about },
    shape("title", {}, about),
    shape("rect", { x, y: BOX.y, width: BOX.width, height: BOX.height, rx: 8 }),
    shape("text", { x: x + BOX.width / 2, y: BOX.y + 20, "text-anchor": "middle", class: "lab-nw-name" }, fit(container.name, BOX.width - 14, 13)),
    shape("text", { x: x + BOX.width / 2, y: BOX.y + 37, "text-anchor": "middle", class: "lab-nw-soft" }, fit(container.cables.every((cable) => cable.network === "none") ? view.say("nowhere") : state, BOX.width - 14, 11)),
  );
}

/** The way of a packet to the chosen port: from the host to the gateway, along the switch, up to the container. */
function drawWay(view, places) {
  const way = view.way();
  if (!way || !places.lane.has(way.cable.network)) return null;
  const x = places.column.get(way.container.id);
  const y = places.lane.get(way.cable.network);
  const joined = way.container.cables.filter((cable) => places.lane.has(cable.network) && cable.network !== "none");
  const at = x + (joined.indexOf(way.cable) - (joined.length - 1) / 2) * 26;
  const gate = LABEL - 8;
  return shape("path", {
    class: "lab-nw-way",
    d: `M${x - 32} ${HOST.y + HOST.height / 2} H${gate} V${y} H${at} V${BOX.y + BOX.height}`,
    "aria-hidden": "true",
  });
}
