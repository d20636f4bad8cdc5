"""What is looked at before a container is created: its network, its binds, its limits."""

from __future__ import annotations

import asyncio
import os

from lab.engine import sharing, unfinished
from lab.engine.containers import Container, Containers
from lab.engine.endpoints import Endpoints
from lab.engine.host_folders import HostFolders
from lab.engine.launcher import LauncherLink
from lab.engine.links import Links
from lab.engine.mount_points import BIND, MountPoint
from lab.engine.resources import verify
from lab.engine.settings import HostSettings
from lab.engine.state import Attachment
from lab.errors import InvalidParameter
from lab.network.bindings import Port, parse_port_bindings
from lab.oci.fields import Json
from lab.runtime.cgroups import CgroupManager


class Creation:
    """Creates containers for clients; what can be known to fail later fails here already."""

    def __init__(
        self,
        containers: Containers,
        endpoints: Endpoints,
        cgroups: CgroupManager,
        link: LauncherLink,
        folders: HostFolders,
        idmapped: bool,
        cpus: int,
    ) -> None:
        """`folders` are those that binds may show; the machine has `cpus`."""
        self._containers = containers
        self._endpoints = endpoints
        self._cgroups = cgroups
        self._link = link
        self._folders = folders
        self._idmapped = idmapped
        self._cpus = cpus

    async def create(
        self, name: str, config: Json, host: Json, places: list[Attachment] | None = None
    ) -> tuple[Container, list[str]]:
        """Create a container in the networks of `places`; return it with Docker's warnings."""
        sharing.check(config, host)
        sharing.adapt(host, self._containers.get)
        settings = HostSettings.from_json(host)
        if sharing.is_container(settings.network):
            places = []
        self._endpoints.check_places(places or [])
        Links(self._containers).check(host)
        if settings.auto_remove and settings.restart.name != "no":
            raise InvalidParameter("can't create 'AutoRemove' container with restart policy")
        parse_port_bindings(host["PortBindings"])
        for port in config.get("ExposedPorts") or ():
            Port.parse(port)
        warnings = verify(host, self._cgroups.supports, self._cpus)
        warnings += settings.security.warnings
        for point in settings.points:
            if point.type == BIND:
                warnings += await asyncio.to_thread(self._check_bind, point)
        if settings.network == sharing.HOST and host["PortBindings"]:
            warnings.append("Published ports are discarded when using host network mode")
        if sharing.HOST in (settings.network, host["UTSMode"]) and not config["Hostname"]:
            config["Hostname"] = os.uname().nodename
        container = self._containers.create(name, config, host, places)
        await unfinished.finish(self._containers, container)
        return container, warnings

    def _check_bind(self, bind: MountPoint) -> list[str]:
        self._folders.check(bind.source)
        if bind.make:
            self._folders.provide(bind.source)
        else:
            self._folders.require(bind.source)
        refusal = self._link.why_not_mapped(bind.source) if self._idmapped else ""
        if not refusal or not bind.rw:
            return []
        return [
            f"{bind.source} cannot be shown with the container's user ids ({refusal}): "
            "the container may not be able to write there"
        ]
