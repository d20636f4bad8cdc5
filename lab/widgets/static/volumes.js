// The volumes widget: shelves of volumes, folders and memory, with the containers plugged into each.

const SHELVES = [["volume", ["volume", "anonymous"]], ["bind", ["bind"]], ["tmpfs", ["tmpfs"]]];

class VolumesView extends LiveView {
  constructor(model, root) {
    super(model, root, "volumes");
    this.arriving = new Set();
  }

  get limited() { return false; }

  // --- what the model says

  storesOf(kinds) { return this.model.get("stores").filter((store) => kinds.includes(store.kind)); }

  nameOf(store) {
    if (store.kind === "tmpfs") return store.users[0]?.place ?? "tmpfs";
    return store.kind === "anonymous" ? `${shortId(store.name)}…` : store.name;
  }

  sizeOf(store) { return store.size >= 0 ? humanSize(store.size) : ""; }

  // --- drawing

  drawLegend() {
    return [
      legendEntry("lab-vo-use", this.say("legend_running")),
      legendEntry("lab-vo-use lab-vo-idle", this.say("legend_stopped")),
      make("span", {}, make("span", { class: "lab-vo-lock" }, "ro"), " ", this.say("legend_reads")),
    ];
  }

  drawStage() {
    const { say } = this;
    const stores = this.model.get("stores");
    const missing = this.model.get("missing");
    const live = this.model.get("engine").state === "live";
    const more = this.model.get("more");
    if (live) this.arriving = this.newAmong("stores", stores.map((store) => store.key));
    const shelves = SHELVES.filter(([, kinds]) => this.storesOf(kinds).length);
    this.stage.replaceChildren(
      ...shelves.map(([group, kinds]) => drawShelf(this, group, this.storesOf(kinds))),
      ...missing.map((name) => make("section", { class: "lab-missing" },
        make("strong", {}, say("missing", { name })), make("p", {}, say("missing_help")), commandLine(say, `docker volume create ${name}`))),
      ...(live && !stores.length && !missing.length
        ? [make("div", { class: "lab-missing" }, make("p", {}, say("empty")), commandLine(say, "docker volume create data"))] : []),
      ...(more ? [make("p", { class: "lab-soft" }, say("more", { count: more }))] : []),
    );
  }

  describe({ key }) {
    const store = this.model.get("stores").find((each) => each.key === key);
    return store && describeStore(this, store);
  }
}

function drawShelf(view, group, stores) {
  return make(
    "section",
    { class: `lab-vo-shelf lab-vo-shelf-${group}` },
    make("h5", {}, view.say(`group_${group}`)),
    make("ul", {}, stores.map((store) => drawStore(view, store))),
  );
}

function drawStore(view, store) {
  const { say } = view;
  const size = view.sizeOf(store);
  const about = say("store_about", { kind: say(store.kind), name: view.nameOf(store), size: size || "?", count: store.count });
  const rest = store.count - store.users.length;
  return make(
    "li",
    { class: `lab-vo-row ${view.arriving.has(store.key) ? "lab-arriving" : ""}` },
    make(
      "button",
      { ...view.choice("store", store.key), class: `lab-vo-store lab-vo-${store.kind}`, "aria-label": about, title: store.name || about },
      make("span", { class: "lab-vo-name" }, view.nameOf(store)),
      make("span", { class: "lab-soft" }, [store.kind === "anonymous" && say("anonymous"), size].filter(Boolean).join(" · ")),
    ),
    store.users.length
      ? make("ul", { class: "lab-vo-uses" }, store.users.map((user) => drawUse(view, user)), rest > 0 && make("li", { class: "lab-soft" }, say("more_users", { count: rest })))
      : make("span", { class: "lab-soft lab-vo-unused" }, say("unused")),
  );
}

function drawUse(view, user) {
  const { say } = view;
  const about = say("use_about", {
    container: user.name,
    state: say(user.running ? "running" : "stopped"),
    place: user.place,
    access: say(user.writable ? "writes" : "reads"),
  });
  return make(
    "li",
    { class: `lab-vo-use ${user.running ? "" : "lab-vo-idle"}`, title: about },
    make("span", { class: "lab-visually-hidden" }, about),
    make("span", { "aria-hidden": "true" }, make("strong", {}, user.name), " ", make("code", {}, user.place), !user.writable && make("span", { class: "lab-vo-lock" }, "ro")),
  );
}

// --- what is said about the chosen thing

function describeStore(view, store) {
  const { say } = view;
  const users = store.users.map((user) => make(
    "li", {}, make("strong", {}, user.name), " → ", make("code", {}, user.place), make("span", { class: "lab-soft" }, ` · ${say(user.writable ? "writes" : "reads")} · ${say(user.running ? "running" : "stopped")}`)));
  return [
    make("h4", {}, `${say(store.kind)} ${view.nameOf(store)}`),
    make("p", {}, say(`about_${store.kind}`)),
    drawFacts([[say("size"), view.sizeOf(store)], ["", store.kind === "anonymous" && make("code", {}, store.name)]]),
    make("h5", {}, say("users")),
    users.length ? make("ul", { class: "lab-vo-users" }, users) : make("p", {}, say("unused")),
    drawSame(view, ...commandsFor(store)),
  ].flat();
}

/** What tells the same, and what a click cannot: who uses it. */
function commandsFor(store) {
  if (store.kind === "volume" || store.kind === "anonymous") {
    return [`docker volume inspect ${store.name}`, `docker ps -a --filter volume=${store.name}`];
  }
  return store.users.slice(0, 1).map((user) => `docker inspect -f '{{json .Mounts}}' ${user.name}`);
}

export default liveModule((model, root) => new VolumesView(model, root), ["stores", "missing", "more"]);
