"""Files of containers, in and out as archives: `docker cp`.

A container that runs is looked at through its own root, so that its volumes, binds and tmpfs are
there; for one that does not run the spawner puts the same together.  Links are followed as inside
the container, so that none leads out of it.  Source: Docker Engine API, ContainerArchive.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import BinaryIO, TypeVar

from lab.engine.container_mounts import in_order, runtime_mounts
from lab.engine.containers import Container, Containers
from lab.engine.extraction import Extraction, extract
from lab.engine.inside import PathStat, absolute, destination, look, pack
from lab.errors import InvalidParameter, NotFound
from lab.kernel.fsids import make_files_as
from lab.kernel.idmap import IdMap
from lab.kernel.openat2 import Resolve
from lab.runtime.task import Tasks
from lab.snapshot.base import Snapshotter

_IN_ROOT = int(Resolve.IN_ROOT | Resolve.NO_MAGICLINKS)
_ANY = os.O_PATH | os.O_CLOEXEC
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_GONE = (FileNotFoundError, NotADirectoryError)
_AT_ONCE = 16
T = TypeVar("T")


class Files:
    """Reads and writes files of containers; its methods belong to the event loop's thread."""

    def __init__(
        self, containers: Containers, snapshots: Snapshotter, tasks: Tasks, ids: IdMap
    ) -> None:
        self._containers = containers
        self._snapshots = snapshots
        self._tasks = tasks
        self._ids = ids
        self.holding: set[str] = set()
        """Ids of containers that do not run, and that are kept from starting for a while."""
        # these threads make files as the container's root would
        self._pool = ThreadPoolExecutor(_AT_ONCE, "files", initializer=_become, initargs=(ids,))

    async def stat(self, container: Container, given: str, path: str) -> PathStat:
        """Return what is at `path`; NotFound, naming the container as `given`."""
        async with self._tree(container) as root:
            with _missing(given, path):
                return await self.run(look, root, absolute(path), self._ids)

    @asynccontextmanager
    async def archive(
        self, container: Container, given: str, path: str
    ) -> AsyncIterator[tuple[PathStat, Generator[bytes, None, None]]]:
        """Give what is at `path` as an archive, whose pieces `run` is to take, in the block."""
        async with self._tree(container) as root:
            whole = absolute(path)
            with _missing(given, path):
                status = await self.run(look, root, whole, self._ids)
            pieces = pack(root, whole, status, self._ids)
            self._containers.log_event(container, "archive-path")
            try:
                yield status, pieces
            finally:
                await self.run(pieces.close)

    async def extract(
        self, container: Container, given: str, path: str, content: BinaryIO, keep: bool, own: bool
    ) -> None:
        """Unpack an archive, plain or compressed, into the directory `path`.

        With `keep`, no directory takes the place of another thing, nor the other way round; with
        `own`, all of it belongs to the container's user.  Raises NotFound, InvalidParameter for
        what is no directory or may not be written, LabError for the rest.
        """
        async with self._tree(container) as root:
            with _missing(given, path):
                place = await self.run(destination, root, absolute(path), self._ids)
            _require_writable(container, place)
            user = container.record.config["User"] if own else ""
            await self.run(extract, Extraction(root, place, self._ids, keep, user), content)
        self._containers.log_event(container, "extract-to-dir")

    async def run(self, call: Callable[..., T], *arguments: object) -> T:
        """Do something that blocks, in a thread that makes files as the container's root."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, call, *arguments)

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown(cancel_futures=True)

    @asynccontextmanager
    async def _tree(self, container: Container) -> AsyncIterator[int]:
        """Give a descriptor of all that the container sees.

        One that does not run cannot be started, or removed, meanwhile.
        """
        root = _running_root(container)
        if root is not None:
            try:
                yield root
            finally:
                os.close(root)
            return
        async with container.lock:
            self._containers.get(container.id)
            self.holding.add(container.id)
            try:
                async with self._assembled(container) as root:
                    yield root
            finally:
                self.holding.discard(container.id)

    @asynccontextmanager
    async def _assembled(self, container: Container) -> AsyncIterator[int]:
        root = _running_root(container)
        volumes = self._containers.places.volumes
        if root is None:
            volumes.hold(container)
        try:
            if root is None:
                root = await asyncio.to_thread(self._assemble, container)
            try:
                yield root
            finally:
                os.close(root)
        finally:
            if container.task is None:
                volumes.release(container)

    def _assemble(self, container: Container) -> int:
        place = container.folder / "rootfs"
        place.mkdir(exist_ok=True)
        points = runtime_mounts(container.record.mounts, self._containers.places.volumes)
        mounts = in_order(mount for mount in points if mount.type == "bind")
        layers = self._snapshots.mounts(container.id)
        return self._tasks.tree(place, self._snapshots.base, layers, mounts)


def _running_root(container: Container) -> int | None:
    """Open the root of a container that runs; None if it does not."""
    task = container.task
    if task is None:
        return None
    try:
        root = os.open(f"/proc/{task.pid}/root", _ANY | os.O_DIRECTORY)
    except OSError:
        return None  # it is just ending
    # the number may be another process's by now: one of the engine's own
    if not os.path.samestat(os.fstat(root), os.stat("/")):
        return root
    os.close(root)
    return None


def _become(ids: IdMap) -> None:
    owner = ids.to_sandbox(0)
    if owner != os.geteuid():
        make_files_as(owner)


class _missing:
    """Say in Docker's words that nothing is at a path."""

    def __init__(self, given: str, path: str) -> None:
        self._message = f"Could not find the file {path} in container {given}"

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, FileNotFoundError):
            raise NotFound(self._message) from None


def _require_writable(container: Container, place: str) -> None:
    points = sorted(container.record.mounts, key=lambda point: -len(point.destination))
    for point in points:
        if (place + "/").startswith(point.destination.rstrip("/") + "/"):
            if not point.rw:
                raise InvalidParameter("mounted volume is marked read-only")
            return
    if container.settings.readonly:
        raise InvalidParameter("container rootfs is marked read-only")
