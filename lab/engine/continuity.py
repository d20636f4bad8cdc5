"""What the end and the beginning of the engine do to containers."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from lab.engine import unfinished
from lab.engine.containers import Container, Containers
from lab.engine.health import close_health
from lab.engine.lifecycle import Lifecycle
from lab.engine.sharing import shares_another
from lab.engine.signals import stop_signal
from lab.engine.state import NEVER, Status, now
from lab.kernel import procfs

CRASH_CODE = 255
"""The exit code of a container whose engine ended without seeing it end."""


def settle(containers: Containers, interrupted: list[Container]) -> None:
    """Record that containers of an engine which ended unexpectedly do not run any more.

    Those whose creation it did not finish are removed.
    """
    unfinished.drop(containers)
    for container in interrupted:
        state = container.record.state
        ran = state.status is not Status.RESTARTING
        if ran:
            state.exit_code, state.finished_at = CRASH_CODE, now()
        state.status, state.pid = Status.EXITED, 0
        close_health(state)
        for place in container.record.networks:
            place.clear()
        container.record.ports = {}
        with containers.together():
            containers.save(container)
            if ran:
                containers.log_event(container, "die", exitCode=str(CRASH_CODE))
        if container.settings.auto_remove:
            containers.remove(container, volumes=True)


async def revive(containers: Containers, lifecycle: Lifecycle) -> None:
    """Start the containers whose restart policy says so when the engine has started.

    What cannot be started has the error in its record, as after `docker start`.
    """
    wanted = [each for each in containers.all() if _returns(each)]
    # those that share another one's namespaces come after it
    for sharing in (False, True):
        starts = [lifecycle.start(each) for each in wanted if shares_another(each) == sharing]
        await asyncio.gather(*starts, return_exceptions=True)


def _returns(container: Container) -> bool:
    record, state = container.record, container.record.state
    if state.started_at == NEVER or state.is_running:
        return False
    policy = container.settings.restart
    return policy.wants(state.exit_code, record.restart_count, record.stopped_by_hand)


async def stop_all(
    containers: Containers, lifecycle: Lifecycle, seconds: int, idle: Collection[str]
) -> None:
    """End every container, and let none start any more, when the engine stops.

    `idle` are ids of containers that do not run although somebody holds their locks.
    """
    lifecycle.refuse_starts()
    wanted = [each for each in containers.all() if each.id not in idle]
    stops = [_stop(container, lifecycle, seconds) for container in wanted]
    await asyncio.gather(*stops, return_exceptions=True)
    await lifecycle.settled()


async def _stop(container: Container, lifecycle: Lifecycle, seconds: int) -> None:
    async with container.lock:
        # a start that was under way is over now
        task = container.task
    if container.status is Status.RESTARTING:
        await lifecycle.stop(container, 0)
    elif task is not None:
        # the kernel keeps a signal without a handler from a container's first process
        deaf = not procfs.catches(task.pid, stop_signal(container.record.config))
        await lifecycle.stop(container, 0 if deaf else seconds)
