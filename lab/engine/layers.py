"""An image's layers, as snapshots and as blobs: shared by all images, gone with the last one.

The committed snapshot of a layer is named by its chain id, so that it stands for the layer with
everything below it.  Upon the topmost one comes, for each image, the layer of lab.engine.initlayer,
and upon that the containers' own.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from lab.engine.initlayer import furnish
from lab.engine.mounted import PREFIX
from lab.engine.ready import ReadyLayer, ReadyLayers
from lab.engine.turns import ThreadTurns
from lab.errors import Conflict, NotFound
from lab.ids import new_id
from lab.image import gc
from lab.image.blobs import BlobStore
from lab.image.layer import apply_layer, decompress
from lab.image.store import Image, ImageStore
from lab.kernel.idmap import IdMap
from lab.oci.descriptor import Descriptor
from lab.oci.digest import Digest
from lab.oci.fields import Json
from lab.oci.image_config import ImageConfig, chain_id
from lab.snapshot.base import Kind, Snapshotter
from lab.snapshot.overlay import OverlaySnapshotter

Progress = Callable[[int], None]
"""Told how many bytes of a layer's blob have been read; what it raises ends the work."""

_INIT = "-init"
_SCRATCH = "scratch"
_UNFINISHED = "unpack-"


def chain_ids(diff_ids: Sequence[Digest]) -> list[Digest]:
    """Return the chain id of each layer with all below it, base first."""
    chains: list[Digest] = []
    for diff_id in diff_ids:
        chains.append(chain_upon(chains[-1] if chains else None, diff_id))
    return chains


def chain_upon(parent: Digest | None, diff_id: Digest) -> Digest:
    """Return the chain id of a layer upon the chain `parent`."""
    return diff_id if parent is None else chain_id((parent, diff_id))


class Layers:
    """The snapshots that images consist of.  Several threads may use it.

    A layer stays as long as an image has it, a container stands on it, or somebody holds it.
    """

    def __init__(
        self,
        blobs: BlobStore,
        snapshots: Snapshotter,
        store: ImageStore,
        ids: IdMap,
        scratch: Path,
        ready: ReadyLayers | None = None,
    ) -> None:
        """`scratch` is a folder for what is mounted for a moment; `ready` need not be unpacked."""
        scratch.mkdir(parents=True, exist_ok=True)
        self.scratch = scratch
        self.snapshots = snapshots
        self._blobs = blobs
        self._store = store
        self.ids = ids
        self._ready = ready or ReadyLayers(None)
        self._lock = threading.RLock()
        self._held: Counter[str] = Counter()
        self._turns = ThreadTurns()
        self.owes_sweep = False

    def has(self, chain: Digest) -> bool:
        """Return whether a layer, with all below it, is unpacked and can be used."""
        return self.snapshots.has(str(chain))

    def has_all(self, config: ImageConfig) -> bool:
        """Return whether all layers of an image are."""
        return not config.diff_ids or self.has(chain_id(config.diff_ids))

    def is_ready(self, layer: Descriptor, chain: Digest) -> bool:
        """Return whether just this blob was unpacked, as the layer `chain`, when the lab was set up."""
        return self._ready.find(chain, layer.digest) is not None

    def sizes(self, config: ImageConfig) -> list[int]:
        """Return the bytes of each unpacked layer of an image, base first."""
        return [self.size(chain) for chain in chain_ids(config.diff_ids)]

    def size(self, chain: Digest) -> int:
        """Return the bytes of one unpacked layer, without those below it."""
        return self.snapshots.usage(str(chain))

    def total(self) -> int:
        """Return the bytes of all unpacked layers, each counted once however many images share it."""
        return sum(
            snapshot.size or 0
            for snapshot in self.snapshots.walk()
            if snapshot.kind is Kind.COMMITTED and not snapshot.key.endswith(_INIT)
        )

    @contextmanager
    def hold(self, chains: Iterable[Digest]) -> Iterator[None]:
        """Keep layers, existing or still to come, until an image has them.

        What no image has when the block is left, for whatever reason, is removed.
        """
        keys = [str(chain) for chain in chains]
        with self._lock:
            self._held.update(keys)
        try:
            yield
        finally:
            with self._lock:
                self._held.subtract(keys)
                self._held = +self._held
            self.collect()

    def unpack(
        self,
        layer: Descriptor,
        diff_id: Digest,
        parent: Digest | None,
        progress: Progress | None = None,
    ) -> Digest:
        """Make the snapshot of a layer, whose blob is there, upon `parent`; return its chain id.

        What is there already is left as it is, and what is ready only adopted; who comes while
        another unpacks the same, waits.
        Raises what lab.image.layer.apply_layer does; nothing is left then.
        """
        chain = chain_upon(parent, diff_id)
        with self._turns.of(str(chain)):
            if self.has(chain):
                return chain
            ready = self._ready.find(chain, layer.digest)
            if ready is not None:
                self._adopt(ready)
                return chain
            with self.building(parent) as key:
                self._apply(layer, self.snapshots.upper(key), diff_id, progress)
                self.snapshots.commit(str(chain), key)
        return chain

    def freeze(
        self, key: str, diff_id: Digest, parent: Digest | None, size: int | None = None
    ) -> Digest:
        """Make the active snapshot `key` upon `parent` the layer `diff_id`; return its chain id.

        `size` is the bytes of its files, if known.  Where that layer is there already, the
        snapshot is left as it was.
        """
        chain = chain_upon(parent, diff_id)
        with self._turns.of(str(chain)):
            if not self.has(chain):
                self.snapshots.commit(str(chain), key, size)
        return chain

    @contextmanager
    def building(self, parent: Digest | None) -> Iterator[str]:
        """Yield the key of a new active snapshot upon `parent`; it is removed unless frozen."""
        key = _UNFINISHED + new_id()
        self.snapshots.prepare(key, None if parent is None else str(parent))
        try:
            yield key
        finally:
            if self._exists(key):
                self.snapshots.remove(key)

    def check(self, layer: Descriptor, diff_id: Digest) -> bool:
        """Return whether a blob's plain content has this digest.  Raises what unpacking would."""
        running = diff_id.hasher()
        with self._blobs.open(layer.digest) as blob:
            for piece in decompress(blob, layer.media_type):
                running.update(piece)
        return running.hexdigest() == diff_id.hex

    def container_parent(self, image: Image | None) -> str:
        """Return the key of the snapshot that containers of an image (None: empty) start from.

        Raises NotFound if layers of the image are missing: clients then pull it again.
        """
        diff_ids = image.config.diff_ids if image is not None else ()
        parent = chain_id(diff_ids) if diff_ids else None
        if image is not None and parent is not None and not self.has(parent):
            raise NotFound(
                f"No such image: {image.id} (layers of it are missing: they lay on a disk that is "
                "not here any more)"
            )
        key = f"{parent or _SCRATCH}{_INIT}"
        with self._turns.of(key):
            if not self._exists(key):
                self._make_init(key, parent)
        return key

    def collect(self) -> list[Digest]:
        """Remove layers that nothing needs, the topmost first; return their chain ids.

        A layer on which a container stands stays until it is called after that one's removal.
        """
        with self._lock:
            needed = {_SCRATCH, *self._held}
            for image in self._store.all():
                needed.update(map(str, chain_ids(image.config.diff_ids)))
            gone = []
            # a snapshot is always younger than its parent
            for snapshot in reversed(list(self.snapshots.walk())):
                unneeded = snapshot.key.removesuffix(_INIT) not in needed
                if snapshot.kind is Kind.COMMITTED and unneeded and self._remove(snapshot.key):
                    gone.append(snapshot.key)
        return [Digest.parse(key) for key in gone if not key.endswith(_INIT)]

    @contextmanager
    def lease(self) -> Iterator[None]:
        """Keep all blobs until an image has them; blocks at the end if a sweep is owed.

        What a block that fails has stored is deleted.
        """
        try:
            with self._blobs.lease():
                yield
        except BaseException:
            self.owes_sweep = True
            raise
        finally:
            if self.owes_sweep:
                self.sweep()

    def sweep(self) -> None:
        """Delete blobs that no image needs; while somebody holds a lease, it is owed instead."""
        with self._blobs.collecting() as is_free:
            self.owes_sweep = not is_free
            if is_free:
                gc.collect(self._store, self._blobs)

    def recover(self) -> None:
        """Remove what an engine that ended unexpectedly left behind; called before all else."""
        for snapshot in list(self.snapshots.walk()):
            if snapshot.kind is not Kind.COMMITTED and snapshot.key.startswith(_UNFINISHED):
                self.snapshots.remove(snapshot.key)
        for layer in self._ready:
            if self._exists(str(layer.chain)):
                with suppress(Conflict):  # it is not missing
                    self._adopt(layer)
        for place in self.scratch.glob(f"{PREFIX}*"):
            place.rmdir()
        self.collect()
        self.sweep()

    def driver(self, config: ImageConfig) -> Json:
        """Return what `docker inspect` shows of the storage: Docker's name of it, and folders."""
        if not isinstance(self.snapshots, OverlaySnapshotter):
            return {"Name": "vfs", "Data": None}
        chains = chain_ids(config.diff_ids)
        if not chains:
            return {"Name": "overlay2", "Data": None}
        data = {"UpperDir": str(self.snapshots.upper(str(chains[-1])))}
        lowers = self.snapshots.lowers(str(chains[-1]))
        if lowers:
            data["LowerDir"] = ":".join(map(str, lowers))
        return {"Name": "overlay2", "Data": data}

    def _apply(
        self, layer: Descriptor, target: Path, diff_id: Digest, progress: Progress | None
    ) -> None:
        with self._blobs.open(layer.digest) as blob:
            apply_layer(blob, layer.media_type, target, self.ids, diff_id, progress)

    def _adopt(self, layer: ReadyLayer) -> None:
        parent = None if layer.parent is None else str(layer.parent)
        self.snapshots.adopt(str(layer.chain), parent, layer.folder, layer.size)

    def _make_init(self, key: str, parent: Digest | None) -> None:
        with self.building(parent) as unfinished:
            upper, lowers = self.snapshots.upper(unfinished), self.snapshots.lowers(unfinished)
            furnish(upper, lowers, self.ids)
            self.snapshots.commit(key, unfinished)

    def _exists(self, key: str) -> bool:
        try:
            self.snapshots.stat(key)
        except NotFound:
            return False
        return True

    def _remove(self, key: str) -> bool:
        try:
            self.snapshots.remove(key)
        except Conflict:
            return False  # a container stands on it
        return True
