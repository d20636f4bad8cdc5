"""Changing what a container may use, and when it restarts: `docker update`."""

from __future__ import annotations

import asyncio
import copy

from lab.engine.containers import Container, Containers
from lab.engine.resources import verify
from lab.engine.restart_policy import RestartPolicy
from lab.engine.settings import HostSettings
from lab.engine.state import Status
from lab.errors import Conflict, LabError
from lab.oci import fields
from lab.oci.fields import Json
from lab.runtime.cgroups import CgroupManager

_NUMBERS = (
    "BlkioWeight CpuShares NanoCpus CpuPeriod CpuQuota MemorySwap MemoryReservation"
    " CpuRealtimePeriod CpuRealtimeRuntime"
).split()
_TEXTS = ("CpusetCpus", "CpusetMems")
_BANDWIDTH = (
    ("NanoCpus", "CpuPeriod", "Nano CPUs cannot be updated as CPU Period has already been set"),
    ("NanoCpus", "CpuQuota", "Nano CPUs cannot be updated as CPU Quota has already been set"),
    ("CpuPeriod", "NanoCpus", "CPU Period cannot be updated as NanoCPUs has already been set"),
    ("CpuQuota", "NanoCpus", "CPU Quota cannot be updated as NanoCPUs has already been set"),
)


class Updates:
    """Applies changes.  Belongs to the event loop's thread."""

    def __init__(self, containers: Containers, cgroups: CgroupManager, cpus: int) -> None:
        self._containers = containers
        self._cgroups = cgroups
        self._cpus = cpus

    async def apply(self, container: Container, changes: Json) -> list[str]:
        """Change a container's limits and restart policy; return Docker's warnings.

        `changes` is the body of ContainerUpdate.  Raises InvalidParameter and Conflict in Docker's
        words, LabError where the kernel refuses; the container is then as before.
        """
        changes = dict(changes)
        warnings = verify(changes, self._cgroups.supports, self._cpus, update=True)
        policy = fields.obj(changes, "RestartPolicy")
        RestartPolicy.from_json(changes)
        async with container.lock:
            before, settings = container.record.host, container.settings
            if container.status in (Status.REMOVING, Status.DEAD):
                raise _refusal(container, 'container is marked for removal and cannot be "update"')
            host = copy.deepcopy(before)
            _merge(container, host, changes, policy)
            container.record.host, container.settings = host, HostSettings.from_json(host)
            try:
                await self._enforce(container)
                with self._containers.together():
                    self._containers.save(container)
                    self._containers.log_event(container, "update")
            except BaseException:
                container.record.host, container.settings = before, settings
                raise
        return warnings

    async def _enforce(self, container: Container) -> None:
        if container.task is None:
            return
        limits = container.settings.limits
        try:
            await asyncio.to_thread(self._cgroups.update, container.id, limits)
        except OSError as error:
            raise LabError(f"Cannot update container {container.id}: {error}") from None


def _merge(container: Container, host: Json, changes: Json, policy: Json) -> None:
    for new, old, text in _BANDWIDTH:
        if fields.integer(changes, new) > 0 and fields.integer(host, old) > 0:
            raise _refusal(container, f"Conflicting options: {text}")
    host.update({key: changes[key] for key in (*_NUMBERS, *_TEXTS) if changes.get(key)})
    memory = fields.integer(changes, "Memory")
    if memory:
        swap = fields.integer(host, "MemorySwap")
        if memory > swap and not changes.get("MemorySwap") and swap != -1:
            raise _refusal(
                container,
                "Memory limit should be smaller than already set memoryswap limit, "
                "update the memoryswap at the same time",
            )
        host["Memory"] = memory
    if changes.get("PidsLimit") is not None:
        host["PidsLimit"] = changes["PidsLimit"]
    if policy.get("Name"):
        if host["AutoRemove"] and policy["Name"] != "no":
            raise _refusal(
                container,
                "Restart policy cannot be updated because AutoRemove is enabled for the container",
            )
        host["RestartPolicy"] = {
            "Name": policy["Name"],
            "MaximumRetryCount": fields.integer(policy, "MaximumRetryCount"),
        }


def _refusal(container: Container, text: str) -> Conflict:
    return Conflict(f"Cannot update container {container.id}: {text}")
