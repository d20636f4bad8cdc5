"""The catalog that was there before, and what of it is as today's recipes would make it.

An image's key changes with its recipe, with the files and packages that it is made from, with its
base's key, and with the programs that make images.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from lab.catalog.layout import Layer
from lab.catalog.recipes import Recipe
from lab.catalog.release import Release
from lab.catalog.resolver import PackageSet
from lab.catalog.stamp import Made, fingerprint, machinery, read_images, whole_blobs
from lab.catalog.steps import Bench, Install, Stage
from lab.catalog.tree import Tree, read_tree
from lab.errors import InvalidParameter
from lab.image.streams import decompress
from lab.image.tar_reader import TarReader
from lab.oci import fields
from lab.oci.digest import Digest
from lab.oci.image_config import ImageConfig
from lab.oci.manifest import Index, Manifest


@dataclass(frozen=True, slots=True)
class Found:
    """An image of the earlier catalog; the layers' sizes are unknown, and 0."""

    made: Made
    config: ImageConfig
    layers: tuple[Layer, ...]


class Earlier:
    """The catalog in `folder`, which may be absent, damaged, or of another kind."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made = {row.key: row for row in read_images(folder) if row.key}
        self._whole = whole_blobs(folder)

    def find(self, name: str, key: str) -> Found | None:
        """Return the image `name` that was made with `key`; None if it, or a part, is missing."""
        made = self._made.get(key)
        if made is None or made.name != name:
            return None
        try:
            return self._read(made)
        except (FileNotFoundError, InvalidParameter):
            return None

    def blob(self, digest: Digest) -> Path:
        """Return the file of a blob; InvalidParameter if it is not there whole."""
        if digest.hex not in self._whole:
            raise InvalidParameter(f"{digest} is not whole in the catalog")
        return self._folder / "blobs" / digest.algorithm / digest.hex

    def tree(self, bench: Bench, layers: tuple[Layer, ...]) -> Tree:
        """Return the files of an image, read from its layers."""
        tree = Tree()
        for layer in layers:
            with self.blob(layer.descriptor.digest).open("rb") as file:
                chunks = decompress(file, layer.descriptor.media_type)
                tree = tree.with_layer(read_tree(TarReader(chunks), bench.scratch))
        return tree

    def _read(self, made: Made) -> Found | None:
        index = fields.load_object((self._folder / "index.json").read_bytes(), "index.json")
        for entry in Index.from_json(index).manifests:
            content = self.blob(entry.digest).read_bytes()
            manifest = Manifest.from_json(fields.load_object(content, "manifest"))
            if str(manifest.config.digest) == made.id:
                config = ImageConfig.from_bytes(self.blob(manifest.config.digest).read_bytes())
                parts = zip(manifest.layers, config.diff_ids, strict=True)
                layers = tuple(Layer(blob, diff_id, 0) for blob, diff_id in parts)
                for layer in layers:
                    self.blob(layer.descriptor.digest)
                return Found(made, config, layers)
        return None


def key_of(recipe: Recipe, packages: PackageSet, release: Release, base: str) -> str:
    """Return the key of an image that is made from these; `base` is its base's, empty for none."""
    running = hashlib.sha256()
    parts = [machinery(), base, repr(recipe), repr(release)]
    for step in recipe.steps:
        parts += [fingerprint(path) for path in step.sources]
        if isinstance(step, Install):
            parts += [f"{each.name}={each.version}" for each in step.wanted(packages, ())]
        else:
            parts += [f"{name}={packages[name].version}" for name in step.needs]
    for part in parts:
        running.update(part.encode() + b"\0")
    return running.hexdigest()


def stage_of(recipe: Recipe, bench: Bench, earlier: Earlier, found: Found) -> Stage:
    """Return how far the image came, as its steps would have left it."""
    stage = Stage(earlier.tree(bench, found.layers))
    for step in recipe.steps:
        if isinstance(step, Install):
            wanted = step.wanted(bench.packages, stage.names())
            date = max([stage.date, *(package.built for package in wanted)])
            stage = Stage(stage.tree, (*stage.installed, *wanted), date)
    return stage
