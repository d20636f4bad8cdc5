"""Catalog layers that are unpacked already, on a disk that is only read.

FOLDER/index.json            what there is: {"layers": [{chain, diff_id, parent, digest, usage}]}
FOLDER/layers/HEX/fs         a layer's changes in overlay's form; HEX is of its chain id
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lab.errors import InvalidParameter
from lab.oci import fields
from lab.oci.digest import Digest
from lab.oci.fields import Json
from lab.oci.image_config import chain_id

INDEX = "index.json"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ReadyLayer:
    """One such layer: its chain id, those of its parts, and where its files are.

    `blob` is the digest of the compressed layer that was unpacked; `size` is bytes of files.
    """

    chain: Digest
    parent: Digest | None
    blob: Digest
    folder: Path
    size: int


class ReadyLayers:
    """What such a disk holds; nothing for None, or where it has no index that can be read."""

    def __init__(self, folder: Path | None) -> None:
        self._layers: dict[Digest, ReadyLayer] = {}
        if folder is not None:
            try:
                content = (folder / INDEX).read_bytes()
                self._layers = {each.chain: each for each in _parse(content, folder)}
            except (OSError, InvalidParameter) as error:
                _log.warning("the catalog's unpacked layers cannot be used: %s", error)

    def find(self, chain: Digest, blob: Digest) -> ReadyLayer | None:
        """Return the layer of this chain id, if it was unpacked from just this blob."""
        layer = self._layers.get(chain)
        return layer if layer is not None and layer.blob == blob else None

    def __iter__(self) -> Iterator[ReadyLayer]:
        return iter(self._layers.values())


def _parse(content: bytes, folder: Path) -> Iterator[ReadyLayer]:
    for entry in fields.objects(fields.load_object(content, INDEX), "layers"):
        yield _layer(entry, folder)


def _layer(entry: Json, folder: Path) -> ReadyLayer:
    """Return a checked entry; InvalidParameter."""
    chain, diff_id, blob = (
        Digest.parse(fields.text(entry, key)) for key in ("chain", "diff_id", "digest")
    )
    below = fields.text(entry, "parent")
    parent = Digest.parse(below) if below else None
    if chain != (chain_id((parent, diff_id)) if parent else diff_id):
        raise InvalidParameter(f"{INDEX}: {chain} is not the chain id of {diff_id}")
    place = folder / "layers" / chain.hex / "fs"
    return ReadyLayer(chain, parent, blob, place, fields.integer(entry, "usage"))
