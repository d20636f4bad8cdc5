// The registry widget: repositories, the images in them, and which layers this machine has too.

const DRAWN_LAYERS = 24;
const DRAWN_TAGS = 4;

class RegistryView extends LiveView {
  constructor(model, root) {
    super(model, root, "registry");
    this.arriving = new Set();
    this.seen = new Set();
  }

  get limited() { return false; }

  get address() { return this.model.get("names")[0] ?? ""; }

  // --- what the model says

  imageOf(key) {
    for (const repository of this.model.get("repositories")) {
      const image = repository.images.find((each) => each.key === key);
      if (image) return { repository, image };
    }
    return undefined;
  }

  /** The latest pull or push of an image, if it was one of the last ones. */
  moveOf(repository, image) {
    const references = [...image.tags.map((tag) => `${repository.name}:${tag}`), `${repository.name}@${image.digest}`];
    return this.model.get("moved").filter((move) => references.includes(move.reference)).at(-1);
  }

  /** Whether a pull or push has not been drawn before. */
  isFresh(move) {
    const fresh = !this.seen.has(move.number);
    this.seen.add(move.number);
    return fresh;
  }

  /** Where an image is, in words. */
  whereOf(image) {
    const here = image.layers.filter((layer) => layer.here).length;
    if (image.here) return this.say("here");
    if (!image.layers.length) return this.say("untold");
    if (here === image.layers.length) return this.say("all_here");
    return here ? this.say("in_part", { here, count: image.layers.length }) : this.say("not_here");
  }

  // --- drawing

  drawLegend() {
    return [
      legendEntry("lab-rg-layer lab-rg-here", this.say("legend_here")),
      legendEntry("lab-rg-layer", this.say("legend_away")),
      ...(this.chosen ? [legendEntry("lab-rg-layer lab-rg-same", this.say("legend_same"))] : []),
    ];
  }

  drawHead() {
    super.drawHead();
    const hub = this.model.get("registry").state === "none" ? "Docker Hub" : this.say("hub");
    this.tools.replaceChildren(make("code", {}, this.address || hub));
  }

  drawStage() {
    const repositories = this.model.get("repositories");
    const { state } = this.model.get("registry");
    const images = repositories.flatMap((each) => each.images);
    if (state === "open") this.arriving = this.newAmong("images", images.map((each) => each.key));
    const same = new Set(this.chosen ? this.imageOf(this.chosen.key)?.image.layers.map((layer) => layer.digest) : []);
    this.stage.replaceChildren(
      ...(state === "open" ? [] : [drawClosed(this, state)]),
      ...(images.length ? [make("p", { class: "lab-soft" }, this.totals())] : []),
      ...(state === "open" && !repositories.length ? [make("div", { class: "lab-missing" }, this.say("empty"))] : []),
      make("ul", { class: "lab-rg-repositories" }, repositories.map((each) => drawRepository(this, each, same))),
      ...(this.model.get("more") ? [make("p", { class: "lab-soft" }, this.say("more"))] : []),
    );
  }

  totals() {
    const { images, named, stored } = this.model.get("totals");
    return this.say("totals", { images, named: humanSize(named), stored: humanSize(stored) });
  }

  describe({ key }) {
    const found = this.imageOf(key);
    return found && describeImage(this, found.repository, found.image);
  }
}

/** Why nothing is shown of this registry, and what helps. */
function drawClosed(view, state) {
  const { say } = view;
  const { message } = view.model.get("registry");
  return make(
    "div",
    { class: "lab-missing lab-rg-closed", role: "note" },
    make("p", {}, withCode(say(state, { address: view.address, name: view.model.get("engine").name ?? "Docker" }))),
    state === "login" && commandLine(say, `docker login ${view.address}`),
    state !== "login" && message && make("p", { class: "lab-soft" }, message),
  );
}

function drawRepository(view, repository, same) {
  const { say } = view;
  return make(
    "li",
    { class: "lab-rg-repository" },
    make("h5", {}, make("code", {}, repository.name), repository.official && make("span", { class: "lab-rg-badge" }, say("official"))),
    make("ul", {}, repository.images.map((image) => make("li", {}, drawImage(view, repository, image, same)))),
    repository.more > 0 && make("p", { class: "lab-soft" }, say("more_images", { count: repository.more })),
  );
}

function drawImage(view, repository, image, same) {
  const { say } = view;
  const move = view.moveOf(repository, image);
  const where = view.whereOf(image);
  const here = image.layers.filter((layer) => layer.here).length;
  const size = humanSize(image.size);
  const about = say("image_about", { name: repository.name, tags: image.tags.join(", "), size, count: image.layers.length, here, where });
  const fresh = view.arriving.has(image.key) || (move && view.isFresh(move));
  const rest = image.tags.length - DRAWN_TAGS;
  return make(
    "button",
    { ...view.choice("image", image.key), class: `lab-rg-image ${fresh ? "lab-arriving" : ""}`, "aria-label": move ? `${about}. ${say(move.way)}` : about },
    make("span", { class: "lab-rg-tags" },
      image.tags.slice(0, DRAWN_TAGS).map((tag) => make("span", { class: "lab-rg-tag" }, tag)),
      rest > 0 && make("span", { class: "lab-soft" }, say("more_tags", { count: rest }))),
    drawLayers(image, same),
    make("span", { class: "lab-rg-size" }, size),
    make("span", { class: "lab-rg-where" }, make("span", { "aria-hidden": "true" }, image.here ? "● " : "○ "), where, move && drawMove(view, move)),
  );
}

/** A row of blocks, one for each layer; the larger a layer is, the wider. */
function drawLayers(image, same) {
  const blocks = image.layers.slice(0, DRAWN_LAYERS).map((layer) => make("i", {
    class: `lab-rg-layer ${layer.here ? "lab-rg-here" : ""} ${same.has(layer.digest) ? "lab-rg-same" : ""}`,
    style: `flex-grow: ${Math.max(1, Math.round(Math.sqrt(layer.size / 1e5)))}`,
  }));
  return make("span", { class: "lab-rg-bar", "aria-hidden": "true" }, blocks);
}

function drawMove(view, move) {
  const time = new Date(move.time * 1000).toLocaleTimeString(view.language);
  return make("span", { class: `lab-rg-move lab-rg-${move.way}` }, `${move.way === "pull" ? "↓" : "↑"} ${view.say(move.way)} ${time}`);
}

export default liveModule((model, root) => new RegistryView(model, root), ["registry", "repositories", "totals", "moved", "more"]);
