// What the registry widget says about the chosen image.

function describeImage(view, repository, image) {
  const { say } = view;
  const tag = image.tags[0];
  return [
    make("h4", {}, make("code", {}, repository.name)),
    drawFacts([
      [say("tags"), image.tags.join(", ")],
      [say("digest"), make("code", {}, image.digest)],
      [say("image_id"), image.id && make("code", {}, shortId(image.id))],
      [say("size"), humanSize(image.size)],
      [say("state"), view.whereOf(image)],
    ]),
    make("p", { class: "lab-soft" }, say("tags_about")),
    image.layers.length > 0 && [
      make("h5", {}, say("layers")),
      make("ol", { class: "lab-rg-list lab-changes", tabindex: "0", "aria-label": say("layers") }, image.layers.map((layer) => describeLayer(view, layer))),
    ],
    drawSame(view, `docker pull ${repository.name}:${tag}`, ...(image.here ? [`docker images --digests ${repository.name}`] : [])),
    make("h5", {}, say("exactly")),
    commandLine(say, `docker pull ${repository.name}@${image.digest}`),
  ].flat();
}

function describeLayer(view, layer) {
  const { say } = view;
  return make(
    "li",
    {},
    make("i", { class: `lab-swatch lab-rg-layer ${layer.here ? "lab-rg-here" : ""}`, "aria-hidden": "true" }),
    make("code", { title: layer.digest }, shortId(layer.digest)),
    ` ${humanSize(layer.size)} · ${say(layer.here ? "layer_here" : "layer_not_here")}`,
    layer.shared.length > 0 && make("div", { class: "lab-soft" }, say("shared_with", { names: layer.shared.join(", ") })),
  );
}
