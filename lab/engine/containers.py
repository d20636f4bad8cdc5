"""Containers: created, found, listed, removed.  What runs in them is lab.engine.lifecycle's."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from lab.engine import commands
from lab.engine.layers import Layers
from lab.engine.logged import logged
from lab.engine.logs import LogFile
from lab.engine.persist import ContainerTable
from lab.engine.places import Places
from lab.engine.settings import HostSettings
from lab.engine.state import Attachment, Record, Status, check, first_places, now
from lab.errors import Conflict, InvalidParameter, NotFound
from lab.ids import ID_PATTERN, check_name, find_prefix, generate_name, new_id, short_id
from lab.image.archive import export_tree
from lab.image.store import Image, ImageStore
from lab.journal import Journal
from lab.kernel.idmap import IdMap
from lab.oci.fields import Json
from lab.runtime.stdio import Streams
from lab.runtime.task import Task
from lab.snapshot.base import Snapshotter


@dataclass(slots=True)
class Container:
    """A container's record together with what exists only while the engine runs.

    `lock` is held by whoever changes its state.  The two lists hold futures of those who wait
    for the end of a run, and for the removal.  `restarting` says that the end of the run is not
    the end of the container; the two members after it are lab.engine.restarts'.
    """

    record: Record
    settings: HostSettings
    folder: Path
    streams: Streams
    log: LogFile | None
    task: Task | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    exits: list[asyncio.Future[int]] = field(default_factory=list)
    removals: list[asyncio.Future[int]] = field(default_factory=list)
    restarting: bool = False
    restart_delay: float = 0.0
    restart_cancelled: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def id(self) -> str:
        return self.record.id

    @property
    def name(self) -> str:
        return self.record.name

    @property
    def image_id(self) -> str:
        return self.record.image

    @property
    def status(self) -> Status:
        return self.record.state.status

    def end_run(self) -> None:
        """Let go of the process, its output and its log; who is attached is told of the end."""
        self.streams.abandon()
        if self.log is not None:
            self.log.close()
        if self.task is not None:
            self.task.close()
            self.task = None


class Containers:
    """All containers of the engine.  Belongs to the event loop's thread."""

    def __init__(
        self,
        folder: Path,
        table: ContainerTable,
        images: ImageStore,
        layers: Layers,
        snapshots: Snapshotter,
        journal: Journal,
        ids: IdMap,
        places: Places,
    ) -> None:
        self._folder = folder
        self._table = table
        self._images = images
        self._layers = layers
        self._snapshots = snapshots
        self._journal = journal
        self._ids = ids
        self.places = places
        self._by_id: dict[str, Container] = {}

    def restore(self) -> list[Container]:
        """Load the records of an earlier engine; return the containers that ran when it ended."""
        for record in self._table.all():
            self._by_id[record.id] = self._wrap(record)
        self._sweep()
        return [each for each in self._by_id.values() if each.record.state.is_running]

    def _sweep(self) -> None:
        """Remove what belongs to containers whose creation or removal a crash cut short."""
        for snapshot in list(self._snapshots.walk()):
            if ID_PATTERN.fullmatch(snapshot.key) and snapshot.key not in self._by_id:
                self._snapshots.remove(snapshot.key)
        for folder in self._folder.iterdir():
            if folder.name not in self._by_id:
                shutil.rmtree(folder, ignore_errors=True)

    def create(
        self, name: str, config: Json, host: Json, places: list[Attachment] | None = None
    ) -> Container:
        """Create a container of the image that `config` names, in the networks of `places`.

        Raises NotFound for the image, Conflict for the name, InvalidParameter and Unsupported
        for settings.  Nothing is left behind then.
        """
        image = self._images.resolve(config["Image"])
        full = commands.complete(config, image.config.config)
        return self._create(name, full, host, image, places)

    def create_for_step(self, image: Image | None, config: Json, host: Json) -> Container:
        """Create a container for a build's step: `config` is complete, None the empty image."""
        return self._create("", config, host, image)

    def _create(
        self,
        name: str,
        config: Json,
        host: Json,
        image: Image | None,
        places: list[Attachment] | None = None,
    ) -> Container:
        self.require_room()
        path, args = commands.split(config)
        container_id = new_id()
        wanted = self._free_name(name)
        config["Hostname"] = config["Hostname"] or short_id(container_id)
        record = Record(
            id=container_id,
            name=wanted,
            created=now(),
            image=str(image.id) if image else "",
            image_name=config["Image"],
            config=config,
            host=host,
            path=path,
            args=args,
            networks=first_places(host["NetworkMode"]) if places is None else places,
        )
        with ExitStack() as undo:
            self._snapshots.prepare(container_id, self._layers.container_parent(image))
            undo.callback(self._snapshots.remove, container_id)
            container = self._wrap(record)
            container.folder.mkdir(parents=True)
            undo.callback(shutil.rmtree, container.folder, True)
            undo.callback(self.places.volumes.forget_unsaved)
            with self.together():
                self.places.provide(container, self.get)
                self._table.save(record)
                if not record.unfinished:
                    self.log_event(container, "create")
            undo.pop_all()
        self._by_id[container_id] = container
        return container

    def get(self, text: str) -> Container:
        """Return the container that a name, an id or the beginning of one means; NotFound."""
        if text in self._by_id:
            return self._by_id[text]
        bare = text.removeprefix("/")
        for container in self._by_id.values():
            if container.name == bare:
                return container
        if found := find_prefix(text, self._by_id):
            return self._by_id[found]
        raise NotFound(f"No such container: {text}")

    def all(self) -> list[Container]:
        """Return all containers, the latest first."""
        return list(reversed(self._by_id.values()))

    def using(self, image_id: str) -> list[Container]:
        """Return the containers that were made from an image."""
        return [each for each in self._by_id.values() if each.record.image == image_id]

    def rename(self, container: Container, name: str) -> None:
        """Give a container another name; Conflict if it is taken."""
        wanted, old = check_name(name, "container"), container.name
        if wanted == old:
            raise InvalidParameter("Renaming a container with the same name as its current name")
        self._check_free(wanted)
        container.record.name = wanted
        try:
            with self.together():
                self.save(container)
                self.log_event(container, "rename", oldName=f"/{old}")
        except BaseException:
            container.record.name = old
            raise

    def remove(self, container: Container, volumes: bool = False) -> None:
        """Remove a container that does not run, with its writable layer; the lock must be held.

        With `volumes`, those of its volumes that nobody gave a name go too, unless another
        container has them.
        """
        check("remove", container.id, container.status)
        with self.together():
            self._table.delete(container.id)
            self.log_event(container, "destroy")
        # from here on it is gone: what cannot be done now, the next start does
        container.record.state.status = Status.REMOVING
        container.streams.abandon()
        del self._by_id[container.id]
        with logged("what a container wrote"):
            self._snapshots.remove(container.id)
        shutil.rmtree(container.folder, ignore_errors=True)
        if volumes:
            with logged("the volumes of a container"):
                self.places.remove_anonymous(container)
        with logged("the image of a container"):
            self._release_layers(container.record.image)
        for waiter in container.removals:
            if not waiter.done():
                waiter.set_result(container.record.state.exit_code)

    def export(self, container: Container) -> Iterator[bytes]:
        """Yield all that a container sees as an archive; blocks while it reads."""
        layers = [self._snapshots.upper(container.id), *self._snapshots.lowers(container.id)]
        self.log_event(container, "export")
        return export_tree(layers, self._ids)

    def require_room(self) -> None:
        """Raise SyscallError (ENOSPC) if the disk is too full to begin anything."""
        self._table.require_room()

    def save(self, container: Container) -> None:
        """Store a changed record."""
        self._table.save(container.record)

    def together(self) -> AbstractContextManager[None]:
        """Store what is saved and journaled in the block together, or not at all."""
        return self._journal.together()

    def log_event(self, container: Container, action: str, **attributes: str) -> None:
        """Journal something that happened to a container."""
        record = container.record
        members = {**record.config["Labels"], "image": record.image_name, "name": record.name}
        self._journal.append("container", action, record.id, {**members, **attributes})

    def _wrap(self, record: Record) -> Container:
        folder = self._folder / record.id
        settings = HostSettings.from_json(record.host)
        path, limits = folder / f"{record.id}-json.log", settings.log_limits
        log = LogFile(path, limits) if limits.driver != "none" else None
        config = record.config
        streams = Streams(
            terminal=config["Tty"],
            open_stdin=config["OpenStdin"],
            stdin_once=config["StdinOnce"],
            log=log.write if log else None,
        )
        return Container(record, settings, folder, streams, log)

    def _release_layers(self, image: str) -> None:
        """Let go of the layers of an image that was deleted while this container stood on it."""
        try:
            if image:
                self._images.resolve(image)
        except NotFound:
            self._layers.collect()

    def _free_name(self, name: str) -> str:
        if not name:
            return generate_name([each.name for each in self.all()])
        self._check_free(wanted := check_name(name, "container"))
        return wanted

    def _check_free(self, name: str) -> None:
        for container in self._by_id.values():
            if container.name == name:
                raise Conflict(
                    f'Conflict. The container name "/{name}" is already in use by container '
                    f'"{container.id}". You have to remove (or rename) that container to be able '
                    "to reuse that name."
                )
