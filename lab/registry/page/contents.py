"""What the page shows, read from the Hub as it is at this moment.  Functions block."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.errors import InvalidParameter
from lab.oci.image_config import ContainerConfig, ImageConfig
from lab.oci.manifest import Index, Manifest, parse
from lab.registry.errors import Refused
from lab.registry.names import OFFICIAL, Repository, Tag
from lab.registry.rights import Action
from lab.registry.source import Source, StoredManifest

if TYPE_CHECKING:
    from lab.registry.hub import Hub

_MAX_CONFIG = 16 << 20


@dataclass(frozen=True, slots=True)
class Shown:
    """A repository in a list; `name` is what people write after `docker pull`."""

    path: Repository
    name: str
    official: bool
    private: bool
    about: str
    tags: int


@dataclass(frozen=True, slots=True)
class LayerRow:
    """One step of an image's making; without a layer, `size` (bytes, packed) is None."""

    text: str
    size: int | None
    digest: str


@dataclass(frozen=True, slots=True)
class Detail:
    """An image behind a tag.  `size` is in bytes, packed; `platforms` are the parts of an index."""

    tag: str
    digest: str
    media_type: str
    size: int
    platforms: tuple[str, ...] = ()
    created: str = ""
    config: ContainerConfig | None = None
    layers: tuple[LayerRow, ...] = ()


def repositories(hub: Hub, account: str, wanted: str = "") -> list[Shown]:
    """Return what `account` may see and `wanted` is part of: official ones first, by name."""
    found = [
        shown(hub, name)
        for name in hub.repositories()
        if wanted in name and Action.PULL in hub.rights.of(account, name)
    ]
    return sorted(found, key=lambda each: (not each.official, each.name))


def shown(hub: Hub, name: Repository) -> Shown:
    """Return a repository as a list shows it."""
    official = name.startswith(OFFICIAL)
    try:
        tags = hub.source(name).tags(name)
    except Refused:
        tags = []
    private = hub.rights.is_private(name)
    return Shown(name, name.removeprefix(OFFICIAL), official, private, hub.about(name), len(tags))


def details(hub: Hub, name: Repository) -> list[Detail]:
    """Return all tags of a repository; those that cannot be read are left out."""
    source = hub.source(name)
    found = []
    for tag in source.tags(name):
        try:
            found.append(detail(hub, name, tag))
        except (Refused, InvalidParameter, OSError):
            continue
    return found


def detail(hub: Hub, name: Repository, tag: Tag) -> Detail:
    """Return what is behind a tag.  Raises Refused, InvalidParameter, OSError."""
    source = hub.source(name)
    stored = source.manifest(name, tag)
    document = parse(stored.content, stored.media_type)
    if isinstance(document, Index):
        return _index(tag, stored, document)
    size = sum(layer.size for layer in document.layers)
    base = Detail(tag, str(stored.digest), stored.media_type, size)
    try:
        config = _config(source, name, document)
    except (InvalidParameter, Refused):
        return base  # an artifact that is no image
    return Detail(
        tag,
        base.digest,
        base.media_type,
        size,
        (f"{config.os}/{config.architecture}",),
        config.created,
        config.config,
        tuple(_rows(document, config)),
    )


def _index(tag: Tag, stored: StoredManifest, index: Index) -> Detail:
    platforms = tuple(str(entry.platform) for entry in index.manifests if entry.platform)
    return Detail(tag, str(stored.digest), stored.media_type, 0, platforms)


def _config(source: Source, name: Repository, manifest: Manifest) -> ImageConfig:
    if manifest.config.size > _MAX_CONFIG:
        raise InvalidParameter("the configuration is too large to be one")
    return ImageConfig.from_bytes(source.blob(name, manifest.config.digest).read_bytes())


def _rows(manifest: Manifest, config: ImageConfig) -> list[LayerRow]:
    """Return the steps of an image; layers that the history does not tell of come last."""
    rest = list(manifest.layers)
    rows = []
    for step in config.history:
        if step.empty_layer or not rest:
            rows.append(LayerRow(step.created_by, None, ""))
        else:
            layer = rest.pop(0)
            rows.append(LayerRow(step.created_by, layer.size, str(layer.digest)))
    return rows + [LayerRow("", layer.size, str(layer.digest)) for layer in rest]
