// The namespaces widget: a table of places and namespaces, and what was chosen in it.

const TYPES = ["mnt", "pid", "net", "ipc", "uts", "user", "cgroup", "time"];
const PATTERNS = 6;
const JOINABLE = { pid: "--pid", net: "--network", ipc: "--ipc" };

class NamespacesView extends LiveView {
  constructor(model, root) {
    super(model, root, "namespaces");
    this.arriving = new Set();
  }

  // --- what the model says

  get types() {
    const places = this.model.get("places");
    return TYPES.filter((type) => places.some((place) => place.spaces[type]));
  }

  /** The shared namespace that a place has of a type, with its number among all; undefined: its own. */
  sharedOf(place, type) {
    const shared = this.model.get("shared");
    if (this.indexed !== shared) {
      this.indexed = shared;
      this.index = new Map(shared.map((each, index) => [`${each.type}/${each.key}`, { ...each, index }]));
    }
    return this.index.get(`${type}/${place.spaces[type]?.key}`);
  }

  nameOf(place) { return place.kind === "container" ? place.name : this.say(place.kind); }

  names(shared) {
    const names = shared.names.map((name) => (["host", "sandbox"].includes(name) ? this.say(name) : name)).join(", ");
    const rest = shared.count - shared.names.length;
    return rest > 0 ? this.say("and_more", { names, count: rest }) : names;
  }

  placeOf(key) { return this.model.get("places").find((place) => placeKey(place) === key); }

  // --- choosing

  choose(chosen) {
    const place = (choice) => (choice?.kind === "place" ? this.placeOf(choice.key) : undefined);
    const before = place(this.chosen);
    const now = place(chosen);
    if (before?.id) this.model.send({ kind: "shut", id: before.id });
    if (now?.id) this.model.send({ kind: "open", id: now.id });
    super.choose(chosen);
  }

  /** Arrows move in two directions: a place, and right of it its namespaces. */
  moveFocus(step, key) {
    const row = document.activeElement.closest("tr");
    if (!row) return;
    const cells = [...row.querySelectorAll("button")];
    const column = cells.indexOf(document.activeElement);
    if (key === "ArrowLeft" || key === "ArrowRight") {
      cells[column + step]?.focus();
      return;
    }
    const rows = [...row.parentElement.children];
    const next = rows[rows.indexOf(row) + step];
    if (next) [...next.querySelectorAll("button")][column]?.focus();
  }

  // --- drawing

  drawLegend() {
    const { say } = this;
    return [
      legendEntry("lab-ns-own", say("legend_own")),
      make("span", {}, make("span", { class: "lab-ns-letter lab-ns-p0", "aria-hidden": "true" }, "A"), " ", say("legend_shared")),
    ];
  }

  drawStage() {
    const { say } = this;
    const places = this.model.get("places");
    const live = this.model.get("engine").state === "live";
    const more = this.model.get("more");
    if (live) this.arriving = this.newAmong("places", places.map(placeKey));
    this.tabStop = placeKey(places.find((place) => this.chosen?.key === placeKey(place)) ?? places[0] ?? {});
    this.stage.replaceChildren(
      ...(places.length ? [drawMap(this, places)] : []),
      ...(more ? [make("p", { class: "lab-soft" }, say("more", { count: more }))] : []),
      ...drawAbsent(this, this.model.get("missing"), "docker start NAME"),
      ...(live && places.length && !places.some((place) => place.kind === "container") && !this.model.get("missing").length
        ? [make("div", { class: "lab-missing" }, make("p", {}, say("empty")), commandLine(say, "docker run -d --name web nginx"))] : []),
    );
  }

  describe({ kind, key }) {
    if (kind === "place") {
      const place = this.placeOf(key);
      return place && describePlace(this, place);
    }
    const [type, ...rest] = key.split("/");
    const place = this.placeOf(rest.join("/"));
    return place?.spaces[type] && describeSpace(this, place, type);
  }
}

function placeKey(place) { return place.id || place.kind; }

/** The last digits of a namespace's number: the first ones are nearly always the same. */
function shortInode(inode) { return inode === null ? "" : String(inode).slice(-5); }

/** A, B, ... Z, AA, ... */
function letterOf(index) {
  const rest = Math.floor(index / 26);
  return (rest ? letterOf(rest - 1) : "") + String.fromCharCode(65 + (index % 26));
}

function drawMap(view, places) {
  const { say, types } = view;
  const head = types.map((type) => make(
    "th", { scope: "col", title: say(`ns_${type}`) }, make("code", {}, type), make("span", { class: "lab-soft" }, say(type))));
  const chosen = view.chosen?.kind === "space" ? view.chosen.key.split("/") : [];
  const chosenSpace = chosen.length ? view.placeOf(chosen.slice(1).join("/"))?.spaces[chosen[0]]?.key : undefined;
  return make(
    "div",
    { class: "lab-ns-scroll" },
    make(
      "table",
      { class: "lab-ns-map", "aria-label": say("stage") },
      make("thead", {}, make("tr", {}, make("th", { scope: "col" }, make("span", { class: "lab-visually-hidden" }, say("place"))), head)),
      make("tbody", {}, places.map((place) => drawPlace(view, place, chosen[0], chosenSpace))),
    ),
  );
}

function drawPlace(view, place, chosenType, chosenSpace) {
  const { say, types } = view;
  const key = placeKey(place);
  const isContainer = place.kind === "container";
  return make(
    "tr",
    { class: `lab-ns-${place.kind} ${view.arriving.has(key) ? "lab-arriving" : ""}` },
    make("th", { scope: "row" }, make(
      "button",
      // one stop of the Tab key for all places: arrows lead on from there
      { ...view.choice("place", key), class: "lab-ns-place", tabindex: key === view.tabStop ? "0" : "-1" },
      make("span", { class: "lab-ns-name" }, view.nameOf(place)),
      isContainer && make("span", { class: "lab-soft" }, say("container")),
    )),
    types.map((type) => make("td", {}, drawSpace(view, place, type, type === chosenType && place.spaces[type]?.key === chosenSpace))),
  );
}

function drawSpace(view, place, type, lit) {
  const { say } = view;
  const space = place.spaces[type];
  const name = view.nameOf(place);
  if (!space) return make("span", { class: "lab-ns-unknown", title: say("not_told"), "aria-label": say("cell_unknown", { place: name, type }) }, "–");
  const shared = view.sharedOf(place, type);
  const inode = space.inode ?? "";
  const about = shared
    ? say("cell_shared", { place: name, type, inode, names: view.names(shared) })
    : say("cell_own", { place: name, type, inode });
  const pattern = shared ? `lab-ns-shared lab-ns-p${shared.index % PATTERNS}` : "lab-ns-own";
  return make(
    "button",
    {
      ...view.choice("space", `${type}/${placeKey(place)}`),
      class: `lab-ns-space ${pattern} ${lit ? "lab-ns-lit" : ""}`,
      tabindex: "-1",
      "aria-label": about,
      title: about,
    },
    shared && make("span", { class: "lab-ns-letter" }, letterOf(shared.index)),
    make("span", { class: "lab-ns-inode" }, shortInode(space.inode) || (shared ? "" : say("own"))),
  );
}

// --- what is said about the chosen thing

function describePlace(view, place) {
  const { say } = view;
  const facts = view.types.filter((type) => place.spaces[type]).map((type) => {
    const shared = view.sharedOf(place, type);
    return [make("code", {}, type), shared ? `${letterOf(shared.index)} · ${say("shared_with", { names: view.names(shared) })}` : say("own")];
  });
  const container = place.kind === "container";
  return [
    make("h4", {}, container ? `${say("container")} ${place.name}` : view.nameOf(place)),
    make("p", {}, say(`${place.kind}_about`)),
    container && make("h5", {}, say("processes")),
    container && drawProcesses(view, place.id),
    make("h5", {}, say("title")),
    drawFacts(facts),
    container && drawSame(view, `docker top ${place.name}`, `docker inspect -f '{{.State.Pid}}' ${place.name}`),
  ].flat();
}

function describeSpace(view, place, type) {
  const { say } = view;
  const { inode } = place.spaces[type];
  const shared = view.sharedOf(place, type);
  const name = place.name;
  const container = place.kind === "container";
  return [
    make("h4", {}, say("namespace", { type }), shared && ` ${letterOf(shared.index)}`),
    make("p", {}, say(`ns_${type}`)),
    drawFacts([
      [say("inode"), inode === null ? say("not_told") : make("code", {}, String(inode))],
      [say("who"), shared ? view.names(shared) : `${view.nameOf(place)} (${say("own")})`],
    ]),
    container && drawSame(view, `docker exec ${name} readlink /proc/self/ns/${type}`),
    container && JOINABLE[type] && make("h5", {}, say("share_it")),
    container && JOINABLE[type] && commandLine(say, `docker run -d ${JOINABLE[type]} container:${name} nginx`),
  ].flat();
}

export default liveModule(
  (model, root) => new NamespacesView(model, root),
  ["places", "shared", "missing", "more"],
  ["processes"],
);
