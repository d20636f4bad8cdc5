// Small helpers of the panels.

/** Make an element: attributes, `on…` listeners, and children (strings or nodes). */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return element;
}

/** Return a sentence as nodes: what stands between backticks is code. */
export function rich(text) {
  return text.split("`").map((part, index) => (index % 2 ? make("code", {}, part) : part));
}

/** Load a style sheet that lies beside this file, once. */
export function loadStyle(name) {
  const address = new URL(name, import.meta.url).href;
  if (document.querySelector(`link[href="${address}"]`) === null) {
    document.head.append(make("link", { rel: "stylesheet", href: address }));
  }
}

/** Return buttons that choose a language; `choose(code)` is called with the chosen one. */
export function languageButtons(languages, present, choose) {
  return Object.entries(languages).map(([code, name]) =>
    make(
      "button",
      {
        type: "button",
        lang: code,
        "data-language": code,
        "aria-pressed": String(code === present),
        onclick: () => choose(code),
      },
      name,
    ),
  );
}
