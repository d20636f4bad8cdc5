"""What the end and the beginning of the engine do to containers."""

from __future__ import annotations

import asyncio

from lab.engine.containers import Container, Containers
from lab.engine.lifecycle import Lifecycle
from lab.engine.signals import stop_signal
from lab.engine.state import Status, now
from lab.kernel import procfs

CRASH_CODE = 255
"""The exit code of a container whose engine ended without seeing it end."""


def settle(containers: Containers, interrupted: list[Container]) -> None:
    """Record that containers of an engine which ended unexpectedly do not run any more."""
    for container in interrupted:
        state = container.record.state
        state.status, state.pid, state.exit_code = Status.EXITED, 0, CRASH_CODE
        state.finished_at = now()
        for place in container.record.networks:
            place.clear()
        container.record.ports = {}
        with containers.together():
            containers.save(container)
            containers.log_event(container, "die", exitCode=str(CRASH_CODE))
        if container.settings.auto_remove:
            containers.remove(container)


async def stop_all(containers: Containers, lifecycle: Lifecycle, seconds: int) -> None:
    """End every container, and let none start any more, when the engine stops."""
    lifecycle.refuse_starts()
    stops = [_stop(container, lifecycle, seconds) for container in containers.all()]
    await asyncio.gather(*stops, return_exceptions=True)
    await lifecycle.settled()


async def _stop(container: Container, lifecycle: Lifecycle, seconds: int) -> None:
    async with container.lock:
        # a start that was under way is over now
        task = container.task
    if task is not None:
        # the kernel keeps a signal without a handler from a container's first process
        deaf = not procfs.catches(task.pid, stop_signal(container.record.config))
        await lifecycle.stop(container, 0 if deaf else seconds)
