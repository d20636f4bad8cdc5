"""`--cache-from`: steps found in the history of images that were pulled or loaded.

Such an image brings no record of how its layers were made, but its history tells the commands, and
its configuration the layers: enough to recognize a step that makes the same.  Source: Docker,
classic builder, image cache.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from lab.errors import LabError, NotFound
from lab.image.store import Image, ImageStore
from lab.oci.descriptor import Descriptor
from lab.oci.digest import Digest
from lab.oci.image_config import History, ImageConfig


@dataclass(frozen=True, slots=True)
class FoundStep:
    """A step of a named image: the image, if the step is its last one; its history and layer."""

    image: Image | None
    history: History
    layer: tuple[Descriptor, Digest] | None


class CacheSources:
    """The images that one build may take its cache from; names that are not here count for none."""

    def __init__(self, store: ImageStore, names: Iterable[str]) -> None:
        self._store = store
        self.images: list[Image] = []
        for name in names:
            try:
                self.images.append(store.resolve(name))
            except LabError:
                continue

    def built(self, image: Digest) -> bool:
        """Whether one of the images is this one, or was built here upon it."""
        return any(image in self._line(each) for each in self.images)

    def find(self, parent: Image | None, command: str) -> FoundStep | None:
        """Return what made the next image upon `parent` by just this command, if any did."""
        for source in self.images:
            found = _continued(source, parent.config if parent else None, command)
            if found is not None:
                # from now on only this one: layers of two images are never mixed
                self.images = [source]
                return found
        return None

    def _line(self, image: Image) -> list[Digest]:
        line = [image.id]
        while image.parent is not None:
            line.append(image.parent)
            try:
                image = self._store.get(image.parent)
            except NotFound:
                break
        return line


def _continued(source: Image, parent: ImageConfig | None, command: str) -> FoundStep | None:
    config = source.config
    before = parent.history if parent else ()
    layers = parent.diff_ids if parent else ()
    steps = len(before)
    if steps >= len(config.history) or config.history[:steps] != before:
        return None
    if config.diff_ids[: len(layers)] != layers or config.history[steps].created_by != command:
        return None
    entry = config.history[steps]
    layer = None
    if not entry.empty_layer:
        layer = source.layers[len(layers)], config.diff_ids[len(layers)]
    is_last = steps + 1 == len(config.history)
    return FoundStep(source if is_last else None, entry, layer)
