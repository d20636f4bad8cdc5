"""What is looked at before a container is created: its network, its binds, its limits."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from lab.engine.containers import Container, Containers
from lab.engine.launcher import LauncherLink
from lab.engine.networks import Networks
from lab.engine.settings import HostSettings
from lab.errors import InvalidParameter
from lab.network.bindings import parse_port_bindings
from lab.oci.fields import Json
from lab.oci.runtime_spec import Mount
from lab.runtime.cgroups import CgroupManager, Limits

_DISCARDED = {
    "memory": "Your kernel does not support memory limit capabilities or the cgroup is not mounted. "
    "Limitation discarded.",
    "pids": "Your kernel does not support PIDs limit capabilities or the cgroup is not mounted. "
    "PIDs limit discarded.",
    "cpu": "Your kernel does not support CPU cfs quota/period or the cgroup is not mounted. "
    "Quota and period discarded.",
}


class Creation:
    """Creates containers for clients; what can be known to fail later fails here already."""

    def __init__(
        self,
        containers: Containers,
        networks: Networks,
        cgroups: CgroupManager,
        link: LauncherLink,
        state: Path,
        idmapped: bool,
    ) -> None:
        """`state` is the engine's own folder, which nobody may bind."""
        self._containers = containers
        self._networks = networks
        self._cgroups = cgroups
        self._link = link
        self._state = state
        self._idmapped = idmapped

    async def create(self, name: str, config: Json, host: Json) -> tuple[Container, list[str]]:
        """Create a container; return it with Docker's warnings."""
        settings = HostSettings.from_json(host)
        self._networks.check(settings.network)
        parse_port_bindings(host["PortBindings"])
        warnings = self._limit_warnings(settings.limits)
        for bind in settings.binds:
            warnings += await asyncio.to_thread(self._check_bind, bind)
        return self._containers.create(name, config, host), warnings

    def _limit_warnings(self, limits: Limits) -> list[str]:
        wanted = {"memory": limits.memory, "pids": limits.pids, "cpu": limits.nano_cpus}
        return [
            text
            for controller, text in _DISCARDED.items()
            if wanted[controller] and not self._cgroups.supports(controller)
        ]

    def _check_bind(self, bind: Mount) -> list[str]:
        source = Path(os.path.realpath(bind.source))
        if source == self._state or self._state in source.parents:
            raise InvalidParameter(
                f'invalid mount config for type "bind": {bind.source} holds the engine\'s own state'
            )
        try:
            # as Docker: a folder that is not there is made
            source.mkdir(parents=True, exist_ok=True)
        except FileExistsError:
            pass
        except OSError as error:
            raise InvalidParameter(
                f"error while creating mount source path '{bind.source}': {error.strerror}"
            ) from None
        refusal = self._link.why_not_mapped(bind.source) if self._idmapped else ""
        if not refusal or "ro" in bind.options:
            return []
        return [
            f"{bind.source} cannot be shown with the container's user ids ({refusal}): "
            "the container may not be able to write there"
        ]
