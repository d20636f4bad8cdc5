"""Files of containers, in and out as archives: `docker cp`.

A container that runs is looked at through its own root, so that its volumes, binds and tmpfs are
there; for one that does not run the spawner puts the same together.  Links are followed as inside
the container, so that none leads out of it.  Source: Docker Engine API, ContainerArchive.
"""

from __future__ import annotations

import asyncio
import os
import posixpath
import stat
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeVar

from lab.build.rootfs import RootFs
from lab.engine.container_mounts import in_order, runtime_mounts
from lab.engine.containers import Container, Containers
from lab.engine.extraction import Extraction, extract
from lab.errors import InvalidParameter, NotFound, SyscallError
from lab.image.pack import Packer
from lab.image.tar_writer import END
from lab.kernel import trees
from lab.kernel.fsids import make_files_as
from lab.kernel.idmap import IdMap
from lab.kernel.openat2 import Resolve, openat2
from lab.kernel.trees import Node
from lab.runtime.task import Tasks
from lab.snapshot.base import Snapshotter

_IN_ROOT = int(Resolve.IN_ROOT | Resolve.NO_MAGICLINKS)
_ANY = os.O_PATH | os.O_CLOEXEC
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_GONE = (FileNotFoundError, NotADirectoryError)
_AT_ONCE = 16
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PathStat:
    """What is at a path: `mode` as stat(2) has it, `target` where a link leads in the end."""

    name: str
    size: int
    mode: int
    mtime_ns: int
    target: str = ""


class Files:
    """Reads and writes files of containers; its methods belong to the event loop's thread."""

    def __init__(
        self, containers: Containers, snapshots: Snapshotter, tasks: Tasks, ids: IdMap
    ) -> None:
        self._containers = containers
        self._snapshots = snapshots
        self._tasks = tasks
        self._ids = ids
        # these threads make files as the container's root would
        self._pool = ThreadPoolExecutor(_AT_ONCE, "files", initializer=_become, initargs=(ids,))

    async def stat(self, container: Container, given: str, path: str) -> PathStat:
        """Return what is at `path`; NotFound, naming the container as `given`."""
        async with self._tree(container) as root:
            with _missing(given, path):
                return await self.run(_stat, root, _absolute(path), self._ids)

    @asynccontextmanager
    async def archive(
        self, container: Container, given: str, path: str
    ) -> AsyncIterator[tuple[PathStat, Generator[bytes, None, None]]]:
        """Give what is at `path` as an archive, whose pieces `run` is to take, in the block."""
        async with self._tree(container) as root:
            whole = _absolute(path)
            with _missing(given, path):
                status = await self.run(_stat, root, whole, self._ids)
            pieces = _pack(root, whole, status, self._ids)
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
                place = await self.run(_destination, root, _absolute(path), self._ids)
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
            async with self._assembled(container) as root:
                yield root

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


def _absolute(path: str) -> str:
    """Return a path from the container's root; a `/` or `/.` at its end, which means what a link
    leads to, is kept."""
    clean = "/" + posixpath.normpath("/" + path).lstrip("/")
    if path.endswith("/.") or path == ".":
        return clean.rstrip("/") + "/."
    return clean + "/" if path.endswith("/") and clean != "/" else clean


def _open(root: int, path: str, flags: int) -> int:
    try:
        return openat2(root, os.fsencode(path), flags, 0, _IN_ROOT)
    except SyscallError as error:
        # by the names that Python has for the commoner errors
        raise OSError(error.errno, os.strerror(error.errno or 0), path) from None


def _stat(root: int, path: str, ids: IdMap) -> PathStat:
    follows = path.endswith(("/", "/."))
    fd = _open(root, path, _ANY | (os.O_DIRECTORY if follows else os.O_NOFOLLOW))
    try:
        status = os.fstat(fd)
    finally:
        os.close(fd)
    target = ""
    if stat.S_ISLNK(status.st_mode):
        with RootFs(Path(f"/proc/self/fd/{root}"), ids) as tree:
            target = tree.resolve(path)
    name = posixpath.basename(path.rstrip("/")) or "/"
    return PathStat(name, status.st_size, status.st_mode, status.st_mtime_ns, target)


def _pack(root: int, path: str, status: PathStat, ids: IdMap) -> Generator[bytes, None, None]:
    """Yield the archive of what is at `path`: a directory under its name, with all it holds."""
    if stat.S_ISDIR(status.mode):
        fd = _open(root, path, _DIRECTORY)
        top = b"" if status.name == "/" else os.fsencode(status.name)
        packer = Packer(ids, layer=False, top=top)
        nodes = _whole(fd)
    else:
        parent, name = posixpath.split(path)
        fd = _open(root, parent, _DIRECTORY)
        packer = Packer(ids, layer=False)
        nodes = iter([Node(os.fsencode(name), os.lstat(name, dir_fd=fd))])
    try:
        for node in nodes:
            yield from packer.member(fd, node)
        yield END
    finally:
        os.close(fd)


def _whole(directory: int) -> Iterator[Node]:
    yield Node(b"", os.fstat(directory))
    yield from trees.walk(directory)


def _destination(root: int, path: str, ids: IdMap) -> str:
    """Return where a directory is, without links."""
    with RootFs(Path(f"/proc/self/fd/{root}"), ids) as tree:
        place = tree.resolve(path)
        status = tree.status(place)
    if status is None:
        raise FileNotFoundError(path)
    if not stat.S_ISDIR(status.st_mode):
        raise InvalidParameter("extraction point is not a directory")
    return place


def _require_writable(container: Container, place: str) -> None:
    points = sorted(container.record.mounts, key=lambda point: -len(point.destination))
    for point in points:
        if (place + "/").startswith(point.destination.rstrip("/") + "/"):
            if not point.rw:
                raise InvalidParameter("mounted volume is marked read-only")
            return
    if container.settings.readonly:
        raise InvalidParameter("container rootfs is marked read-only")
