"""Which images `docker images` shows, and in which order.  Source: Docker Engine API, ImageList."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from lab.build.golang import match
from lab.engine.layers import Layers, chain_ids
from lab.engine.moments import parse_limit, parse_moment
from lab.errors import InvalidParameter
from lab.image.store import Image, ImageStore
from lab.oci.digest import Digest
from lab.oci.reference import Reference

LIST_FILTERS = frozenset("before dangling label reference since until".split())
PRUNE_FILTERS = frozenset(("dangling", "label", "label!", "until"))

Filters = Mapping[str, Sequence[str]]
_BOOLEANS = {"1": True, "true": True, "0": False, "false": False}


@dataclass(frozen=True, slots=True)
class ImageQuery:
    """What is asked for: `everything` includes the images between a build's steps."""

    everything: bool = False
    filters: Filters = field(default_factory=dict)
    shared_size: bool = False


@dataclass(frozen=True, slots=True)
class Listed:
    """One image of the list with its names; `shared` is bytes of layers that others have too.

    Both `shared` and `containers` are -1 where they were not asked for.
    """

    image: Image
    tags: tuple[Reference, ...]
    digests: tuple[Reference, ...]
    shared: int = -1
    containers: int = -1


class Lister:
    """Lists the images of a store."""

    def __init__(self, store: ImageStore, layers: Layers) -> None:
        self._store = store
        self._layers = layers

    def select(self, query: ImageQuery, now: float) -> list[Listed]:
        """Return the images that the query wants, the latest made first.

        Raises InvalidParameter for malformed filters, NotFound for an image that one names.
        """
        images = self._store.all()
        parents = {image.parent for image in images if image.parent is not None}
        dangling = boolean(query.filters, "dangling", None)
        conditions = self._conditions(query.filters, now)
        shared = self._shared(images) if query.shared_size else {}
        rows = []
        for image in images:
            if dangling and image.id in parents:
                continue
            row = self._row(image, query.filters.get("reference", ()))
            if not _is_shown(row, image.id in parents, dangling, query):
                continue
            if all(keep(image) for keep in conditions):
                rows.append(_sized(row, shared, query.shared_size))
        rows.sort(key=lambda row: parse_moment(row.image.config.created) or 0, reverse=True)
        return rows

    def _row(self, image: Image, patterns: Sequence[str]) -> Listed:
        tags = self._store.tags_of(image.id)
        digests = self._store.digests_of(image.id)
        if patterns:
            tags = [name for name in tags if matches(name, patterns)]
            digests = [name for name in digests if matches(name, patterns)]
        return Listed(image, tuple(tags), tuple(digests))

    def _conditions(self, filters: Filters, now: float) -> list[Callable[[Image], bool]]:
        before = [self._created(name) for name in filters.get("before", ())]
        before += [parse_limit(text, now) for text in filters.get("until", ())]
        since = [self._created(name) for name in filters.get("since", ())]
        conditions: list[Callable[[Image], bool]] = [lambda image: has_labels(image, filters)]
        if before:
            earliest = min(before)
            conditions.append(lambda image: _is_before(image, earliest))
        if since:
            latest = max(since)
            conditions.append(lambda image: _is_after(image, latest))
        return conditions

    def _created(self, name: str) -> int:
        return parse_moment(self._store.resolve(name).config.created) or 0

    def _shared(self, images: Iterable[Image]) -> dict[Digest, int]:
        """Return for each image the bytes of the layers that it has in common with another."""
        chains = {image.id: chain_ids(image.config.diff_ids) for image in images}
        uses = Counter(chain for each in chains.values() for chain in each)
        sizes = {chain: self._layers.size(chain) for chain, count in uses.items() if count > 1}
        return {
            image_id: sum(sizes.get(chain, 0) for chain in each)
            for image_id, each in chains.items()
        }


def boolean(filters: Filters, key: str, default: bool | None) -> bool | None:
    """Return a filter that is true or false; InvalidParameter, in Docker's words, for neither."""
    values = filters.get(key, ())
    if not values:
        return default
    if len(values) > 1 or values[0].lower() not in _BOOLEANS:
        raise InvalidParameter(f"invalid filter '{key}=[{' '.join(values)}]'")
    return _BOOLEANS[values[0].lower()]


def has_labels(image: Image, filters: Filters) -> bool:
    """Return whether an image has all labels under `label`, and not all those under `label!`."""
    labels = image.config.config.labels
    if not all(_has_label(wanted, labels) for wanted in filters.get("label", ())):
        return False
    unwanted = filters.get("label!", ())
    return not unwanted or not all(_has_label(text, labels) for text in unwanted)


def matches(name: Reference, patterns: Sequence[str]) -> bool:
    """Return whether a shell pattern matches a name in one of the forms that people use."""
    bare = Reference(name.domain, name.path)
    forms = (name.familiar(), bare.familiar(), str(name), bare.name)
    try:
        return any(match(pattern, form) for pattern in patterns for form in forms)
    except ValueError as error:
        raise InvalidParameter(str(error)) from None


def _is_shown(row: Listed, is_parent: bool, dangling: bool | None, query: ImageQuery) -> bool:
    if row.tags or row.digests:
        return not (dangling and row.tags)
    if is_parent and not query.everything:
        return False
    return dangling is not False and "reference" not in query.filters


def _sized(row: Listed, shared: Mapping[Digest, int], asked: bool) -> Listed:
    if not asked:
        return row
    return Listed(row.image, row.tags, row.digests, shared.get(row.image.id, 0))


def _has_label(wanted: str, labels: Mapping[str, str]) -> bool:
    name, equals, value = wanted.partition("=")
    return name in labels and (not equals or labels[name] == value)


def _is_before(image: Image, limit: int) -> bool:
    created = parse_moment(image.config.created)
    return created is not None and created < limit


def _is_after(image: Image, limit: int) -> bool:
    created = parse_moment(image.config.created)
    return created is not None and created > limit
