// The three lists of the glass engine: commands, their HTTP calls, the system calls behind one.

const PROCESSES = ["daemon", "spawner", "setup", "init", "enter", "exec"];

function durationOf(say, seconds) {
  if (seconds === null) return say("open_call");
  if (seconds < 1) return say("milliseconds", { count: Number((seconds * 1000).toPrecision(2)) });
  return say("seconds", { count: Number(seconds.toPrecision(3)) });
}

function commandName(view, command) {
  if (command.command) return command.command;
  return view.say(command.calls.some((call) => call.method === "event") ? "from_events" : "unknown_command");
}

function drawCommands(view, commands, chosen) {
  const { say } = view;
  return make(
    "ul",
    { class: "lab-ge-commands", "aria-label": say("commands") },
    [...commands].reverse().map((command, index) => make("li", {}, make(
      "button",
      { ...view.pick("command", String(command.number), command === chosen), class: "lab-ge-command" },
      make("code", {}, commandName(view, command)),
      make("span", { class: "lab-soft" }, index === 0 ? say("latest") : timeOf(view, command)),
    ))),
  );
}

function timeOf(view, command) {
  const first = command.calls[0];
  return first ? new Date(first.time * 1000).toLocaleTimeString(view.language) : "";
}

/** The path without the API's version and with short ids: /containers/0394c3f429de/start. */
function shortPath(path) {
  return decodePath(path.replace(/^\/v\d+\.\d+/, "")).replace(/[0-9a-f]{64}/g, (id) => id.slice(0, 12));
}

function decodePath(path) {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

function drawCalls(view, command, request) {
  const { say } = view;
  return make(
    "ol",
    { class: "lab-ge-calls", "aria-label": say("calls") },
    command.calls.map((call) => make("li", {}, make(
      "button",
      { ...view.pick("call", call.request, call.request === request), class: `lab-ge-call ${(call.status ?? 0) >= 400 ? "lab-ge-refused" : ""}`, title: call.path },
      call.method
        ? make("span", { class: "lab-ge-line" }, make("b", {}, call.method), " ", make("code", {}, shortPath(call.path)))
        : make("span", { class: "lab-ge-line" }, make("b", {}, say("by_itself"))),
      make("span", { class: "lab-soft" }, aboutCall(view, call)),
      make("span", { class: "lab-ge-meta" }, metaOf(view, call)),
    ))),
    command.dropped > 0 && make("li", { class: "lab-soft" }, say("more_calls", { count: command.dropped })),
  );
}

function aboutCall(view, call) {
  if (!call.method) return view.say("by_itself_about");
  return call.about ? view.say(`api_${call.about}`) : "";
}

function metaOf(view, call) {
  const { say } = view;
  const count = countOf(call);
  return [
    call.status !== null && make("span", { class: "lab-ge-status" }, say("status", { status: call.status })),
    call.method && call.method !== "event" && make("span", {}, durationOf(say, call.seconds)),
    count > 0 && make("span", { class: "lab-ge-count" }, say("syscall_count", { count })),
  ];
}

// --- system calls

function drawSystemCalls(view) {
  const { say } = view;
  const { rows, more } = view.model.get("calls");
  if (!view.model.get("engine").extension) return make("p", { class: "lab-soft" }, say("no_trace"));
  if (!rows.length) return make("p", { class: "lab-soft" }, say("no_syscalls"));
  return [
    PROCESSES.filter((process) => rows.some((row) => row.process === process)).map((process) => drawProcess(view, process, rows)),
    more > 0 && make("p", { class: "lab-soft" }, say("more_rows", { count: more })),
  ];
}

function drawProcess(view, process, rows) {
  const { say } = view;
  const title = say(`process_${process}`);
  return make(
    "section",
    { class: "lab-ge-process", "aria-label": title },
    make("div", { class: "lab-ge-process-head" }, make("b", {}, title), " ", make("span", { class: "lab-soft" }, say(`process_${process}_about`))),
    make("ol", { class: "lab-ge-rows" }, rows.map((row, index) => row.process === process && drawRow(view, row, String(index)))),
  );
}

function drawRow(view, row, key) {
  const { say } = view;
  const open = view.row === key;
  const failed = row.error !== "";
  return make(
    "li",
    {},
    make(
      "button",
      { ...view.pick("row", key, open), class: `lab-ge-row ${row.about ? "lab-ge-known" : ""} ${failed ? "lab-ge-failed" : ""}` },
      make("b", {}, row.name),
      make("code", {}, argumentsOf(row)),
      row.count > 1 && make("span", { class: "lab-ge-times", title: say("times", { count: row.count }), "aria-label": say("times", { count: row.count }) }, `× ${row.count}`),
      failed && make("span", { class: "lab-ge-error" }, `✕ ${row.error}`),
    ),
    open && drawRowDetail(view, row),
  );
}

/** The arguments in one line: the telling ones first. */
function argumentsOf(row) {
  const { first } = row;
  const order = ["option", "fstype", "source", "path", "target", "to_path", "name", "messages", "flags", "text", "argv"];
  const telling = order.filter((key) => first[key] !== undefined && first[key] !== "" && first[key] !== 0).map((key) => shortValue(first[key]));
  return telling.length ? telling.join("  ") : Object.values(first).join("  ");
}

/** A long path by its end, and ids as Docker shortens them. */
function shortValue(value) {
  const text = String(value).replace(/[0-9a-f]{64}/g, (id) => id.slice(0, 12)).trim().replace(/\n/g, "; ");
  return text.startsWith("/") && text.length > 44 ? `…${text.slice(-42)}` : text;
}

function drawRowDetail(view, row) {
  const { say } = view;
  const facts = (values) => drawFacts(Object.entries(values).map(([name, value]) => [name, make("code", {}, String(value).trim() || "″″")]));
  return make(
    "div",
    { class: "lab-ge-row-detail" },
    row.about && make("p", {}, withCode(say(`sys_${row.about}`))),
    facts(row.first),
    row.count > 1 && make("p", { class: "lab-soft" }, `${say("times", { count: row.count })}; ${say("last_of_them")}:`),
    row.count > 1 && facts(row.last),
    drawFacts([[say("result"), row.error ? `${say("failed")}: ${row.error}` : row.result === null ? "" : String(row.result)]]),
  );
}
