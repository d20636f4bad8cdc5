"""Images made of whole root file systems: `docker import`, and Dockerfile text as settings."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import BinaryIO

from lab.build import steps
from lab.build.args import BuildArgs
from lab.build.interpret import parse_instruction
from lab.build.parser import parse
from lab.build.state import State
from lab.engine.layers import Layers
from lab.engine.machine import own_platform
from lab.errors import InvalidParameter
from lab.image.archive import import_layer
from lab.image.blobs import BlobStore
from lab.image.store import Image, ImageStore
from lab.oci.image_config import ContainerConfig, History, ImageConfig

_CHANGES = frozenset(
    "cmd entrypoint env expose healthcheck label onbuild stopsignal user volume workdir".split()
)


class Importer:
    """Makes images of archives; may be used by several threads."""

    def __init__(self, store: ImageStore, blobs: BlobStore, layers: Layers) -> None:
        self._store = store
        self._blobs = blobs
        self._layers = layers

    def run(self, stream: BinaryIO, message: str, changes: Sequence[str]) -> Image:
        """Make an image of the archive in `stream`; see lab.engine.images."""
        settings = apply_changes(ContainerConfig(), changes)
        written = import_layer(stream, self._blobs)
        with self._layers.hold([written.diff_id]):
            self._layers.unpack(written.descriptor, written.diff_id, None)
            created = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f000Z")
            platform = own_platform()
            config = ImageConfig(
                platform.architecture, platform.os, settings, variant=platform.variant
            ).with_step(History(created, comment=message), written.diff_id)
            return self._store.add(
                config.to_bytes(), [written.descriptor], sum(self._layers.sizes(config))
            )


def apply_changes(config: ContainerConfig, changes: Sequence[str]) -> ContainerConfig:
    """Return settings changed by Dockerfile instructions (`CMD ["sh"]`), as `--change` gives them.

    Raises BuildError or InvalidParameter for what is no instruction, or not one about settings.
    """
    if not changes:
        return config
    parsed = parse("\n".join(changes).encode(), "changes")
    for node in parsed.nodes:
        if node.keyword not in _CHANGES:
            raise InvalidParameter(f"{node.keyword} is not a valid change command")
    state = State(config, BuildArgs(), parsed.escape)
    for node in parsed.nodes:
        state, _ = steps.settle(parse_instruction(node), state)
    return state.config
