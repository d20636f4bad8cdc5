"""Namespaces that a container shares: with another one (`container:NAME`), or with the host.

To share a namespace, containers must also share the user namespace that it belongs to, as with
Docker's own remapping of users: so those of two different containers cannot be had at once.
Source: Docker Engine API, HostConfig; moby, daemon/oci_linux.go, internal/runconfig (wording).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lab.engine.containers import Container
from lab.engine.state import Status
from lab.errors import Conflict, InvalidParameter, LabError, NotFound, Unsupported
from lab.oci import fields
from lab.oci.fields import Json

CONTAINER = "container:"
HOST = "host"
_MODES = {"network": "NetworkMode", "pid": "PidMode", "ipc": "IpcMode"}
_IPC = (
    "this engine does not support --ipc {mode}: containers have shared memory of their own; "
    "use --ipc private or none, and a volume to share files"
)

Find = Callable[[str], Container]
"""Returns the container that a name or an id means; raises NotFound."""


@dataclass(frozen=True, slots=True)
class Shares:
    """What a container shares: the names of namespaces of `target` (a container, or None), and of
    the sandbox, which is its host."""

    of_target: tuple[str, ...] = ()
    of_host: tuple[str, ...] = ()
    target: Container | None = None


def is_container(mode: str) -> bool:
    """Return whether a mode means another container's namespace."""
    return mode.startswith(CONTAINER)


def shares_another(container: Container) -> bool:
    """Return whether a container has a namespace of another one's."""
    host = container.record.host
    return any(is_container(fields.text(host, key)) for key in _MODES.values())


def check(config: Json, host: Json) -> None:
    """Raise InvalidParameter, in Docker's words, for modes that make no sense or do not go together.

    Raises Unsupported for those that this engine does not have.
    """
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
    if ipc == HOST or is_container(ipc):
        raise Unsupported(_IPC.format(mode=ipc))
    if ipc not in ("", "none", "private", "shareable"):
        raise InvalidParameter(f"invalid IPC mode: {ipc}")


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
    of_target: list[str] = []
    target: Container | None = None
    for name, key in _MODES.items():
        mode = fields.text(host, key)
        if not is_container(mode):
            continue
        found = _donor(container, name, mode.removeprefix(CONTAINER), find)
        if target is not None and target is not found:
            raise Unsupported("this engine cannot share namespaces of two different containers")
        target = found
        of_target.append(name)
    if target is not None:
        of_target.append("user")
    of_host = [
        name
        for name, key in (("network", "NetworkMode"), ("pid", "PidMode"), ("uts", "UTSMode"))
        if fields.text(host, key) == HOST
    ]
    return Shares(tuple(of_target), tuple(of_host), target)


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
        raise InvalidParameter(f"failed to join PID namespace: {error.message}") from None
    if found.id == container.id:
        raise LabError(f"cannot join own {name} namespace")
    if found.status is Status.RESTARTING:
        restarting = f"Container {text} is restarting, wait until the container is running"
        raise Conflict(f"{joining} container: {restarting}")
    if found.task is None or not found.record.state.is_running:
        raise Conflict(
            f"{joining} a non running container: container {found.name} is {found.status}"
        )
    return found
