"""What containers look like in answers: `docker inspect` and `docker ps`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from lab.engine import links
from lab.engine.containers import Container
from lab.engine.health import STARTING
from lab.engine.state import NEVER, Attachment, Record, State, Status
from lab.oci.fields import Json


def inspect(container: Container, exec_ids: list[str], sizes: tuple[int, int] | None) -> Json:
    """Return what ContainerInspect answers; `sizes` are bytes of the writable layer, and of all."""
    record = container.record
    shape: Json = {
        "Id": record.id,
        "Created": record.created,
        "Path": record.path,
        "Args": record.args,
        "State": record.state.to_json(),
        "Image": record.image,
        **_paths(container),
        "Name": f"/{record.name}",
        "RestartCount": record.restart_count,
        "Driver": "overlay2",
        "Platform": "linux",
        "MountLabel": "",
        "ProcessLabel": "",
        "AppArmorProfile": "",
        "ExecIDs": exec_ids or None,
        "HostConfig": links.shown(record.host, record.name),
        "GraphDriver": {"Data": None, "Name": "overlay2"},
        "Mounts": [point.shown() for point in container.record.mounts],
        "Config": record.config,
        "NetworkSettings": _network_settings(record),
    }
    if sizes is not None:
        shape["SizeRw"], shape["SizeRootFs"] = sizes
    return shape


def _paths(container: Container) -> Json:
    """Return where Docker's files about a container are; they come with its first start."""
    started = container.record.state.started_at != NEVER
    names = {"ResolvConfPath": "resolv.conf", "HostnamePath": "hostname", "HostsPath": "hosts"}
    paths = {key: str(container.folder / name) for key, name in names.items()}
    paths["LogPath"] = str(container.log.path) if container.log else ""
    return paths if started else dict.fromkeys(paths, "")


def summary(
    container: Container,
    image: str,
    sizes: tuple[int, int] | None,
    linked: Sequence[str] = (),
) -> Json:
    """Return one row of ContainerList; `image` is how the image is to be called, `linked` are
    the names that other containers have for this one."""
    record = container.record
    created = datetime.fromisoformat(record.created[:26] + "+00:00")
    shape: Json = {
        "Id": record.id,
        "Names": [f"/{record.name}", *linked],
        "Image": image,
        "ImageID": record.image,
        "Command": _command(record),
        "Created": int(created.timestamp()),
        "Ports": ports(record),
        "Labels": record.config["Labels"],
        "State": str(record.state.status),
        "Status": status_text(record.state, datetime.now(UTC)),
        "HostConfig": {"NetworkMode": record.host["NetworkMode"]},
        "NetworkSettings": {"Networks": _networks(record)},
        "Mounts": [point.shown() for point in container.record.mounts],
    }
    if sizes is not None:
        shape["SizeRw"], shape["SizeRootFs"] = sizes
    return shape


def status_text(state: State, at: datetime) -> str:
    """Return the STATUS column of `docker ps`: `Up 3 minutes`, `Exited (0) 2 hours ago`."""
    if state.status is Status.CREATED:
        return "Created"
    if state.status is Status.RESTARTING:
        return f"Restarting ({state.exit_code}) {duration(_since(state.finished_at, at))} ago"
    if state.is_running:
        text = f"Up {duration(_since(state.started_at, at))}"
        if state.status is Status.PAUSED:
            return f"{text} (Paused)"
        return f"{text} ({_health(state.health)})" if state.health is not None else text
    if state.status is Status.REMOVING:
        return "Removal In Progress"
    return f"Exited ({state.exit_code}) {duration(_since(state.finished_at, at))} ago"


def _health(health: Json) -> str:
    status = str(health["Status"])
    return f"health: {status}" if status == STARTING else status


def duration(seconds: float) -> str:
    """Return a length of time as Docker words it for people."""
    whole = int(seconds)
    if whole < 1:
        return "Less than a second"
    if whole == 1:
        return "1 second"
    if whole < 60:
        return f"{whole} seconds"
    minutes = whole // 60
    if minutes == 1:
        return "About a minute"
    if minutes < 60:
        return f"{minutes} minutes"
    hours = int(seconds / 3600 + 0.5)
    if hours == 1:
        return "About an hour"
    for limit, size, name in (
        (48, 1, "hours"),
        (24 * 7 * 2, 24, "days"),
        (24 * 30 * 2, 168, "weeks"),
    ):
        if hours < limit:
            return f"{hours // size} {name}"
    if hours < 24 * 365 * 2:
        return f"{hours // 24 // 30} months"
    return f"{whole // 3600 // 24 // 365} years"


def ports(record: Record) -> list[Json]:
    """Return the ports of a row of ContainerList."""
    rows: list[Json] = []
    for key, published in record.ports.items():
        number, _, protocol = key.partition("/")
        if not number.isdecimal():
            # an image may say that it exposes anything
            continue
        base: Json = {"PrivatePort": int(number), "Type": protocol or "tcp"}
        for entry in published or ():
            rows.append({"IP": entry["HostIp"], **base, "PublicPort": int(entry["HostPort"])})
        if not published:
            rows.append(base)
    return rows


def _command(record: Record) -> str:
    quoted = (f"'{word}'" if " " in word else word for word in record.args)
    return " ".join((record.path, *quoted))


def _since(text: str, at: datetime) -> float:
    return (at - datetime.fromisoformat(text[:26] + "+00:00")).total_seconds()


def _networks(record: Record) -> Json:
    return {each.network: endpoint(each) for each in record.networks}


def endpoint(place: Attachment) -> Json:
    """Return a container's place in a network."""
    return {
        "IPAMConfig": place.ipam,
        "Links": place.links,
        "Aliases": place.aliases,
        "MacAddress": place.mac,
        "DriverOpts": place.driver_opts,
        "NetworkID": place.network_id,
        "EndpointID": place.endpoint_id,
        "Gateway": place.gateway,
        "IPAddress": place.address,
        "IPPrefixLen": place.prefix_length,
        "IPv6Gateway": place.gateway6,
        "GlobalIPv6Address": place.address6,
        "GlobalIPv6PrefixLen": place.prefix_length6,
        "DNSNames": place.names,
    }


def _network_settings(record: Record) -> Json:
    # Docker's old members: the place in the default network
    default = [each for each in record.networks if each.network == "bridge"]
    top: dict[str, Any] = endpoint(default[0] if default else Attachment(""))
    kept = ("EndpointID", "Gateway", "GlobalIPv6Address", "GlobalIPv6PrefixLen", "IPAddress",
            "IPPrefixLen", "IPv6Gateway", "MacAddress")  # fmt: skip
    return {
        "Bridge": "",
        "SandboxID": "",
        "SandboxKey": "",
        "Ports": record.ports,
        "HairpinMode": False,
        "LinkLocalIPv6Address": "",
        "LinkLocalIPv6PrefixLen": 0,
        "SecondaryIPAddresses": None,
        "SecondaryIPv6Addresses": None,
        **{key: top[key] for key in kept},
        "Networks": _networks(record),
    }
