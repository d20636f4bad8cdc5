// Bars with their numbers, on a linear or a logarithmic scale.  No library.

/** A round number that is at least `value`: 1, 2 or 5 times a power of ten. */
function roundUp(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  const factor = [1, 2, 5, 10].find((each) => each * power >= value * 0.9999);
  return factor * power;
}

/** A scale from 0: where a value lies (0 to 1), and the lines to draw. */
function linearScale(values) {
  const top = roundUp(Math.max(...values, Number.MIN_VALUE * 1e20));
  return { at: (value) => Math.max(0, value / top), ticks: [0, 0.25, 0.5, 0.75, 1].map((part) => part * top), step: 0 };
}

/** A scale of powers of ten, from below the smallest value to above the largest. */
function logScale(values) {
  const positive = values.filter((value) => value > 0);
  if (!positive.length) return linearScale(values);
  // the smallest bar must be seen too, so the scale begins well below it
  const low = Math.floor(Math.log10(Math.min(...positive)) - 0.15);
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...positive))));
  const step = Math.ceil((high - low) / 6);
  const ticks = [];
  for (let power = low; power <= high; power += step) ticks.push(10 ** power);
  return { at: (value) => (value > 0 ? (Math.log10(value) - low) / (high - low) : 0), ticks, step: 10 ** step };
}

/** Draw rows `{label, about, value, classes}`; `write` makes the text of a value. */
function drawBars(rows, scale, write, label) {
  const percent = (value) => `${(100 * Math.min(1, scale.at(value))).toFixed(2)}%`;
  const grid = make("div", { class: "lab-bars-grid", "aria-hidden": "true" }, scale.ticks.map((tick) =>
    make("span", { class: "lab-bars-tick", style: `left: ${percent(tick)}` }, make("small", {}, write(tick)))));
  return make(
    "div",
    { class: "lab-bars" },
    make("ul", { "aria-label": label }, rows.map((row) => make(
      "li",
      { class: "lab-bars-row" },
      make("span", { class: "lab-visually-hidden" }, row.about),
      make("span", { class: "lab-bars-label", "aria-hidden": "true" }, row.label),
      make("span", { class: "lab-bars-track", "aria-hidden": "true" },
        make("span", { class: `lab-bars-bar ${row.classes}`, style: `width: ${percent(row.value)}` })),
      make("span", { class: "lab-bars-value", "aria-hidden": "true" }, write(row.value)),
    ))),
    grid,
  );
}
