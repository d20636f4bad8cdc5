// The network map: what the model says, what is chosen, and what is said about it.

class NetworksView extends LiveView {
  constructor(model, root) {
    super(model, root, "networks");
    this.arriving = new Set();
  }

  get limited() { return false; }

  // --- what the model says

  membersOf(network) {
    return this.model.get("containers").filter((each) => each.cables.some((cable) => cable.network === network.name));
  }

  containerOf(id) { return this.model.get("containers").find((each) => each.id === id); }

  /** The chosen port with its container and the cable through which a packet comes. */
  way() {
    if (this.chosen?.kind !== "port") return undefined;
    const [id, number, type] = this.chosen.key.split("/");
    const container = this.containerOf(id);
    const port = container?.ports.find((each) => each.public === Number(number) && each.type === type);
    const cable = container?.cables.find((each) => each.gateway) ?? container?.cables[0];
    return port && cable && { container, port, cable };
  }

  // --- drawing

  drawLegend() {
    const { say } = this;
    return [
      legendEntry("lab-nw-swatch-cable", say("legend_cable")),
      legendEntry("lab-nw-swatch-port", say("legend_port")),
      legendEntry("lab-nw-swatch-idle", say("legend_stopped")),
    ];
  }

  drawStage() {
    const { say } = this;
    const missing = this.model.get("missing");
    const more = this.model.get("more");
    if (this.model.get("engine").state === "live") {
      const all = [...this.model.get("networks"), ...this.model.get("containers")];
      this.arriving = this.newAmong("things", all.map((each) => each.id));
    }
    const scroll = this.stage.querySelector(".lab-nw-scroll")?.scrollLeft ?? 0;
    this.stage.replaceChildren(
      make("div", { class: "lab-nw-scroll" }, drawNetworkPicture(this)),
      ...missing.map((name) => make("section", { class: "lab-missing" },
        make("strong", {}, say("missing", { name })), make("p", {}, say("missing_help")), commandLine(say, `docker network create ${name}`))),
      ...(more ? [make("p", { class: "lab-soft" }, say("more", { count: more }))] : []),
    );
    this.stage.querySelector(".lab-nw-scroll").scrollLeft = scroll;
  }

  describe({ kind, key }) {
    if (kind === "network") {
      const network = this.model.get("networks").find((each) => each.id === key);
      return network && describeNetwork(this, network);
    }
    if (kind === "container") {
      const container = this.containerOf(key);
      return container && describeContainer(this, container);
    }
    const way = this.way();
    return way && describeWay(this, way);
  }
}

function aboutNetwork(network) {
  if (["bridge", "host", "none"].includes(network.name)) return `about_${network.name}`;
  return network.internal ? "about_internal" : "about_own";
}

function describeNetwork(view, network) {
  const { say } = view;
  const members = view.membersOf(network);
  const addressOf = (container) => container.cables.find((cable) => cable.network === network.name);
  return [
    make("h4", {}, `${say("network")} ${network.name}`),
    make("p", {}, say(aboutNetwork(network))),
    drawFacts([
      [say("driver"), network.driver],
      ...network.ranges.flatMap((range) => [[say("subnet"), make("code", {}, range.subnet)], [say("gateway"), range.gateway && make("code", {}, range.gateway)]]),
    ]),
    make("h5", {}, say("members")),
    members.length
      ? make("ul", { class: "lab-nw-list" }, members.map((container) => make(
        "li", {}, make("strong", {}, container.name), " ", make("code", {}, addressOf(container).address),
        addressOf(container).aliases.length > 0 && make("span", { class: "lab-soft" }, ` · ${say("aliases")} ${addressOf(container).aliases.join(", ")}`))))
      : make("p", {}, say("nobody")),
    drawSame(view, `docker network inspect ${network.name}`),
  ].flat();
}

function describeContainer(view, container) {
  const { say } = view;
  const facts = container.cables.flatMap((cable) => [
    [say("address", { network: cable.network }), cable.address && make("code", {}, cable.address)],
    ["IPv6", cable.address6 && make("code", {}, cable.address6)],
    [say("aliases"), cable.aliases.join(", ")],
  ]);
  const ports = container.ports.map((port) => [say("port"), `${port.public} → ${port.private}/${port.type} (${port.addresses.join(", ")})`]);
  return [
    make("h4", {}, `${say("container")} ${container.name}`),
    make("p", {}, say(container.running ? "about_container" : "about_container_stopped")),
    drawFacts([...facts, ...ports]),
    drawSame(view, `docker inspect -f '{{json .NetworkSettings.Networks}}' ${container.name}`, `docker port ${container.name}`),
  ].flat();
}

function describeWay(view, { container, port, cable }) {
  const { say } = view;
  const values = { ...port, addresses: port.addresses.join(", "), network: cable.network, gateway: cable.gateway, address: cable.address, container: container.name };
  return [
    make("h4", {}, `${say("port")} ${port.public} → ${container.name}:${port.private}`),
    make("h5", {}, say("way")),
    make("ol", { class: "lab-nw-steps" }, ["way_1", "way_2", "way_3", "way_4"].map((step) => make("li", {}, say(step, values)))),
    make("p", { class: "lab-soft" }, say("way_back")),
    drawSame(view, `docker port ${container.name}`, `curl localhost:${port.public}`),
  ].flat();
}

export default liveModule((model, root) => new NetworksView(model, root), ["networks", "containers", "missing", "more"]);
