// Drawing with SVG.

/** Make an SVG element: attributes, `on…` listeners, and children (strings or nodes). */
function shape(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** A group that is chosen like a button: by a click, Enter or the space bar. */
function shapeButton(attributes, ...children) {
  const { onclick, type, ...rest } = attributes;
  const onkeydown = (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    onclick(event);
  };
  return shape("g", { role: "button", tabindex: "0", ...rest, onclick, onkeydown }, ...children);
}

/** Text that is cut to about so many units of the drawing's width. */
function fit(text, width, size = 13) {
  let room = width / size;
  let kept = "";
  for (const character of text) {
    // wide letters, such as those of Korean, take twice the room
    room -= character > "ᄀ" ? 0.95 : 0.58;
    if (room < 0) return `${kept.slice(0, -1)}…`;
    kept += character;
  }
  return kept;
}
