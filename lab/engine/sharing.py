"""Namespaces that a container shares: with another one (`container:NAME`), or with the host.

A namespace belongs to a user namespace, and who is to rule it must have that one too: so a
container that shares another one's is in its user namespace.  Where it shares those of several,
that is the one whose network it has, else whose processes; the others' it has without a right over
them.
Source: Docker Engine API, HostConfig; moby, daemon/oci_linux.go, internal/runconfig (wording).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lab.engine.containers import Container
from lab.engine.state import Status
from lab.errors import Conflict, InvalidParameter, LabError, NotFound
from lab.oci import fields
from lab.oci.fields import Json
from lab.runtime.task import Task

CONTAINER = "container:"
HOST = "host"
_MODES = {"network": "NetworkMode", "pid": "PidMode", "ipc": "IpcMode"}
"""Namespaces that can be another container's; whose user namespace comes with it, first."""
_HOST_MODES = {**_MODES, "uts": "UTSMode", "cgroup": "CgroupnsMode"}
NONE, SHAREABLE = "none", "shareable"
_SHAREABLE = (SHAREABLE, HOST)
"""Values of IpcMode: without shared memory, and such that others may join."""

Find = Callable[[str], Container]
"""Returns the container that a name or an id means; raises NotFound."""


@dataclass(frozen=True, slots=True)
class Shares:
    """What a container shares: names of namespaces of the sandbox, which is its host, and of other
    containers, of which the first is that whose user namespace it has."""

    of_host: tuple[str, ...] = ()
    donors: tuple[tuple[Container, tuple[str, ...]], ...] = ()

    @property
    def of_donors(self) -> tuple[str, ...]:
        return tuple(name for _, names in self.donors for name in names)

    @property
    def brought(self) -> tuple[str, ...]:
        """The names of namespaces of others whose file systems are to be taken from there."""
        others = [name for _, names in self.donors[1:] for name in names]
        return tuple(name for name in self.of_donors if name == "ipc" or name in others)

    def donor(self, name: str) -> Container | None:
        """Return the container that a namespace is of; None if it is no other container's."""
        return next((found for found, names in self.donors if name in names), None)

    def tasks(self) -> list[tuple[Task, tuple[str, ...]]]:
        """Return what runs in the donors, each with the names of the namespaces.

        Raises Conflict if one has ended since it was looked at.
        """
        found = []
        for donor, names in self.donors:
            if donor.task is None:
                raise Conflict(f"container {donor.name} is not running")
            found.append((donor.task, names))
        return found


def is_container(mode: str) -> bool:
    """Return whether a mode means another container's namespace."""
    return mode.startswith(CONTAINER)


def shares_another(container: Container) -> bool:
    """Return whether a container has a namespace of another one's."""
    host = container.record.host
    return any(is_container(fields.text(host, key)) for key in _MODES.values())


def check(config: Json, host: Json) -> None:
    """Raise InvalidParameter, in Docker's words, for modes that make no sense or do not go together."""
    network, pid = fields.text(host, "NetworkMode"), fields.text(host, "PidMode")
    ipc, uts = fields.text(host, "IpcMode"), fields.text(host, "UTSMode")
    if network == CONTAINER.rstrip(":") or is_container(network):
        _check_container_network(config, host)
    if uts not in ("", HOST):
        raise InvalidParameter(f"invalid UTS mode: {uts}")
    if uts == HOST and config.get("Hostname"):
        raise InvalidParameter("conflicting options: hostname and the UTS mode")
    if pid not in ("", HOST) and not is_container(pid):
        raise InvalidParameter(f"invalid PID mode: {pid}")
    if ipc not in ("", NONE, "private", *_SHAREABLE) and not is_container(ipc):
        raise InvalidParameter(f"invalid IPC mode: {ipc}")


def adapted(host: Json, find: Find) -> Json:
    """Return a copy of `host` as `adapt` makes it."""
    copied = dict(host)
    adapt(copied, find)
    return copied


def adapt(host: Json, find: Find) -> None:
    """Write ids of containers into `host` in place of names, which may change."""
    for key in _MODES.values():
        mode = fields.text(host, key)
        if is_container(mode):
            try:
                host[key] = f"{CONTAINER}{find(mode.removeprefix(CONTAINER)).id}"
            except LabError:
                # as with Docker, it is missed at the start
                continue


def shares_of(container: Container, find: Find) -> Shares:
    """Return what a container that starts shares.

    Raises Conflict and others, in Docker's words, if what it is to share is not there.
    """
    host = container.record.host
    donors: dict[str, tuple[Container, tuple[str, ...]]] = {}
    for name, key in _MODES.items():
        mode = fields.text(host, key)
        if is_container(mode):
            found = _donor(container, name, mode.removeprefix(CONTAINER), find)
            names = donors.get(found.id, (found, ()))[1]
            donors[found.id] = found, (*names, name)
    of_host = tuple(name for name, key in _HOST_MODES.items() if fields.text(host, key) == HOST)
    return Shares(of_host, _with_user(tuple(donors.values())))


def _with_user(
    donors: tuple[tuple[Container, tuple[str, ...]], ...],
) -> tuple[tuple[Container, tuple[str, ...]], ...]:
    if not donors:
        return ()
    first, names = donors[0]
    return ((first, (*names, "user")), *donors[1:])


def _check_container_network(config: Json, host: Json) -> None:
    if not fields.text(host, "NetworkMode").partition(":")[2]:
        raise InvalidParameter("invalid network mode: invalid container format container:<name|id>")
    conflicts = (
        (config.get("Hostname"), "hostname and the network mode"),
        (
            host.get("Links"),
            "container type network can't be used with links. "
            "This would result in undefined behavior",
        ),
        (host.get("Dns"), "dns and the network mode"),
        (host.get("ExtraHosts"), "custom host-to-IP mapping and the network mode"),
        (
            host.get("PortBindings") or host.get("PublishAllPorts"),
            "port publishing and the container type network mode",
        ),
        (config.get("ExposedPorts"), "port exposing and the container type network mode"),
    )
    for given, text in conflicts:
        if given:
            raise InvalidParameter(f"conflicting options: {text}")


def _donor(container: Container, name: str, text: str, find: Find) -> Container:
    joining = f"cannot join {name} namespace of"
    try:
        found = find(text)
    except NotFound as error:
        if name == "network":
            raise LabError(f"joining network namespace of container: {error.message}") from None
        raise InvalidParameter(
            f"failed to join {name.upper()} namespace: {error.message}"
        ) from None
    if found.id == container.id:
        raise LabError(f"cannot join own {name} namespace")
    if found.status is Status.RESTARTING:
        restarting = f"Container {text} is restarting, wait until the container is running"
        raise Conflict(f"{joining} container: {restarting}")
    if found.task is None or not found.record.state.is_running:
        raise Conflict(
            f"{joining} a non running container: container {found.name} is {found.status}"
        )
    if name == "ipc" and fields.text(found.record.host, "IpcMode") not in _SHAREABLE:
        raise InvalidParameter(
            f"failed to join IPC namespace: container {text}: non-shareable IPC "
            "(hint: use IpcMode:shareable for the donor container)"
        )
    return found
