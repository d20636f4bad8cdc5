// The picture: towers of layers, with images and containers on top.

const CONTAINERS_DRAWN = 12; // for each image, the latest ones; the others are counted

/** How many columns a tower needs: one for each image, more where containers stand side by side. */
function columnsOf(view, tower) {
  const own = tower.images.reduce((sum, image) => sum + columnsOfImage(view, image), 0);
  return tower.above.reduce((sum, above) => sum + columnsOf(view, above), own);
}

function columnsOfImage(view, image) {
  return Math.min(Math.max(1, view.containersOf(image).length), CONTAINERS_DRAWN);
}

/** A layer with everything that stands on it; the base of a tower is at the bottom. */
function drawTower(view, tower) {
  const above = [
    ...tower.above.map((next) => drawTower(view, next)),
    ...tower.images.map((image) => drawImage(view, image)),
  ];
  return make(
    "div",
    { class: "lab-tower", style: `flex-grow: ${columnsOf(view, tower)}` },
    make("div", { class: "lab-above" }, above),
    drawLayer(view, tower),
  );
}

/** An image's name, which lies on its topmost layer, and the containers on it. */
function drawImage(view, image) {
  const { say } = view;
  const containers = view.containersOf(image);
  const drawn = containers.slice(-CONTAINERS_DRAWN);
  const others = containers.length - drawn.length;
  const name = image.names[0] ?? say("image_nameless");
  const about = say("image_about", {
    name,
    layers: image.steps.filter((step) => step.number).length,
    size: view.size(image.size),
  });
  return make(
    "section",
    { class: "lab-image-column", style: `flex-grow: ${columnsOfImage(view, image)}`, "aria-label": name },
    make(
      "div",
      { class: "lab-containers" },
      others > 0 && make("div", { class: "lab-others" }, say("other_containers", { count: others })),
      drawn.map((each) => drawContainer(view, each)),
    ),
    make(
      "button",
      { ...view.choice("image", image.id), class: "lab-block lab-image", "aria-label": about },
      make("span", { class: "lab-block-name" }, name),
      make("span", { class: "lab-block-size" }, view.size(image.size)),
    ),
  );
}

/** One read-only layer; its height grows with the logarithm of its size, its bar with the size. */
function drawLayer(view, tower) {
  if (!tower.number) return make("div", { class: "lab-block lab-nothing" }, view.say("no_layers"));
  const { say } = view;
  const shared = tower.owners.length > 1;
  const megabytes = (tower.size ?? 0) / 1e6;
  const height = 2.6 + 1.1 * Math.log10(1 + megabytes);
  const part = view.largest ? (100 * (tower.size ?? 0)) / view.largest : 0;
  return make(
    "button",
    {
      ...view.choice("layer", tower.chain),
      class: `lab-block lab-layer ${shared ? "lab-shared" : ""}`,
      style: `min-height: ${height.toFixed(2)}em`,
      "aria-label": describeLayer(view, tower),
      title: tower.command,
    },
    make("span", { class: "lab-block-name" }, say("layer", { number: tower.number })),
    make("span", { class: "lab-block-size" }, view.size(tower.size)),
    shared && make("span", { class: "lab-chip" }, icon("copies"), say("shared", { count: tower.owners.length })),
    view.hiddenBy(tower) && make("span", { class: "lab-chip lab-hides" }, "▨ ", hidesText(view, tower)),
    make("code", { class: "lab-block-about" }, tower.command),
    make("span", { class: "lab-bar", style: `width: ${part.toFixed(1)}%`, "aria-hidden": "true" }),
  );
}

function describeLayer(view, tower) {
  return view.say("layer_about", {
    number: tower.number,
    images: view.namesOf(tower.owners),
    size: view.size(tower.size),
    shared: `${sharing(view, tower)}. ${view.hiddenBy(tower) ? `${hidesText(view, tower)}. ` : ""}${tower.command}`,
  });
}

/** How much a layer hides of those below it. */
function hidesText(view, tower) {
  const { bytes, at_least: atLeast } = view.hiddenBy(tower);
  const size = humanSize(bytes);
  return atLeast ? view.say("hides_at_least", { size }) : view.say("hides", { size });
}

/** Who else has a layer, in one sentence. */
function sharing(view, tower) {
  const { say } = view;
  if (tower.owners.length > 1) return say("shared_names", { names: view.namesOf(tower.owners) });
  const elsewhere = tower.elsewhere.filter((name) => !view.allNames().includes(name));
  if (elsewhere.length) return say("elsewhere", { names: elsewhere.join(", ") });
  return say("alone", { names: view.namesOf(tower.owners) });
}

/** A container's writable layer. */
function drawContainer(view, container) {
  const { say } = view;
  const written = view.model.get("written")[container.id];
  const status = statusWord(say, container.status);
  const counts = countsOf(say, written);
  return make(
    "button",
    {
      ...view.choice("container", container.id),
      class: `lab-block lab-container ${container.running ? "lab-running" : ""} ${view.arriving.has(container.id) ? "lab-arriving" : ""}`,
      "aria-label": say("container_about", { name: container.name, status, counts }),
    },
    make("span", { class: "lab-block-name" }, container.name),
    make("span", { class: "lab-status" }, `${container.running ? "●" : "○"} ${status}`),
    make("span", { class: "lab-block-about" }, drawCounts(say, written)),
  );
}

function statusWord(say, status) {
  return say(status === "created" ? "status_created" : status);
}

function countsOf(say, written) {
  if (!written || !written.counts.some(Boolean)) return say("nothing");
  const [changed, added, deleted] = written.counts;
  return say("wrote", { changed, added, deleted });
}

function drawCounts(say, written) {
  if (!written || !written.counts.some(Boolean)) return say("nothing");
  const [changed, added, deleted] = written.counts;
  const more = written.truncated ? "+" : "";
  const marks = [["A", added], ["C", changed], ["D", deleted]].filter(([, count]) => count);
  const size = written.size === null ? "" : ` · ${humanSize(written.size)}`;
  return [
    marks.map(([letter, count]) => make("span", { class: `lab-mark lab-mark-${letter}` }, `${letter} ${count}${more}`)),
    size,
  ];
}

/** An image that was asked for and is not here. */
function drawMissing(view, name) {
  const { say } = view;
  return make(
    "section",
    { class: "lab-missing", "aria-label": `${name}: ${say("missing")}` },
    make("div", { class: "lab-block-name" }, `${name} — ${say("missing")}`),
    make("p", {}, say("missing_help", { name })),
    commandLine(say, `docker pull ${name}`),
  );
}
