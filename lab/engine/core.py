"""The engine: the one place that builds its parts and hands each what it needs."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
from pathlib import Path

from lab.config import EngineConfig
from lab.database import Database
from lab.engine import networking
from lab.engine.builds import Builds
from lab.engine.bundles import Bundles
from lab.engine.commits import Commits
from lab.engine.connections import Connections
from lab.engine.containers import Container, Containers
from lab.engine.continuity import revive, settle, stop_all
from lab.engine.creation import Creation
from lab.engine.execs import Execs
from lab.engine.explore import Explorer
from lab.engine.extension import Extension
from lab.engine.files import Files
from lab.engine.filters import SeccompFilters
from lab.engine.host_folders import HostFolders
from lab.engine.image_names import ImageNames
from lab.engine.images import Images
from lab.engine.launcher import LauncherLink
from lab.engine.layers import Layers
from lab.engine.lifecycle import Lifecycle
from lab.engine.links import Links
from lab.engine.loading import Loader
from lab.engine.namespaces import NamespaceView
from lab.engine.pausing import Pausing
from lab.engine.persist import ContainerTable
from lab.engine.places import Places, having
from lab.engine.probes import Probes
from lab.engine.processes import ProcessView
from lab.engine.ready import ReadyLayers
from lab.engine.registries import Registries
from lab.engine.samples import Samples
from lab.engine.saving import Saver
from lab.engine.shared_pids import SharedPids
from lab.engine.stats import Stats
from lab.engine.system import Host
from lab.engine.top import Top
from lab.engine.trace import Trace
from lab.engine.transfer import Transfer
from lab.engine.updates import Updates
from lab.engine.volumes import Volumes
from lab.ids import new_id
from lab.image.blobs import BlobStore
from lab.image.store import ImageStore
from lab.journal import Journal
from lab.kernel.idmap import IdMap
from lab.registry.hub import Hub
from lab.runtime import cgroups
from lab.runtime.task import Tasks
from lab.snapshot.overlay import OverlaySnapshotter

STOP_SECONDS = 3
"""How long containers have to stop when the engine does."""

DATABASE_RESERVE = 8 << 20
"""Bytes of disk kept for records, so that what ends while the disk is full can be written down."""

HUB_SOCKET = "hub.sock"


class Engine:
    """All parts of one engine.

    Made and used in the event loop's thread, in the sandbox.  `spawner` and `launcher` are the
    channels to those processes.
    """

    def __init__(
        self, config: EngineConfig, spawner: socket.socket, launcher: socket.socket, version: str
    ) -> None:
        self.stopping = asyncio.Event()
        """Set when answers that have no end of their own are to end."""
        self.config = config
        self.version = version
        self.host = Host.read()
        self.ids = IdMap(config.id_base)
        root = config.root
        self._make_folders(root)
        self.database = Database(root / "engine.db", DATABASE_RESERVE, config.sandbox == "vm")
        self.id = self._identity()
        self.journal = Journal(self.database)
        # layers that are not unpacked here need no copies of their blobs here either
        self.blobs = BlobStore(root / "content", config.catalog if config.layers else None)
        self.store = ImageStore(self.database, self.blobs)
        self.snapshots = OverlaySnapshotter(root / "snapshots", self.database, self.ids)
        # overlay's options name layers relative to this folder; nothing else uses relative paths
        os.chdir(self.snapshots.base)
        self._build_images(root)
        self._build_runtime(root, spawner, launcher)
        self._build_containers(root)
        self._build_builder(root / "scratch" / "builds")

    def _build_images(self, root: Path) -> None:
        self.hub = Hub(root / "hub", self.config.catalog, self.config.sandbox == "vm")
        self.hub_socket = root / HUB_SOCKET
        ready = ReadyLayers(Path(self.config.layers) if self.config.layers else None)
        self.layers = Layers(
            self.blobs, self.snapshots, self.store, self.ids, root / "scratch" / "layers", ready
        )
        self.registries = Registries(self.hub, self.hub_socket, host=self.config.bind_root)
        self.transfer = Transfer(self.store, self.blobs, self.layers, self.registries, self.journal)

    def _build_runtime(self, root: Path, spawner: socket.socket, launcher: socket.socket) -> None:
        self.loop = asyncio.get_running_loop()
        self.link = LauncherLink(launcher)
        self.cgroups = cgroups.manager(self.config.cgroups)
        self.trace = Trace()
        self.tasks = Tasks(
            spawner,
            self.ids,
            self.config.idmapped,
            [root],
            self._on_exit,
            self.config.bind_root or "/",
            self.trace,
        )
        self.filters = SeccompFilters(self.tasks)
        self.networking = networking.build(
            self.database, self.journal, self.tasks, self.link, self.config.forwards
        )
        self.networks = self.networking.networks
        self.endpoints = self.networking.endpoints
        self.way_out = self.networking.way_out
        self.host_network = self.networking.host_network

    def _build_containers(self, root: Path) -> None:
        own = Path(self.config.outer_root or root)
        folders = HostFolders(Path(self.config.bind_root or "/"), [own])
        self.volumes = Volumes(
            root / "volumes",
            self.database,
            self.journal,
            self.ids,
            lambda name: having(iter(self.containers.all()), name),
            folders,
        )
        self.containers = Containers(
            root / "containers",
            ContainerTable(self.database),
            self.store,
            self.layers,
            self.snapshots,
            self.journal,
            self.ids,
            Places(self.volumes, self.snapshots, self.layers),
        )
        self._build_lives(folders)

    def _build_lives(self, folders: HostFolders) -> None:
        hierarchies = list(self.config.cgroups)
        self.links = Links(self.containers)
        bundles = Bundles(
            self.snapshots,
            self.filters,
            self.ids,
            hierarchies,
            self.volumes,
            self.networking.files,
            self.links,
        )
        self.pausing = Pausing(self.containers, self.cgroups)
        self.lifecycle = Lifecycle(
            self.containers, bundles, self.endpoints, self.cgroups, self.tasks, self.pausing
        )
        self.execs = Execs(self.containers, self.tasks, self.filters, self.cgroups, self.pausing)
        self.files = Files(self.containers, self.snapshots, self.tasks, self.ids)
        self.probes = Probes(self.containers, self.execs)
        shared = SharedPids(self.cgroups)
        for companion in (self.pausing, self.probes, self.host_network, shared):
            self.lifecycle.accompany(companion)
        self.pausing.accompany(self.probes)
        self.top = Top(self.containers, self.cgroups, self.ids)
        self.stats = Stats(self.cgroups)
        self.updates = Updates(self.containers, self.cgroups, self.host.cpus)
        self.connections = Connections(self.containers, self.networks, self.networking.rewiring)
        self.creation = Creation(
            self.containers,
            self.endpoints,
            self.cgroups,
            self.link,
            folders,
            self.config.idmapped,
            self.host.cpus,
        )

    def _build_builder(self, scratch: Path) -> None:
        self.images = Images(
            self.store,
            self.layers,
            self.blobs,
            self.journal,
            self.containers.using,
            self.database,
        )
        self.saver = Saver(self.store, self.blobs)
        self.loader = Loader(self.store, self.blobs, self.layers, self.journal, scratch)
        self.builds = Builds(
            self.store,
            self.blobs,
            self.layers,
            self.snapshots,
            self.containers,
            self.lifecycle,
            self.transfer,
            self.journal,
            self.ids,
            self.database,
            scratch,
        )
        self.commits = Commits(
            self.containers,
            self.pausing,
            self.store,
            self.layers,
            self.blobs,
            self.snapshots,
            ImageNames(self.store, self.journal, self.database),
            self.ids,
        )
        self.explore = Explorer(self.store, self.snapshots, self.containers)
        self.extension = self._build_extension()

    def _build_extension(self) -> Extension:
        def inside() -> socket.socket:
            return self.tasks.sockets("netlink")[0]

        return Extension(
            self.trace,
            NamespaceView(self.config.namespaces, inside, self.containers),
            ProcessView(self.cgroups.processes, self.link.host_pids, self.ids),
            Samples(self.cgroups, self.config.cgroups, self.containers),
            self.builds.steps,
        )

    async def start(self) -> None:
        """Take over what an earlier engine left."""
        interrupted = self.containers.restore()
        await asyncio.to_thread(self.layers.recover)
        await asyncio.to_thread(self.images.sweep)
        settle(self.containers, interrupted)
        await revive(self.containers, self.lifecycle)

    async def stop_containers(self) -> None:
        """Stop all containers, and let nothing start any more; then end endless answers."""
        await stop_all(self.containers, self.lifecycle, STOP_SECONDS, self.files.holding)
        self.stopping.set()
        self.explore.close()
        self.extension.close()

    async def close(self) -> None:
        """Close everything, when no request is being served any more."""
        await self.execs.settle()
        await asyncio.to_thread(self.host_network.close)
        await asyncio.to_thread(self.endpoints.close)
        await asyncio.to_thread(self.way_out.close)
        first = (self.files, self.builds, self.transfer, self.registries)
        for part in (*first, self.snapshots, self.volumes):
            await asyncio.to_thread(part.close)
        self.hub.close()
        self.database.close()

    async def sizes(self, container: Container) -> tuple[int, int]:
        """Return the bytes of a container's writable layer, and of all that it sees."""
        own = await asyncio.to_thread(self.snapshots.usage, container.id)
        image = container.record.image
        return own, own + (self.store.resolve(image).size if image else 0)

    def _on_exit(self, task_id: str, status: int, at_ns: int) -> None:
        # called by the spawner's reader thread
        with contextlib.suppress(RuntimeError):  # the loop is closed: the engine has stopped
            self.loop.call_soon_threadsafe(self._route_exit, task_id, status, at_ns)

    def _route_exit(self, task_id: str, status: int, at_ns: int) -> None:
        if not self.lifecycle.on_exit(task_id, status, at_ns):
            self.execs.on_exit(task_id, status, at_ns)

    def _make_folders(self, root: Path) -> None:
        shutil.rmtree(root / "scratch", ignore_errors=True)
        for name in ("containers", "scratch"):
            (root / name).mkdir(mode=0o711, exist_ok=True)

    def _identity(self) -> str:
        self.database.define("CREATE TABLE IF NOT EXISTS identity (id TEXT NOT NULL);")
        rows = self.database.query("SELECT id FROM identity")
        if rows:
            return str(rows[0]["id"])
        made = new_id()
        self.database.execute("INSERT INTO identity (id) VALUES (?)", (made,))
        return made
