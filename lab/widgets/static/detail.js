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
    drawSame(view, `docker history ${view.commandName(image)}`),
    make("h5", {}, say("files")),
    drawFiles(view, tower.chain),
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
  const rows = found.Entries.filter((entry) => !isPassedThrough(entry)).map((entry) =>
    [WORD_LETTERS[entry.Change], entry.Path + (entry.Kind === "directory" ? "/" : ""), entry.Kind === "file" ? entry.Size : null]);
  const rest = found.Total - found.Entries.length;
  return drawChanges(view, rows, rest > 0 ? say("files_more", { count: rest.toLocaleString(view.language) }) : "", "");
}

/** A directory that is told only because something in it changed. */
function isPassedThrough(entry) {
  return entry.Kind === "directory" && entry.Change === "changed";
}

function drawChanges(view, rows, rest, scope) {
  const { say } = view;
  if (!rows.length) return make("p", { class: "lab-soft" }, say("files_none"));
  const words = { A: say("added"), C: say("changed"), D: say("deleted") };
  const arriving = scope ? view.newAmong(scope, rows.map(String)) : new Set();
  const items = rows.map(([letter, path, size]) =>
    make(
      "li",
      { class: arriving.has(String([letter, path, size])) ? "lab-arriving" : "" },
      make("abbr", { class: `lab-mark lab-mark-${letter}`, title: words[letter], "aria-label": words[letter] }, letter),
      make("code", {}, path),
      size > 0 && make("span", { class: "lab-soft" }, humanSize(size)),
    ));
  return make(
    "ul",
    { class: "lab-changes", tabindex: "0", "aria-label": say(scope ? "written" : "files") },
    items,
    rest && make("li", { class: "lab-soft" }, rest),
  );
}

function drawImageDetail(view, image) {
  const { say } = view;
  const shared = view.sharedSize(image);
  return [
    make("h4", {}, `${say("image")} ${image.names[0] ?? say("image_nameless")}`),
    drawFacts([
      [say("size"), view.size(image.size)],
      [say("sharing"), shared && say("shared_size", { size: humanSize(shared) })],
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
  const rows = (written?.changes ?? []).map(([kind, path, size]) => [LETTERS[kind], path, kind === 2 ? null : size]);
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
    rows.length ? drawChanges(view, rows, rest, container.id) : make("p", { class: "lab-soft" }, say("nothing")),
  ];
}
