"""Programs started in running containers: `docker exec`."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, replace
from typing import Any

from lab.engine import commands
from lab.engine.bundles import process_of
from lab.engine.containers import Container, Containers
from lab.engine.filters import SeccompFilters
from lab.engine.lifecycle import OUTPUT_LIMIT
from lab.engine.signals import exit_code
from lab.engine.state import Status, check
from lab.errors import Conflict, InvalidParameter, LabError, NotFound, StartError, Unsupported
from lab.ids import find_prefix, new_id
from lab.oci import fields
from lab.oci.runtime_spec import Process, process_to_bytes
from lab.runtime.cgroups import CgroupManager
from lab.runtime.stdio import Streams
from lab.runtime.task import ExecRequest, Task, Tasks

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


@dataclass(slots=True)
class Exec:
    """One exec, from its creation on; `exit_code` is None until it has ended."""

    id: str
    container: Container
    settings: ExecSettings
    streams: Streams
    task: Task | None = None
    running: bool = False
    started: bool = False
    pid: int = 0
    exit_code: int | None = None


class Execs:
    """All execs of the engine.  Belongs to the event loop's thread."""

    def __init__(
        self,
        containers: Containers,
        tasks: Tasks,
        filters: SeccompFilters,
        cgroups: CgroupManager,
    ) -> None:
        self._containers = containers
        self._tasks = tasks
        self._filters = filters
        self._cgroups = cgroups
        self._by_id: dict[str, Exec] = {}
        self._background: set[asyncio.Task[None]] = set()

    def create(self, container: Container, settings: ExecSettings) -> Exec:
        """Prepare an exec; Conflict if the container does not run."""
        check("exec", container.id, container.status)
        streams = Streams(terminal=settings.terminal, open_stdin=settings.stdin)
        made = Exec(new_id(), container, settings, streams)
        self._by_id[made.id] = made
        self._forget_old()
        self._log(made, f"exec_create: {' '.join(settings.argv)}")
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
        if wanted.started:
            raise Conflict(f"exec {wanted.id} has already run")
        container = wanted.container
        if container.status is not Status.RUNNING or container.task is None:
            raise Conflict(f"container {container.id} is not running")
        wanted.started = True
        process = self._process(wanted, console_size)
        path = container.folder / f"exec-{wanted.id[:12]}.json"
        path.write_bytes(process_to_bytes(process))
        seccomp = self._filters.key(process.capabilities)
        try:
            fds = wanted.streams.open()
            files = self._cgroups.join_files(container.id)
            request = ExecRequest(f"exec/{wanted.id}", path, files, seccomp)
            task = await asyncio.to_thread(self._tasks.exec, container.task, request, fds)
        except LabError as error:
            wanted.exit_code = error.exit_code if isinstance(error, StartError) else 128
            raise
        finally:
            path.unlink(missing_ok=True)
        wanted.task, wanted.pid, wanted.running = task, task.pid, True
        wanted.streams.started()
        self._log(wanted, f"exec_start: {' '.join(wanted.settings.argv)}")

    def on_exit(self, task_id: str, status: int, at_ns: int) -> bool:
        """Take note that a task has ended; False if it is none of an exec's."""
        wanted = self._by_id.get(task_id.removeprefix("exec/"))
        if wanted is None:
            return False
        task = asyncio.create_task(self._finish(wanted, exit_code(status)))
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        return True

    async def _finish(self, wanted: Exec, code: int) -> None:
        while wanted.task is None:
            # the start has been answered, and its coroutine is about to go on
            await asyncio.sleep(0)
        wanted.exit_code, wanted.running, wanted.pid = code, False, 0
        wanted.task.close()
        with contextlib.suppress(TimeoutError):
            # a program left behind may hold the output open; its exec is over all the same
            await asyncio.wait_for(wanted.streams.ended(), OUTPUT_LIMIT)
        wanted.streams.abandon()
        self._log(wanted, "exec_die", exitCode=str(code))

    def _process(self, wanted: Exec, console_size: tuple[int, int]) -> Process:
        container, settings = wanted.container, wanted.settings
        base = process_of(container)
        config = {**container.record.config, "Tty": settings.terminal}
        config["Env"] = [*container.record.config["Env"], *settings.env]
        return replace(
            base,
            args=settings.argv,
            env=commands.environment(config),
            cwd=settings.working_dir or base.cwd,
            user=settings.user or base.user,
            terminal=settings.terminal,
            console_size=console_size,
        )

    def _log(self, wanted: Exec, action: str, **attributes: str) -> None:
        self._containers.log_event(wanted.container, action, execID=wanted.id, **attributes)

    def _forget_old(self) -> None:
        ended = [each.id for each in self._by_id.values() if each.exit_code is not None]
        for old in ended[: max(0, len(ended) - KEPT)]:
            del self._by_id[old]


def parse_settings(body: dict[str, Any]) -> ExecSettings:
    """Read the body of ExecCreate; InvalidParameter for wrong types and an empty command."""
    argv = fields.texts(body, "Cmd")
    if not argv:
        raise InvalidParameter("No exec command specified")
    if fields.boolean(body, "Privileged"):
        raise Unsupported("this engine does not support --privileged yet")
    return ExecSettings(
        argv=tuple(argv),
        env=tuple(fields.texts(body, "Env")),
        user=fields.text(body, "User"),
        working_dir=fields.text(body, "WorkingDir"),
        terminal=fields.boolean(body, "Tty"),
        stdin=fields.boolean(body, "AttachStdin"),
        stdout=fields.boolean(body, "AttachStdout"),
        stderr=fields.boolean(body, "AttachStderr"),
        detach_keys=fields.text(body, "DetachKeys"),
    )
