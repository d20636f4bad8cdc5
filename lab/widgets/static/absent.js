// Containers that were named and are not there.

/** What was asked for and is not here: all names in one place, with a command for the first. */
function drawAbsent(view, names, command) {
  const { say } = view;
  if (!names.length) return [];
  return [make(
    "section",
    { class: "lab-missing" },
    make("strong", {}, say("missing", { name: names.join(", ") })),
    make("p", {}, say("missing_help")),
    commandLine(say, command.replace("NAME", names[0])),
  )];
}
