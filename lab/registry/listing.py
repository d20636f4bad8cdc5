"""What everybody may pull from the Hub: repositories, images with their tags, layers.

Read from the Hub as it is at this moment.  Functions block.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.errors import InvalidParameter
from lab.oci.digest import Digest
from lab.oci.image_config import ImageConfig
from lab.oci.manifest import Index, Manifest, parse
from lab.registry.errors import Refused
from lab.registry.names import OFFICIAL, Repository, Tag
from lab.registry.source import Source

if TYPE_CHECKING:
    from lab.registry.hub import Hub

MAX_TAGS = 200
"""How many tags of one repository are listed."""

_MAX_CONFIG = 16 << 20


@dataclass(frozen=True, slots=True)
class ListedLayer:
    """A blob with a layer in it; `diff_id`, of the layer unpacked, is empty if nobody tells it."""

    digest: str
    diff_id: str
    size: int


@dataclass(frozen=True, slots=True)
class ListedImage:
    """A manifest and the tags that point to it.

    Of an index, `image_id` and `layers` are those of the image that a client would take here.
    """

    digest: str
    media_type: str
    tags: tuple[str, ...]
    image_id: str = ""
    layers: tuple[ListedLayer, ...] = ()


@dataclass(frozen=True, slots=True)
class ListedRepository:
    """A public repository; `truncated`: it has more tags."""

    name: str
    official: bool
    images: tuple[ListedImage, ...]
    truncated: bool


def public(hub: Hub, architecture: str, limit: int) -> tuple[list[ListedRepository], bool]:
    """Return at most `limit` repositories, official ones first, and whether there are more."""
    names = [name for name in hub.repositories() if not hub.rights.is_private(name)]
    names.sort(key=lambda name: (not name.startswith(OFFICIAL), name))
    found = [_repository(hub.source(name), name, architecture) for name in names[:limit]]
    return found, len(names) > limit


def _repository(source: Source, name: Repository, architecture: str) -> ListedRepository:
    try:
        tags = source.tags(name)
    except Refused:
        tags = []  # it was deleted just now
    by_digest: dict[Digest, list[Tag]] = {}
    types: dict[Digest, str] = {}
    for tag in tags[:MAX_TAGS]:
        try:
            stored = source.manifest(name, tag)
        except Refused:
            continue
        by_digest.setdefault(stored.digest, []).append(tag)
        types[stored.digest] = stored.media_type
    images = tuple(
        _image(source, name, digest, types[digest], tuple(tagged), architecture)
        for digest, tagged in by_digest.items()
    )
    return ListedRepository(name, name.startswith(OFFICIAL), images, len(tags) > MAX_TAGS)


def _image(
    source: Source,
    name: Repository,
    digest: Digest,
    media_type: str,
    tags: tuple[str, ...],
    architecture: str,
) -> ListedImage:
    try:
        manifest = _manifest(source, name, digest, architecture)
    except (Refused, InvalidParameter):
        return ListedImage(str(digest), media_type, tags)
    diff_ids = _diff_ids(source, name, manifest)
    layers = tuple(
        ListedLayer(str(layer.digest), diff_ids[at] if at < len(diff_ids) else "", layer.size)
        for at, layer in enumerate(manifest.layers)
    )
    return ListedImage(str(digest), media_type, tags, str(manifest.config.digest), layers)


def _manifest(source: Source, name: Repository, digest: Digest, architecture: str) -> Manifest:
    stored = source.manifest(name, digest)
    document = parse(stored.content, stored.media_type)
    if isinstance(document, Index):
        part = source.manifest(name, document.select("linux", architecture).digest)
        document = parse(part.content, part.media_type)
    if isinstance(document, Index):
        raise InvalidParameter("an index in an index")
    return document


def _diff_ids(source: Source, name: Repository, manifest: Manifest) -> list[str]:
    """Return the layers' diff ids; none for what is no image, or cannot be read."""
    if manifest.config.size > _MAX_CONFIG:
        return []
    try:
        content = source.blob(name, manifest.config.digest).read_bytes()
        return [str(each) for each in ImageConfig.from_bytes(content).diff_ids]
    except (InvalidParameter, Refused, OSError):
        return []
