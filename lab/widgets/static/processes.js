// A container's processes and users, as they are numbered inside and outside, side by side.

/** Numbers of one thing in the container, the sandbox and on the host; a mark where they differ. */
function drawNumbers(view, numbers, places) {
  return places.map(([index, title]) => {
    const number = numbers[index];
    const differs = index > 0 && number !== null && numbers[0] !== null && number !== numbers[0];
    return make(
      "td",
      { class: differs ? "lab-ns-differs" : "", "data-label": title },
      number === null ? "–" : [differs && make("span", { "aria-hidden": "true" }, "≠ "), String(number)],
    );
  });
}

/** Where numbers are known: inside, in the sandbox, on the host; as [index, title]. */
function placesOf(view, rows) {
  const titles = [view.say("inside"), view.say("sandbox"), view.say("on_host")];
  return titles.map((title, index) => [index, title]).filter(([index]) => rows.some((row) => row[index] !== null));
}

function drawProcesses(view, id) {
  const { say } = view;
  const told = view.model.get("processes")[id];
  if (told === undefined) return [make("p", { class: "lab-soft" }, say("processes_wait"))];
  if (!told.rows.length) return [make("p", { class: "lab-soft" }, say("processes_none"))];
  const places = placesOf(view, told.rows.map((row) => row.pid));
  const body = told.rows.map((row) => make(
    "tr",
    {},
    drawNumbers(view, row.pid, places),
    make("td", {}, row.user || userNumber(row)),
    make("td", { class: "lab-ns-command", title: row.command }, make("code", {}, row.command)),
  ));
  const head = [...places.map(([, title]) => `${say("column_pid")} ${title}`), say("column_user"), say("command")];
  return [
    drawTable(say("processes"), head, body),
    told.more > 0 && make("p", { class: "lab-soft" }, say("processes_more", { count: told.more })),
    ...(places.length > 1 ? drawUsers(view, told.rows) : [make("p", { class: "lab-soft" }, withCode(say("processes_outside")))]),
  ];
}

function userNumber(row) {
  return row.uid[0] === null ? "" : String(row.uid[0]);
}

/** The users of the processes, each once. */
function drawUsers(view, rows) {
  const { say } = view;
  const users = new Map(rows.map((row) => [String(row.uid), row]));
  const places = placesOf(view, rows.map((row) => row.uid));
  const body = [...users.values()].map((row) => make(
    "tr", {}, make("td", {}, row.user || "–"), drawNumbers(view, row.uid, places)));
  return [
    make("h5", {}, say("users")),
    drawTable(say("users"), [say("column_user"), ...places.map(([, title]) => title)], body),
    make("p", { class: "lab-soft" }, say("differs")),
  ];
}

function drawTable(label, titles, rows) {
  return make(
    "div",
    { class: "lab-ns-scroll", tabindex: "0", role: "region", "aria-label": label },
    make(
      "table",
      { class: "lab-ns-processes", "aria-label": label },
      make("thead", {}, make("tr", {}, titles.map((title) => make("th", { scope: "col" }, title)))),
      make("tbody", {}, rows),
    ),
  );
}
