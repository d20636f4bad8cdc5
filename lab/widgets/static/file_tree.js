// Changed files as a tree of folders, and what changed in the chosen one.

const ROWS_AT_FIRST = 60; // folders are open as far as about so many rows come of it

/** Rows of `{letter, path, size, folder}` as a tree; folders that are only on the way have no letter. */
function treeOf(rows) {
  const root = { name: "", path: "", letter: "", size: null, folder: true, children: new Map() };
  for (const row of rows) {
    let node = root;
    for (const name of row.path.split("/").filter(Boolean)) {
      if (!node.children.has(name)) {
        node.children.set(name, { name, path: `${node.path}/${name}`, letter: "", size: null, folder: false, children: new Map() });
      }
      node.folder = true;
      node = node.children.get(name);
    }
    node.letter = row.letter;
    node.size = row.size;
    node.folder ||= row.folder;
  }
  return root;
}

/** The folders that are open at first: level by level, until there are enough rows. */
function openAtFirst(root) {
  const open = new Set();
  const queue = [root];
  let rows = 0;
  while (queue.length) {
    const node = queue.shift();
    rows += node.children.size;
    if (rows > ROWS_AT_FIRST && node !== root) break;
    open.add(node.path);
    queue.push(...[...node.children.values()].filter((each) => each.children.size));
  }
  return open;
}

/** The paths of all folders with something in them. */
function foldersOf(node) {
  const inside = [...node.children.values()].filter((each) => each.children.size);
  return [node.path, ...inside.flatMap(foldersOf)];
}

/** Draw the tree; `scope` tells one tree from another, `ask` what to ask the kernel for a file. */
function drawTree(view, rows, rest, { scope, label, ask, live }) {
  const { say } = view;
  if (!rows.length) return make("p", { class: "lab-soft" }, say("files_none"));
  const root = treeOf(rows);
  const open = view.openFolders(scope, foldersOf(root), openAtFirst(root));
  const arriving = live ? view.newAmong(scope, rows.map((row) => `${row.letter}${row.path}${row.size}`)) : new Set();
  const items = [];
  const visit = (node, depth) => {
    for (const child of node.children.values()) {
      const isNew = arriving.has(`${child.letter}${child.path}${child.size}`);
      items.push(drawRow(view, child, depth, { scope, open, ask, isNew }));
      if (child.children.size && open.has(child.path)) visit(child, depth + 1);
    }
  };
  visit(root, 0);
  return make("ul", { class: "lab-changes lab-tree", tabindex: "0", "aria-label": label }, items, rest && make("li", { class: "lab-soft" }, rest));
}

function drawRow(view, node, depth, { scope, open, ask, isNew }) {
  const { say } = view;
  const words = { A: say("added"), C: say("changed"), D: say("deleted") };
  const opened = view.opened?.scope === scope && view.opened.path === node.path;
  return make(
    "li",
    { class: isNew ? "lab-arriving" : "", style: `--lab-depth: ${depth}` },
    make(
      "div",
      { class: "lab-tree-row" },
      node.letter
        ? make("abbr", { class: `lab-mark lab-mark-${node.letter}`, title: words[node.letter], "aria-label": words[node.letter] }, node.letter)
        : make("span", { class: "lab-mark lab-mark-none", "aria-hidden": "true" }, " "),
      drawName(view, node, { scope, open, ask, opened }),
      node.letter === "D" && make("span", { class: "lab-soft" }, say("whiteout")),
      node.size > 0 && make("span", { class: "lab-soft" }, humanSize(node.size)),
    ),
    opened && drawContent(view, node),
  );
}

/** A folder that opens, a file that tells what changed in it, or a plain name. */
function drawName(view, node, { scope, open, ask, opened }) {
  const folder = node.path.slice(0, -node.name.length);
  const name = make("code", {}, make("span", { class: "lab-visually-hidden" }, folder), node.name, node.folder && "/");
  if (node.children.size) {
    const isOpen = open.has(node.path);
    return make(
      "button",
      { type: "button", class: "lab-tree-name", "data-path": node.path, "aria-expanded": String(isOpen), title: view.say("folder_about", { path: node.path, count: node.children.size }), onclick: () => view.toggleFolder(scope, node.path) },
      make("span", { class: "lab-tree-arrow", "aria-hidden": "true" }, isOpen ? "▾" : "▸"), name,
    );
  }
  if (!ask || !node.letter || node.folder) return make("span", { class: "lab-tree-name" }, name);
  return make(
    "button",
    { type: "button", class: "lab-tree-name lab-tree-file", "data-path": node.path, "aria-expanded": String(opened), title: view.say("file_about", { path: node.path }), onclick: () => view.openFile(scope, node.path, ask) },
    name,
  );
}

// --- what changed in a file

function drawContent(view, node) {
  const { say } = view;
  const found = view.opened.found;
  if (found === undefined) return make("p", { class: "lab-soft" }, say("content_wait"));
  if (found === null) return make("p", { class: "lab-soft" }, say("content_gone"));
  const about = { D: "whiteout_about", C: "copied_up" }[node.letter];
  return make(
    "div",
    { class: "lab-content" },
    about && make("p", { class: "lab-soft" }, say(about)),
    make("p", { class: "lab-soft" }, `${say("before")}: ${sideOf(say, found.before)} → ${say("after")}: ${sideOf(say, found.after)}`),
    found.note ? make("p", {}, say(`content_${found.note}`)) : drawDiff(view, found),
  );
}

function sideOf(say, side) { return side ? humanSize(side.size) : say("nothing_there"); }

function drawDiff(view, found) {
  const classes = { "+": "lab-diff-added", "-": "lab-diff-removed", "@": "lab-diff-skip" };
  const shown = found.lines.filter(([sign, text]) => sign !== "@" || !/^@@ -[01][ ,]/.test(text));
  const lines = shown.map(([sign, text]) => make("span", { class: `lab-diff-line ${classes[sign] ?? ""}` }, sign === "@" ? "⋯" : `${sign} ${text}`));
  return [
    make("pre", { class: "lab-diff", tabindex: "0" }, make("code", {}, lines)),
    found.more > 0 && make("p", { class: "lab-soft" }, view.say("lines_more", { count: found.more })),
  ];
}
