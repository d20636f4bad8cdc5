// A line of the last minute, with its limit, and what was marked.

const SPARK = { width: 240, height: 36, top: 5, bottom: 3 };

/**
 * Draw values over the last minute.  `points` are [seconds, value or null, marked], `limit` is null
 * for none, `marks` are [seconds, kind] with the kinds' letters in `letters`.
 */
function drawSparkline({ label, now, kept, points, limit, marks, letters }) {
  const known = points.filter(([, value]) => value !== null);
  const highest = Math.max(limit ?? 0, 1e-9, ...known.map(([, value]) => value)) * (limit === null ? 1.25 : 1.08);
  const x = (time) => (SPARK.width * (1 - (now - time) / kept)).toFixed(1);
  const y = (value) => (SPARK.height - SPARK.bottom - ((SPARK.height - SPARK.top - SPARK.bottom) * value) / highest).toFixed(1);
  return shape(
    "svg",
    { class: "lab-cg-spark", viewBox: `0 0 ${SPARK.width} ${SPARK.height}`, preserveAspectRatio: "none", role: "img", "aria-label": label },
    shape("title", {}, label),
    shape("line", { class: "lab-cg-floor", x1: 0, x2: SPARK.width, y1: SPARK.height - SPARK.bottom, y2: SPARK.height - SPARK.bottom }),
    points.filter(([, , marked]) => marked).map(([time]) => shape("line", { class: "lab-cg-throttled", x1: x(time), x2: x(time), y1: SPARK.top, y2: SPARK.height - SPARK.bottom })),
    runsOf(points).map((run) => [
      shape("polygon", { class: "lab-cg-area", points: areaOf(run, x, y) }),
      shape("polyline", { class: "lab-cg-line", points: run.map(([time, value]) => `${x(time)},${y(value)}`).join(" ") }),
    ]),
    limit !== null && shape("line", { class: "lab-cg-limit", x1: 0, x2: SPARK.width, y1: y(limit), y2: y(limit) }),
    marks.map(([time, kind]) => drawMark(Number(x(time)), kind, letters[kind])),
  );
}

/** A moment at which something happened: a line, with a cross on top where the kernel killed. */
function drawMark(x, kind, title) {
  const cross = kind === "oom" ? ` M${x - 3} 1 L${x + 3} 9 M${x + 3} 1 L${x - 3} 9` : "";
  return shape("path", { class: `lab-cg-mark lab-cg-mark-${kind}`, d: `M${x} 0 V${SPARK.height}${cross}` }, shape("title", {}, title));
}

/** Parts of the line without a gap. */
function runsOf(points) {
  const runs = [[]];
  for (const point of points) {
    if (point[1] === null) runs.push([]);
    else runs[runs.length - 1].push(point);
  }
  return runs.filter((run) => run.length);
}

function areaOf(run, x, y) {
  const line = run.map(([time, value]) => `${x(time)},${y(value)}`);
  return [`${x(run[0][0])},${y(0)}`, ...line, `${x(run[run.length - 1][0])},${y(0)}`].join(" ");
}
