// The layers widget: a live picture on the left, what was chosen on the right.

/** What the drawing functions need: the model, its language, and what the user has chosen. */
class LayersView extends LiveView {
  constructor(model, root) {
    super(model, root, "layers");
    this.files = new Map();
    this.asked = new Set();
    this.folders = new Map();
    this.opened = null;
    this.arriving = new Set();
  }

  // --- what the model says, in the words of the drawing

  size(bytes) { return bytes === null ? this.say("unknown_size") : humanSize(bytes); }

  containersOf(image) { return this.model.get("containers").filter((each) => each.image === image.id); }

  images() {
    const found = [];
    const visit = (tower) => { found.push(...tower.images); tower.above.forEach(visit); };
    this.model.get("towers").forEach(visit);
    return found;
  }

  layers() {
    const found = [];
    const visit = (tower) => { found.push(tower); tower.above.forEach(visit); };
    this.model.get("towers").forEach(visit);
    return found;
  }

  imageOf(id) { return this.images().find((image) => image.id === id); }

  commandName(image) { return (image?.names[0] ?? shortId(image?.id ?? "")).replace(/:latest$/, ""); }

  namesOf(ids) { return ids.map((id) => this.imageOf(id)?.names[0] ?? shortId(id)).join(", "); }

  allNames() { return this.images().flatMap((image) => image.names); }

  sharedSize(image) {
    return this.layers()
      .filter((tower) => tower.owners.includes(image.id) && tower.owners.length > 1)
      .reduce((sum, tower) => sum + (tower.size ?? 0), 0);
  }

  askForFiles(chain) {
    if (this.asked.has(chain)) return;
    this.asked.add(chain);
    this.model.send({ kind: "files", chain });
  }

  /** What a layer hides of those below; undefined for nothing. */
  hiddenBy(tower) { return this.model.get("hidden")[tower.chain]; }

  wasteOf(image) {
    return this.layers()
      .filter((tower) => tower.owners.includes(image.id))
      .reduce((sum, tower) => sum + (this.hiddenBy(tower)?.bytes ?? 0), 0);
  }

  // --- the tree of files

  openFolders(scope, folders, atFirst) {
    if (!this.folders.has(scope)) this.folders.set(scope, { open: new Set(), seen: new Set() });
    const { open, seen } = this.folders.get(scope);
    // a folder that has just come is open if there is room; one that was seen stays as it is
    for (const path of folders) {
      if (!seen.has(path) && atFirst.has(path)) open.add(path);
      seen.add(path);
    }
    return open;
  }

  toggleFolder(scope, path) {
    const { open } = this.folders.get(scope);
    if (!open.delete(path)) open.add(path);
    this.drawDetail();
  }

  /** Ask what changed in a file, or close it again. */
  openFile(scope, path, ask) {
    const isOpen = this.opened?.scope === scope && this.opened.path === path;
    this.opened = isOpen ? null : { scope, path, found: undefined };
    if (!isOpen) this.model.send({ kind: "content", scope, path, ...ask });
    this.drawDetail();
  }

  onContent({ scope, path, found }) {
    if (this.opened?.scope !== scope || this.opened.path !== path) return;
    this.opened.found = found;
    this.drawDetail();
  }

  /** What has the focus keeps it. */
  drawDetail() {
    const path = this.detail.contains(document.activeElement) ? document.activeElement.dataset.path : undefined;
    super.drawDetail();
    if (path === undefined) return;
    [...this.detail.querySelectorAll("[data-path]")].find((each) => each.dataset.path === path)?.focus({ preventScroll: true });
  }

  onMessage(message) {
    if (message.kind === "content") this.onContent(message);
    if (message.kind !== "files") return;
    this.files.set(message.chain, message.found);
    if (message.found === null) this.asked.delete(message.chain);
    this.drawDetail();
  }

  // --- drawing

  drawLegend() {
    const { say } = this;
    return [
      legendEntry("lab-layer", say("legend_read_only")),
      legendEntry("lab-layer lab-shared", say("legend_shared")),
      legendEntry("lab-container", say("legend_writable")),
    ];
  }

  drawStage() {
    const { say } = this;
    const towers = this.model.get("towers");
    const missing = this.model.get("missing");
    const more = this.model.get("more");
    if (this.model.get("engine").state === "live") {
      this.arriving = this.newAmong("containers", this.model.get("containers").map((each) => each.id));
    }
    this.largest = Math.max(0, ...this.layers().map((tower) => tower.size ?? 0));
    const isEmpty = !towers.length && !missing.length && this.model.get("engine").state === "live";
    this.stage.replaceChildren(
      ...towers.map((tower) => drawTower(this, tower)),
      ...missing.map((name) => drawMissing(this, name)),
      ...(isEmpty ? [make("div", { class: "lab-missing" }, make("p", {}, say("empty")), commandLine(say, "docker pull nginx"))] : []),
      ...(more ? [make("div", { class: "lab-soft lab-more" }, say("more", { count: more }))] : []),
    );
  }

  describe({ kind, key }) {
    const found = this.find(kind, key);
    const describe = { layer: drawLayerDetail, image: drawImageDetail, container: drawContainerDetail }[kind];
    return found && describe(this, found);
  }

  find(kind, key) {
    if (kind === "layer") return this.layers().find((tower) => tower.chain === key);
    if (kind === "image") return this.imageOf(key);
    return this.model.get("containers").find((each) => each.id === key);
  }
}

export default liveModule(
  (model, root) => new LayersView(model, root),
  ["towers", "containers", "missing", "more", "written", "hidden"],
);
