"""Runs the health checks of containers: probes are programs started in them, as by `docker exec`."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import Iterator

from lab.engine.containers import Container, Containers
from lab.engine.execs import Exec, Execs, ExecSettings
from lab.engine.health import (
    OUTPUT_LIMIT,
    HealthCheck,
    begin,
    close_health,
    go_duration,
    take_result,
)
from lab.engine.logged import logged
from lab.engine.signals import exec_failure
from lab.engine.state import moment
from lab.engine.waiters import seconds_of
from lab.oci.fields import Json


class Probes:
    """One task for each container that runs and has a check.  Belongs to the event loop's thread.

    It goes along with the runs of containers (lab.engine.lifecycle.Companion).
    """

    def __init__(self, containers: Containers, execs: Execs) -> None:
        self._containers = containers
        self._execs = execs
        self._monitors: dict[str, asyncio.Task[None]] = {}
        self._runs: set[asyncio.Task[None]] = set()

    def began(self, container: Container) -> None:
        if HealthCheck.of(container.record.config) is not None:
            begin(container.record.state)
            self.resumed(container)

    def resumed(self, container: Container) -> None:
        check = HealthCheck.of(container.record.config)
        if check is not None:
            monitor = asyncio.create_task(self._watch(container, check))
            self._monitors[container.id] = monitor

    def ended(self, container: Container) -> None:
        monitor = self._monitors.pop(container.id, None)
        if monitor is not None:
            monitor.cancel()
            close_health(container.record.state)

    async def _watch(self, container: Container, check: HealthCheck) -> None:
        state = container.record.state
        started = seconds_of(state.started_at)
        while (health := state.health) is not None:
            await asyncio.sleep(check.pause(health["Status"], time.time() - started))
            begun = time.time()
            result = await self._probe(container, check, begun)
            if take_result(health, check, result, begun - started):
                self._tell(container, health["Status"])

    def _tell(self, container: Container, status: str) -> None:
        with logged("a container's health"), self._containers.together():
            self._containers.save(container)
            self._containers.log_event(container, f"health_status: {status}")

    async def _probe(self, container: Container, check: HealthCheck, begun: float) -> Json:
        """Run the check once; return its entry in the log."""
        output, code = _Output(), -1
        try:
            made = self._execs.create(container, ExecSettings(check.argv, stdout=True, stderr=True))
            run = asyncio.create_task(self._run(made, output))
            self._runs.add(run)
            run.add_done_callback(self._runs.discard)
            with _put_down_if_cancelled(made, output):
                done, _ = await asyncio.wait({run}, timeout=check.timeout)
            if not done:
                output.unwanted = True
                _kill(made)
                await asyncio.wait({run})
                text = f"Health check exceeded timeout ({go_duration(check.timeout)})"
                text += f": {output.text()}" if output.text() else ""
            else:
                run.result()
                text, code = output.text(), -1 if made.exit_code is None else made.exit_code
        except Exception as error:
            failure = exec_failure(error)
            text = getattr(failure, "message", str(failure))
        return {
            "Start": moment(begun),
            "End": moment(time.time()),
            "ExitCode": code,
            "Output": text,
        }

    async def _run(self, made: Exec, output: _Output) -> None:
        made.streams.attach(output)
        try:
            await self._execs.start(made)
        except BaseException:
            made.streams.abandon()
            raise
        if output.unwanted:
            _kill(made)
        await output.finished.wait()


class _Output:
    """Keeps the beginning of what a probe writes.  Implements lab.runtime.stdio.Client."""

    def __init__(self) -> None:
        self.finished = asyncio.Event()
        self.unwanted = False
        self._kept = bytearray()
        self._cut = False

    def send(self, stream: int, data: bytes) -> None:
        self._cut = self._cut or len(self._kept) + len(data) > OUTPUT_LIMIT
        self._kept += data[: OUTPUT_LIMIT - len(self._kept)]

    def ready(self) -> bool:
        return True

    def finish(self) -> None:
        self.finished.set()

    def text(self) -> str:
        return self._kept.decode(errors="replace") + ("..." if self._cut else "")


@contextlib.contextmanager
def _put_down_if_cancelled(made: Exec, output: _Output) -> Iterator[None]:
    try:
        yield
    except asyncio.CancelledError:
        output.unwanted = True
        _kill(made)
        raise


def _kill(made: Exec) -> None:
    if made.task is not None:
        made.task.signal(signal.SIGKILL)
