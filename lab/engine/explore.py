"""What Docker's API does not tell: the layers of images, and what containers have written.

The explorer only looks; images, snapshots and containers belong to others.  Its work runs in
threads of its own, so that a look into a large layer keeps no container waiting.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TypeVar
from weakref import WeakValueDictionary

from lab.engine.changed_files import LayerFiles, Marks, changed_files, fingerprint
from lab.engine.containers import Container, Containers
from lab.engine.layer_content import ContentChange, content_change
from lab.engine.layers import chain_ids
from lab.errors import InvalidParameter, NotFound
from lab.ids import short_id
from lab.image.changes import Change, changes
from lab.image.store import Image, ImageStore
from lab.oci.digest import Digest
from lab.oci.image_config import History
from lab.snapshot.base import Snapshotter

MAX_FILES = 5000
"""The most entries that one answer lists."""

_WRITTEN_LISTED = 1000
_PAUSE = 1.0
_REST = 10
"""A follower rests this many times as long as its look took: at most a tenth of one processor."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class LayerStep:
    """A step of an image's history: a layer, or (`number` 0) settings that made none.

    Layers are numbered from 1, the base.  `size` is the bytes of the unpacked layer's own files;
    `digest` is the compressed blob's; `shared_with` names the other images that stand on the same
    layer with the same layers below it.
    """

    number: int
    created: str = ""
    created_by: str = ""
    diff_id: str = ""
    chain_id: str = ""
    digest: str = ""
    size: int = 0
    shared_with: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ImageLayers:
    """An image's id and names, and its history, base first."""

    id: str
    names: tuple[str, ...]
    steps: tuple[LayerStep, ...]


@dataclass(frozen=True, slots=True)
class WritableLayer:
    """What a container has changed; `chain_id` names the layers below, empty for none.

    `written` are the paths that are not as in the state that was yielded before; None where that
    is not known.
    """

    id: str
    image: str
    chain_id: str
    files: LayerFiles
    marks: Marks
    written: tuple[str, ...] | None = None


class Explorer:
    """Looks into images and containers; its methods belong to the event loop's thread."""

    def __init__(self, images: ImageStore, snapshots: Snapshotter, containers: Containers) -> None:
        self._images = images
        self._snapshots = snapshots
        self._containers = containers
        self._pool = ThreadPoolExecutor(2, thread_name_prefix="explore")
        self._closed = asyncio.Event()
        self._watches: WeakValueDictionary[str, _Watch] = WeakValueDictionary()

    async def layers(self, name: str) -> ImageLayers:
        """Return the history of the image that `name` means; NotFound."""
        return await self._in_thread(lambda: self._layers(name))

    async def files(self, chain: str, path: str, limit: int) -> LayerFiles:
        """Return what a layer adds, changes and deletes at `path` and below it.

        `chain` is its chain id, `path` absolute.  Raises NotFound for an unknown layer,
        InvalidParameter for a malformed chain id, path or limit.
        """
        if not path.startswith("/"):
            raise InvalidParameter(f"path must be absolute: {path}")
        if not 0 <= limit <= MAX_FILES:
            raise InvalidParameter(f"limit must be from 0 to {MAX_FILES}")
        key = str(Digest.parse(chain))
        return await self._in_thread(lambda: self._files(key, path, limit))

    async def written(self, text: str) -> WritableLayer:
        """Return what a container has changed so far; NotFound."""
        container = self._containers.get(text)
        return await self._look(container, self._watch(container))

    async def content(self, chain: str, path: str) -> ContentChange:
        """Return a file before and after a layer; NotFound, InvalidParameter."""
        key = str(Digest.parse(chain))
        return await self._in_thread(lambda: self._content(key, path, f"No such layer: {key}"))

    async def own_content(self, text: str, path: str) -> ContentChange:
        """Return a file before and after what a container has changed; as `content`."""
        key = self._containers.get(text).id
        return await self._in_thread(lambda: self._content(key, path, f"No such container: {key}"))

    async def diff(self, text: str) -> list[Change]:
        """Return all that a container has changed, as `docker diff` lists it; NotFound."""
        key = self._containers.get(text).id
        return await self._in_thread(
            lambda: changes(self._snapshots.upper(key), self._snapshots.lowers(key))
        )

    async def follow(self, text: str) -> AsyncGenerator[WritableLayer | None, None]:
        """Yield what a container has changed, then the new state whenever that is another one.

        Looks once a second, less often where looking takes long; yields None when nothing has
        changed, so that the caller can see whether anybody still listens.  Ends when the
        container is removed, or the explorer closed.  Raises NotFound if there is none to begin
        with.
        """
        container = self._containers.get(text)
        watch = self._watch(container)
        seen = None
        while True:
            try:
                self._containers.get(container.id)
                state = await self._look(container, watch)
            except NotFound:
                if seen is None:
                    raise
                return
            yield None if state is seen else _since(seen, state)
            seen = state
            if await self._closed_within(max(_PAUSE, watch.cost * _REST)):
                return

    def close(self) -> None:
        """Let go of the threads, and of all who follow; looks that were not begun are not made."""
        self._closed.set()
        self._pool.shutdown(wait=False, cancel_futures=True)

    # --- images

    def _layers(self, name: str) -> ImageLayers:
        image = self._images.resolve(name)
        layers = self._numbered(image)
        steps = tuple(
            LayerStep(0, entry.created, entry.created_by)
            if entry.empty_layer
            else replace(next(layers), created=entry.created, created_by=entry.created_by)
            for entry in _whole_history(image)
        )
        return ImageLayers(str(image.id), self._names(image), steps)

    def _numbered(self, image: Image) -> Iterator[LayerStep]:
        """Yield the layers, base first, without their history."""
        chains = list(map(str, chain_ids(image.config.diff_ids)))
        owners = self._owners(image, set(chains))
        for number, chain in enumerate(chains, start=1):
            yield LayerStep(
                number=number,
                diff_id=str(image.config.diff_ids[number - 1]),
                chain_id=chain,
                digest=str(image.layers[number - 1].digest),
                size=self._snapshots.usage(chain),
                shared_with=tuple(sorted(owners[chain])),
            )

    def _owners(self, image: Image, chains: set[str]) -> dict[str, list[str]]:
        """Return, by chain id, the names of the other images that have a layer of `chains`."""
        owners: dict[str, list[str]] = {chain: [] for chain in chains}
        for other in self._images.all():
            if other.id != image.id:
                for chain in chains.intersection(map(str, chain_ids(other.config.diff_ids))):
                    owners[chain] += self._names(other) or self._nameless(other)
        return owners

    def _names(self, image: Image) -> tuple[str, ...]:
        return tuple(ref.familiar() for ref in self._images.tags_of(image.id))

    def _nameless(self, image: Image) -> tuple[str, ...]:
        """Return how a dangling image is called; what a build left on its way has no name."""
        return () if self._images.children(image.id) else (short_id(image.id.hex),)

    def _files(self, key: str, path: str, limit: int) -> LayerFiles:
        try:
            return changed_files(
                self._snapshots.upper(key), self._snapshots.lowers(key), limit, path
            )
        except (NotFound, FileNotFoundError):
            raise NotFound(f"No such layer: {key}") from None

    def _content(self, key: str, path: str, absent: str) -> ContentChange:
        try:
            layers = self._snapshots.upper(key), self._snapshots.lowers(key)
        except (NotFound, FileNotFoundError):
            raise NotFound(absent) from None
        return content_change(*layers, path)

    # --- containers

    def _watch(self, container: Container) -> _Watch:
        watch = self._watches.get(container.id)
        if watch is None:
            watch = self._watches[container.id] = _Watch()
        return watch

    async def _look(self, container: Container, watch: _Watch) -> WritableLayer:
        """Look again, unless somebody has just done so."""
        image = container.record.image
        async with watch.lock:
            began = time.monotonic()
            if watch.state is None or began - watch.looked_at >= _PAUSE / 2:
                await self._in_thread(lambda: self._refresh(container.id, image, watch))
                watch.looked_at = time.monotonic()
                watch.cost = watch.looked_at - began
            assert watch.state is not None
            return watch.state

    def _refresh(self, container_id: str, image: str, watch: _Watch) -> None:
        """Replace the watch's state if anything was written since."""
        try:
            upper = self._snapshots.upper(container_id)
            mark = fingerprint(upper)
            if watch.state is not None and mark.digest == watch.state.marks.digest:
                return
            lowers = self._snapshots.lowers(container_id)
            parent = self._snapshots.stat(container_id).parent or ""
            files = changed_files(upper, lowers, _WRITTEN_LISTED)
        except (NotFound, FileNotFoundError):
            raise NotFound(f"No such container: {container_id}") from None
        watch.state = WritableLayer(container_id, image, _image_layer(parent), files, mark)

    async def _closed_within(self, seconds: float) -> bool:
        try:
            await asyncio.wait_for(self._closed.wait(), seconds)
        except TimeoutError:
            return False
        return True

    async def _in_thread(self, work: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)


class _Watch:
    """The latest look into one container, shared by all who follow it; `cost` is in seconds."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.state: WritableLayer | None = None
        self.looked_at = 0.0
        self.cost = 0.0


def _since(seen: WritableLayer | None, state: WritableLayer) -> WritableLayer:
    """Return `state` with what was written since the one that was `seen`."""
    if seen is None:
        return state
    told = state.marks.differences(seen.marks)
    return state if told is None else replace(state, written=tuple(told))


def _whole_history(image: Image) -> list[History]:
    """Return the history, with an entry for each layer that it does not mention."""
    history = list(image.config.history)
    mentioned = sum(not entry.empty_layer for entry in history)
    return history + [History()] * (len(image.config.diff_ids) - mentioned)


def _image_layer(parent: str) -> str:
    """Return the chain id that a container's parent snapshot belongs to; empty for no image.

    Between image and container lies the layer of lab.engine.initlayer.
    """
    chain = parent.removesuffix("-init")
    return chain if ":" in chain else ""
