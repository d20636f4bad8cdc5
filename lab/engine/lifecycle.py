"""What a container goes through: start, signals, stop, exit, restart, removal.

One coroutine at a time changes a container: it holds the container's lock.  Ends of processes
are reported by the spawner's reader thread and handled here, under the same lock.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import time
from collections.abc import Coroutine
from contextlib import ExitStack
from typing import Any, Protocol

from lab.engine.bundles import Bundles
from lab.engine.containers import Container, Containers
from lab.engine.endings import Endings
from lab.engine.endpoints import Endpoints
from lab.engine.logged import logged
from lab.engine.pausing import Pausing
from lab.engine.restarts import Restarts
from lab.engine.sharing import shares_of
from lab.engine.signals import exit_code, runtime_failure
from lab.engine.state import NEVER, Status, check, moment, now
from lab.engine.waiters import Departed, add_waiter, seconds_of, tell
from lab.errors import LabError, NotModified, StartError, Unavailable
from lab.runtime.cgroups import CgroupManager
from lab.runtime.requests import TaskRequest
from lab.runtime.task import Task, Tasks

OUTPUT_LIMIT = 2.0
"""Seconds that are waited for the last output of a process that has ended."""

_log = logging.getLogger(__name__)


class Companion(Protocol):
    """What goes along with the runs of containers; told while the container's lock is held."""

    def began(self, container: Container) -> None: ...
    def ended(self, container: Container) -> None: ...


class Lifecycle:
    """Moves containers from state to state.  Belongs to the event loop's thread."""

    def __init__(
        self,
        containers: Containers,
        bundles: Bundles,
        endpoints: Endpoints,
        cgroups: CgroupManager,
        tasks: Tasks,
        pausing: Pausing,
    ) -> None:
        self._containers = containers
        self._bundles = bundles
        self._endpoints = endpoints
        self._cgroups = cgroups
        self._tasks = tasks
        self._running: dict[str, Container] = {}
        self._background: set[asyncio.Task[None]] = set()
        self._stopping = False
        self._restarts = Restarts(containers, self._start, self._on_given_up)
        self._endings = Endings(containers, self._restarts, pausing)
        self._companions: list[Companion] = []
        self.departed = Departed()

    def accompany(self, companion: Companion) -> None:
        """Tell `companion` of every later begin and end of a run."""
        self._companions.append(companion)

    # --- start and end

    async def start(self, container: Container) -> None:
        """Start a container.

        Raises NotModified if it runs, StartError if its program cannot run, NetworkError for
        ports, Unavailable while the engine stops; the container then is as before, with the error
        in its record.
        """
        async with container.lock:
            if self._stopping:
                raise Unavailable("the engine is stopping")
            if container.status in (Status.RUNNING, Status.RESTARTING):
                raise NotModified("container is already running")
            check("start", container.id, container.status)
            self._restarts.renew(container)
            try:
                await self._start(container)
            except Exception as error:
                if not isinstance(error, (LabError, OSError)):
                    _log.exception("a container could not be started")
                failure = runtime_failure(error)
                self._on_start_failed(container, failure)
                raise failure from None

    async def _start(self, container: Container) -> None:
        self._containers.require_room()
        container.record.warnings = []
        shares = shares_of(container, self._containers.get)
        with ExitStack() as stack, ExitStack() as undo:
            undo.callback(self._endpoints.disconnect, container)
            plans = await asyncio.to_thread(self._endpoints.connect, container)
            stack.callback(plans.close)
            undo.callback(self._cgroups.remove, container.id)
            self._cgroups.create(container.id, container.settings.limits)
            undo.callback(self._containers.places.volumes.release, container)
            self._containers.places.volumes.hold(container)
            bundle = await asyncio.to_thread(self._bundles.prepare, container, shares)
            if container.log is not None:
                undo.callback(container.log.close)
                container.log.open()
            undo.callback(container.streams.abandon)
            fds = container.streams.open()
            request = TaskRequest(
                id=f"{container.id}/{time.monotonic_ns()}",
                bundle=container.folder,
                base=bundle.base,
                rootfs=bundle.rootfs,
                endpoints=plans.endpoints,
                names=plans.names_fd,
                cgroups=self._cgroups.join_files(container.id),
                seccomp=bundle.seccomp,
                donors=shares.tasks(),
                host_ipc="ipc" in shares.of_host,
            )
            self._running[request.id] = container
            undo.callback(self._running.pop, request.id, None)
            task = await asyncio.to_thread(self._tasks.start, request, fds)
            undo.pop_all()
        self._on_started(container, task)

    def _on_started(self, container: Container, task: Task) -> None:
        container.task = task
        state = container.record.state
        state.status, state.pid, state.exit_code = Status.RUNNING, task.pid, 0
        state.error, state.oom_killed = "", False
        state.started_at, state.finished_at = now(), NEVER
        container.streams.started()
        with self._containers.together():
            self._containers.save(container)
            self._containers.log_event(container, "start")
        for companion in self._companions:
            companion.began(container)

    def _on_start_failed(self, container: Container, error: LabError) -> None:
        if container.task is not None:
            # it runs; only the record of it could not be written
            return
        state = container.record.state
        state.error = error.message
        state.exit_code = error.exit_code if isinstance(error, StartError) else 128
        with logged("a failed start"):
            self._containers.save(container)
        tell(container.exits, state.exit_code)
        self._remove_if_wanted(container)

    def _on_given_up(self, container: Container) -> None:
        tell(container.exits, container.record.state.exit_code)
        self._remove_if_wanted(container)

    def _remove_if_wanted(self, container: Container) -> None:
        if container.settings.auto_remove and not container.restarting:
            with logged("the removal of a container"):
                self._containers.remove(container, volumes=True)
                self.departed.note(container.id, container.record.state.exit_code)

    def on_exit(self, task_id: str, status: int, at_ns: int) -> bool:
        """Take note that a task has ended; False if it is none of a container's."""
        container = self._running.pop(task_id, None)
        if container is None:
            return False
        self._spawn(self._finish(container, exit_code(status), at_ns))
        return True

    async def _finish(self, container: Container, code: int, at_ns: int) -> None:
        """Give back what the run had, record its end, and tell those who wait: whatever fails."""
        async with container.lock:
            for companion in self._companions:
                companion.ended(container)
            container.streams.drain()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(container.streams.ended(), OUTPUT_LIMIT)
            killed_for_memory = bool(self._cgroups.oom_kills(container.id))
            with logged("what a container had of the network"):
                await asyncio.to_thread(self._endpoints.disconnect, container)
            with logged("the control group of a container"):
                await asyncio.to_thread(self._cgroups.remove, container.id)
            with logged("the volumes of a container"):
                self._containers.places.volumes.release(container)
            # from here on without a pause: nobody may attach to a run that is over
            container.end_run()
            self._note_end(container, code, at_ns, killed_for_memory)
            tell(container.exits, code)
            if container.status is not Status.RESTARTING:
                self._remove_if_wanted(container)
            else:
                self._spawn(self._restarts.run(container))

    def _note_end(self, container: Container, code: int, at_ns: int, out_of_memory: bool) -> None:
        state, at = container.record.state, at_ns / 1e9
        lasted = max(0.0, at - seconds_of(state.started_at))
        again = not self._stopping and self._restarts.decide(container, code, lasted)
        state.oom_killed = out_of_memory
        state.status = Status.RESTARTING if again else Status.EXITED
        state.pid, state.exit_code, state.finished_at = 0, code, moment(at)
        with logged("the end of a container"), self._containers.together():
            self._containers.save(container)
            if out_of_memory:
                self._containers.log_event(container, "oom")
            told = {"exitCode": str(code), "execDuration": str(int(lasted))}
            self._containers.log_event(container, "die", **told)

    # --- signals

    async def kill(self, container: Container, number: int = signal.SIGKILL) -> None:
        """Send a signal; see lab.engine.endings."""
        await self._endings.kill(container, number)

    async def stop(
        self, container: Container, seconds: int | None = None, number: int | None = None
    ) -> None:
        """Ask a container to end, and kill it in the end; see lab.engine.endings."""
        await self._endings.stop(container, seconds, number)

    async def restart(
        self, container: Container, seconds: int | None = None, number: int | None = None
    ) -> None:
        """Stop, if it runs, and start again; one that is removed at its end stays."""
        container.restarting = True
        try:
            with contextlib.suppress(NotModified):
                await self.stop(container, seconds, number)
            # somebody else may have started it meanwhile
            with contextlib.suppress(NotModified):
                await self.start(container)
        finally:
            container.restarting = False
        self._containers.log_event(container, "restart")

    # --- removal and waiting

    async def remove(
        self, container: Container, force: bool = False, volumes: bool = False
    ) -> None:
        """Remove a container; with `force` also one that runs.  `volumes`: as in Containers."""
        if force and container.record.state.is_running:
            with contextlib.suppress(LabError):
                await self.kill(container)
        async with container.lock:
            if container.status is not Status.REMOVING:
                self._containers.remove(container, volumes)

    def next_exit(self, container: Container) -> asyncio.Future[int]:
        """Return a future of the next end's exit code."""
        return add_waiter(container.exits)

    def removal(self, container: Container) -> asyncio.Future[int]:
        """Return a future of the last exit code, done when the container is removed."""
        return add_waiter(container.removals)

    async def wait_exit(self, container: Container) -> int:
        """Wait until a container does not run, and return its exit code."""
        if not container.record.state.is_running:
            return container.record.state.exit_code
        return await self.next_exit(container)

    def refuse_starts(self) -> None:
        """Start nothing any more, for the engine stops: so no user has stopped what ends now."""
        self._stopping, self._endings.by_hand = True, False

    async def settled(self) -> None:
        """Wait until every end that is known of has been dealt with."""
        while self._background:
            await asyncio.gather(*self._background, return_exceptions=True)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._on_background_done)

    def _on_background_done(self, task: asyncio.Task[None]) -> None:
        self._background.discard(task)
        if not task.cancelled() and task.exception() is not None:
            _log.error("the end of a container was not handled", exc_info=task.exception())
