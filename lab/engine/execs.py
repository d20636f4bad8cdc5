"""Programs started in running containers: `docker exec`."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field, replace
from typing import Any

from lab.engine import commands
from lab.engine.bundles import process_of
from lab.engine.containers import Container, Containers
from lab.engine.filters import SeccompFilters
from lab.engine.lifecycle import OUTPUT_LIMIT
from lab.engine.logged import logged
from lab.engine.pausing import Pausing
from lab.engine.signals import exit_code
from lab.engine.state import Status, check
from lab.errors import Conflict, InvalidParameter, NotFound
from lab.ids import find_prefix, new_id
from lab.oci import fields
from lab.oci.runtime_spec import Process, process_to_bytes
from lab.runtime.capabilities import NAMES
from lab.runtime.cgroups import CgroupManager
from lab.runtime.requests import ExecRequest
from lab.runtime.stdio import Streams
from lab.runtime.task import Task, Tasks

NOT_STARTED = 126
"""Exit code of an exec that could not start, also because its program is not there: engines before
version 28 say so.  Source: moby, pull request 48552."""

KEPT = 200
"""How many ended execs are remembered, so that their exit codes can be asked for."""


@dataclass(frozen=True, slots=True)
class ExecSettings:
    """What the client asks for: Docker's ExecCreate body, parsed."""

    argv: tuple[str, ...]
    env: tuple[str, ...] = ()
    user: str = ""
    working_dir: str = ""
    terminal: bool = False
    stdin: bool = False
    stdout: bool = False
    stderr: bool = False
    detach_keys: str = ""
    console_size: tuple[int, int] = (0, 0)
    privileged: bool = False


@dataclass(slots=True)
class Exec:
    """One exec, from its creation on; `exit_code` is None until it has ended.

    `lock` is held while it starts, and while its end is dealt with.
    """

    id: str
    container: Container
    settings: ExecSettings
    streams: Streams
    task: Task | None = None
    running: bool = False
    started: bool = False
    pid: int = 0
    exit_code: int | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Execs:
    """All execs of the engine.  Belongs to the event loop's thread."""

    def __init__(
        self,
        containers: Containers,
        tasks: Tasks,
        filters: SeccompFilters,
        cgroups: CgroupManager,
        pausing: Pausing,
    ) -> None:
        self._containers = containers
        self._tasks = tasks
        self._filters = filters
        self._cgroups = cgroups
        self._pausing = pausing
        self._by_id: dict[str, Exec] = {}
        self._background: set[asyncio.Task[None]] = set()

    def create(self, container: Container, settings: ExecSettings) -> Exec:
        """Prepare an exec; Conflict if the container does not run."""
        check("exec", container.id, container.status)
        # the one client of an exec is its input: when it leaves, the input ends
        streams = Streams(settings.terminal, settings.stdin, stdin_once=True)
        made = Exec(new_id(), container, settings, streams)
        self._by_id[made.id] = made
        self._forget_old()
        self._log(made, f"exec_create: {_shown(settings)}")
        return made

    def get(self, text: str) -> Exec:
        """Return an exec by its id, or the beginning of one; NotFound."""
        found = find_prefix(text, self._by_id)
        if found is None:
            raise NotFound(f"No such exec instance: {text}")
        return self._by_id[found]

    def of(self, container: Container) -> list[Exec]:
        """Return the execs that run in a container."""
        return [
            each for each in self._by_id.values() if each.container is container and each.running
        ]

    async def start(self, wanted: Exec, console_size: tuple[int, int] = (0, 0)) -> None:
        """Start an exec, once; StartError if its program cannot run.

        Its streams are then still to be abandoned, when those attached have been told.
        """
        async with wanted.lock:
            if wanted.started:
                raise Conflict(f"exec command {wanted.id} has already run")
            wanted.started = True
            try:
                await self._start(wanted, console_size)
            except BaseException:
                wanted.exit_code = NOT_STARTED
                raise

    async def _start(self, wanted: Exec, console_size: tuple[int, int]) -> None:
        container = wanted.container
        check("exec", container.id, container.status)
        if container.task is None:
            raise Conflict(f"container {container.id} is not running")
        self._log(wanted, f"exec_start: {_shown(wanted.settings)}")
        # the container may end at any moment, and its own descriptor be closed and used again
        target = container.task.hold()
        path = container.folder / f"exec-{wanted.id[:12]}.json"
        try:
            process = self._process(wanted, console_size)
            profile = container.settings.security.seccomp
            seccomp = await asyncio.to_thread(self._filters.key, process.capabilities, profile)
            path.write_bytes(process_to_bytes(process))
            files = self._cgroups.join_files(container.id)
            request = ExecRequest(f"exec/{wanted.id}", path, files, seccomp)
            fds = wanted.streams.open()
            task = await asyncio.to_thread(self._tasks.exec, target, request, fds)
        finally:
            target.close()
            path.unlink(missing_ok=True)
        wanted.task, wanted.pid, wanted.running = task, task.pid, True
        wanted.streams.started()
        await self._pausing.hold_new(container)

    def on_exit(self, task_id: str, status: int, at_ns: int) -> bool:
        """Take note that a task has ended; False if it is none of an exec's."""
        wanted = self._by_id.get(task_id.removeprefix("exec/"))
        if wanted is None:
            return False
        task = asyncio.create_task(self._finish(wanted, exit_code(status)))
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        return True

    async def settle(self) -> None:
        """Wait until the ends of all execs that are known to have ended have been dealt with."""
        while self._background:
            await asyncio.gather(*self._background, return_exceptions=True)

    async def _finish(self, wanted: Exec, code: int) -> None:
        async with wanted.lock:
            if wanted.task is None:
                # its start was given up before it was answered
                return
            wanted.exit_code, wanted.running, wanted.pid = code, False, 0
            wanted.task.close()
            wanted.streams.drain()
            with contextlib.suppress(TimeoutError):
                # a program left behind may hold the output open; its exec is over all the same
                await asyncio.wait_for(wanted.streams.ended(), OUTPUT_LIMIT)
            wanted.streams.abandon()
            with logged("the end of an exec"):
                self._log(wanted, "exec_die", exitCode=str(code))

    def _process(self, wanted: Exec, console_size: tuple[int, int]) -> Process:
        container, settings = wanted.container, wanted.settings
        base = process_of(container)
        config = {**container.record.config, "Tty": settings.terminal}
        config["Env"] = [*container.record.config["Env"], *settings.env]
        rows, columns = console_size if any(console_size) else settings.console_size
        return replace(
            base,
            args=settings.argv,
            env=commands.environment(config),
            cwd=settings.working_dir or base.cwd,
            user=settings.user or base.user,
            terminal=settings.terminal,
            console_size=(rows, columns),
            capabilities=tuple(NAMES) if settings.privileged else base.capabilities,
        )

    def _log(self, wanted: Exec, action: str, **attributes: str) -> None:
        self._containers.log_event(wanted.container, action, execID=wanted.id, **attributes)

    def _forget_old(self) -> None:
        for each in list(self._by_id.values()):
            at_rest = not each.started or each.exit_code is not None
            if at_rest and each.container.status is Status.REMOVING:
                del self._by_id[each.id]
        ended = [each.id for each in self._by_id.values() if each.exit_code is not None]
        for old in ended[: max(0, len(ended) - KEPT)]:
            del self._by_id[old]


def _shown(settings: ExecSettings) -> str:
    # as Docker: a space after the program, although nothing may follow
    return f"{settings.argv[0]} {' '.join(settings.argv[1:])}"


def parse_settings(body: dict[str, Any]) -> ExecSettings:
    """Read the body of ExecCreate; InvalidParameter for wrong types and an empty command."""
    argv = fields.texts(body, "Cmd")
    if not argv:
        raise InvalidParameter("No exec command specified")
    return ExecSettings(
        argv=tuple(argv),
        env=tuple(fields.texts(body, "Env")),
        user=fields.text(body, "User"),
        working_dir=fields.text(body, "WorkingDir"),
        terminal=fields.boolean(body, "Tty"),
        stdin=fields.boolean(body, "AttachStdin"),
        stdout=fields.boolean(body, "AttachStdout"),
        stderr=fields.boolean(body, "AttachStderr"),
        detach_keys=fields.text(body, "DetachKeys") or fields.text(body, "detachKeys"),
        privileged=fields.boolean(body, "Privileged"),
        console_size=parse_console_size(body),
    )


def parse_console_size(body: dict[str, Any]) -> tuple[int, int]:
    """Return rows and columns under ConsoleSize, (0, 0) if it is absent; InvalidParameter."""
    size = body.get("ConsoleSize") or [0, 0]
    if not isinstance(size, list) or len(size) != 2 or not all(map(_is_size, size)):
        raise InvalidParameter("ConsoleSize must be two numbers")
    return size[0], size[1]


def _is_size(number: object) -> bool:
    return isinstance(number, int) and 0 <= number < 1 << 16
