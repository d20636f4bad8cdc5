// What is said about the chosen layer, image or container.

const LETTERS = ["C", "A", "D"]; // the kinds of changes, as Docker numbers them
const WORD_LETTERS = { changed: "C", added: "A", deleted: "D" };

function localTime(view, text) {
  const moment = new Date(text);
  if (!text || Number.isNaN(moment.getTime())) return "";
  return moment.toLocaleString(view.language, { dateStyle: "medium", timeStyle: "short" });
}

function drawLayerDetail(view, tower) {
  const { say } = view;
  const image = view.imageOf(tower.owners[0]);
  return [
    make("h4", {}, `${say("layer", { number: tower.number })} · ${say("read_only")}`),
    tower.command && make("pre", { class: "lab-made-by" }, make("code", {}, tower.command)),
    drawFacts([
      [say("size"), view.size(tower.size)],
      [say("sharing"), sharing(view, tower)],
      [say("created"), localTime(view, tower.created)],
      [say("identity"), make("code", { title: tower.layer }, shortId(tower.layer))],
    ]),
    drawHidden(view, tower),
    drawSame(view, `docker history ${view.commandName(image)}`),
    make("h5", {}, say("files")),
    drawFiles(view, tower.chain),
  ].flat();
}

/** What a layer hides of those below it, which stays stored. */
function drawHidden(view, tower) {
  const { say } = view;
  const hidden = view.hiddenBy(tower);
  if (!hidden) return [];
  return [
    make("h5", {}, `${say("hidden")} · ${humanSize(hidden.bytes)}${hidden.at_least ? "+" : ""}`),
    make("p", { class: "lab-soft" }, say("hidden_help")),
    make("ul", { class: "lab-hidden-files" },
      hidden.files.map(([path, size, number]) => make("li", {}, make("code", {}, path), make("span", { class: "lab-soft" }, ` ${humanSize(size)} · ${say("hidden_in", { number })}`))),
      hidden.more > 0 && make("li", { class: "lab-soft" }, say("hidden_more", { count: hidden.more }))),
  ];
}

/** The files that a layer adds, changes and deletes; asked for when they are first wanted. */
function drawFiles(view, chain) {
  const { say } = view;
  if (!view.model.get("engine").extension) return make("p", { class: "lab-soft" }, say("files_unknown"));
  const found = view.files.get(chain);
  if (found === undefined) {
    view.askForFiles(chain);
    return make("p", { class: "lab-soft" }, say("files_wait"));
  }
  if (found === null) return make("p", { class: "lab-soft" }, say("gone"));
  const rows = found.Entries.map((entry) => ({
    letter: isPassedThrough(entry) ? "" : WORD_LETTERS[entry.Change],
    path: entry.Path,
    size: entry.Kind === "file" ? entry.Size : null,
    folder: entry.Kind === "directory",
  }));
  const rest = found.Total - found.Entries.length;
  const more = rest > 0 ? say("files_more", { count: rest.toLocaleString(view.language) }) : "";
  return drawTree(view, rows, more, { scope: chain, label: say("files"), ask: { chain } });
}

/** A directory that is told only because something in it changed. */
function isPassedThrough(entry) {
  return entry.Kind === "directory" && entry.Change === "changed";
}

function drawImageDetail(view, image) {
  const { say } = view;
  const shared = view.sharedSize(image);
  return [
    make("h4", {}, `${say("image")} ${image.names[0] ?? say("image_nameless")}`),
    drawFacts([
      [say("size"), view.size(image.size)],
      [say("sharing"), shared && say("shared_size", { size: humanSize(shared) })],
      [say("waste"), view.wasteOf(image) > 0 && say("waste_about", { size: humanSize(view.wasteOf(image)) })],
      [say("image_id"), make("code", { title: image.id }, shortId(image.id))],
      [say("tags"), image.names.length > 1 && image.names.join(", ")],
    ]),
    drawSame(view, `docker history ${view.commandName(image)}`),
    make("h5", {}, say("steps")),
    make("ol", { class: "lab-steps" }, image.steps.map((step) => drawStep(view, step))),
  ];
}

function drawStep(view, step) {
  const { say } = view;
  const what = step.number ? `${say("layer", { number: step.number })} · ${view.size(step.size)}` : say("settings");
  return make(
    "li",
    { class: step.number ? "lab-step-layer" : "lab-step-settings" },
    make("code", {}, step.command || "—"),
    make("span", { class: "lab-soft" }, what),
  );
}

function drawContainerDetail(view, container) {
  const { say } = view;
  const written = view.model.get("written")[container.id];
  const rows = (written?.changes ?? []).map(([kind, path, size]) => ({ letter: LETTERS[kind], path, size: kind === 2 ? null : size, folder: false }));
  const total = written ? written.counts.reduce((sum, count) => sum + count, 0) : 0;
  const rest = written?.truncated ? say("files_more", { count: Math.max(total - rows.length, 1) }) : "";
  return [
    make("h4", {}, `${say("container")} ${container.name} · ${say("writable")}`),
    make("p", {}, say("written_help")),
    drawFacts([
      [say("state"), statusWord(say, container.status)],
      [say("size"), written && written.size !== null ? humanSize(written.size) : ""],
      ["id", make("code", { title: container.id }, shortId(container.id))],
    ]),
    drawSame(view, `docker diff ${container.name}`),
    make("h5", {}, say("written")),
    rows.length
      ? drawTree(view, rows, rest, { scope: container.id, label: say("written"), ask: view.model.get("engine").extension && { container: container.id }, live: true })
      : make("p", { class: "lab-soft" }, say("nothing")),
  ];
}
