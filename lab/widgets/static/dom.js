// Small helpers that all widgets share.

/** Make an element: attributes, `on…` listeners, `class`, and children (strings or nodes). */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** The language that a widget speaks: its own `lang`, else JupyterLab's. */
function languageOf(model) {
  const wanted = model.get("lang") || document.documentElement.lang || "en";
  return wanted.toLowerCase().startsWith("ko") ? "ko" : "en";
}

/** Return a function that gives the text of a key, with `{name}` filled in. */
function speaker(model) {
  return (key, values = {}) => {
    const text = model.get("words")[languageOf(model)][key] ?? key;
    return text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
  };
}

/** Bytes as the docker CLI writes them: 74MB, 17.7MB, 2.26kB. */
function humanSize(bytes) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0;
  let value = bytes;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${Number(value.toPrecision(3))}${units[unit]}`;
}

/** Where the Jupyter server lives, with a slash at the end: `/`, or `/user/ada/` on a hub. */
function serverRoot() {
  const page = document.getElementById("jupyter-config-data");
  if (page === null) return "/";
  return JSON.parse(page.textContent).baseUrl || "/";
}

const ICONS = {
  copies: "M2.5 2.5h7v7h-7z M6.5 9.5v4h7v-7h-4",
  check: "M3 8.5l3.2 3.2L13 4.8",
};

/** A small drawing that stands beside a word, never instead of one. */
function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const picture = document.createElementNS(space, "svg");
  const path = document.createElementNS(space, "path");
  path.setAttribute("d", ICONS[name]);
  picture.append(path);
  for (const [key, value] of Object.entries({ viewBox: "0 0 16 16", class: "lab-icon", "aria-hidden": "true" })) {
    picture.setAttribute(key, value);
  }
  return picture;
}

/** A command to be typed in a terminal, with a button that copies it. */
function commandLine(say, command) {
  const copied = make("span", { class: "lab-visually-hidden", role: "status" });
  const copy = async () => {
    await navigator.clipboard.writeText(command);
    copied.textContent = say("copied");
    button.replaceChildren(icon("check"));
    setTimeout(() => button.replaceChildren(icon("copies")), 1500);
  };
  const button = make(
    "button",
    { class: "lab-copy", type: "button", title: say("copy"), "aria-label": `${say("copy")}: ${command}`, onclick: copy },
    icon("copies"),
  );
  return make("div", { class: "lab-command" }, make("code", {}, `$ ${command}`), button, copied);
}

/** Tell the kernel that a view of the model is on the page; return what says that it is gone. */
function announce(model, el) {
  const view = `${Date.now()}-${Math.random()}`;
  model.send({ kind: "shown", view });
  const forget = noticeEnd(model, el);
  return () => {
    forget();
    model.send({ kind: "hidden", view });
  };
}

/** Mark a view when its kernel ends or is started anew: nothing answers it then. */
function noticeEnd(model, el) {
  const kernel = model.widget_manager?.kernel;
  if (!kernel?.statusChanged) return () => {};
  const hear = (_, status) => {
    if (["restarting", "autorestarting", "terminating", "dead"].includes(status)) el.classList.add("jupyter-widgets-disconnected");
  };
  kernel.statusChanged.connect(hear);
  return () => kernel.statusChanged.disconnect(hear);
}
