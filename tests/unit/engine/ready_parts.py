"""A disk with the unpacked layers of images, as `lab setup` makes it for the microVM."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from lab.engine.layers import chain_ids
from lab.image.layer import apply_layer
from lab.kernel.idmap import IdMap
from lab.oci import manifest
from lab.oci.digest import Digest
from lab.oci.image_config import ImageConfig
from lab.oci.manifest import Manifest

from .hub_parts import Packed
from .image_parts import IDS


def write_ready(folder: Path, images: Iterable[Packed], ids: IdMap = IDS) -> None:
    """Unpack all layers of these images into `folder`, and write its index."""
    entries: dict[Digest, dict[str, Any]] = {}
    for image in images:
        document = manifest.parse(image.manifest)
        assert isinstance(document, Manifest)
        config = ImageConfig.from_bytes(image.config)
        chains = chain_ids(config.diff_ids)
        for place, (chain, layer) in enumerate(zip(chains, document.layers, strict=True)):
            if chain in entries:
                continue
            target = folder / "layers" / chain.hex / "fs"
            target.mkdir(parents=True)
            blob = folder / "blob"
            blob.write_bytes(image.blobs[layer.digest])
            with open(blob, "rb", buffering=0) as content:
                size = apply_layer(content, layer.media_type, target, ids).size
            blob.unlink()
            entries[chain] = {
                "chain": str(chain),
                "diff_id": str(config.diff_ids[place]),
                "parent": str(chains[place - 1]) if place else None,
                "digest": str(layer.digest),
                "usage": size,
            }
    (folder / "index.json").write_text(json.dumps({"layers": list(entries.values())}))
