// A link to a published port, through the Jupyter server's proxy.

/** Whether the browser runs on the machine that the lab runs on. */
function isOnThisComputer() {
  return ["localhost", "127.0.0.1", "[::1]"].includes(window.location.hostname) && serverRoot() === "/";
}

function render({ model, el }) {
  const draw = () => {
    const say = speaker(model);
    const port = model.get("port");
    const path = model.get("path");
    const proxied = `${serverRoot()}proxy/${port}/${path}`;
    const direct = `http://localhost:${port}/${path}`;
    el.replaceChildren(make(
      "div",
      { class: "lab-root lab-port" },
      make("a", { class: "lab-button", href: proxied, target: "_blank", rel: "noopener" }, `${say("open_port", { port })} ↗`),
      isOnThisComputer()
        ? make("span", { class: "lab-soft" }, `${say("port_direct")}: `, make("a", { href: direct, target: "_blank", rel: "noopener" }, direct))
        : make("span", { class: "lab-soft" }, say("port_help", { port })),
    ));
  };
  ["port", "path", "lang"].forEach((name) => model.on(`change:${name}`, draw));
  draw();
}

export default { render };
