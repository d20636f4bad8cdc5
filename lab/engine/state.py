"""The record of a container, and the table of what may happen to it in which state.

Records are stored as JSON.  `config` and `host` keep the client's own members (Docker's names),
since `docker inspect` gives them back; what the engine acts upon is read through `settings`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from lab.engine.mount_points import MountPoint
from lab.errors import Conflict
from lab.oci.fields import Json

NEVER = "0001-01-01T00:00:00Z"
"""How Docker writes a time that has not come."""


class Status(StrEnum):
    """Where a container is in its life; the words of Docker's API."""

    CREATED = "created"
    RUNNING = "running"
    PAUSED = "paused"
    RESTARTING = "restarting"
    REMOVING = "removing"
    EXITED = "exited"
    DEAD = "dead"


_ALLOWED: dict[str, tuple[Status, ...]] = {
    "start": (Status.CREATED, Status.EXITED),
    "exec": (Status.RUNNING,),
    "kill": (Status.RUNNING, Status.PAUSED, Status.RESTARTING),
    "pause": (Status.RUNNING,),
    "top": (Status.RUNNING, Status.PAUSED),
    "remove": (Status.CREATED, Status.EXITED, Status.DEAD),
}
"""Which states an action is possible in."""


@dataclass(slots=True)
class State:
    """What `docker inspect` shows under State; times are RFC 3339; `health` is Docker's Health."""

    status: Status = Status.CREATED
    pid: int = 0
    exit_code: int = 0
    error: str = ""
    oom_killed: bool = False
    started_at: str = NEVER
    finished_at: str = NEVER
    health: Json | None = None

    @property
    def is_running(self) -> bool:
        """Whether it counts as running: Docker says so also of one that waits for its restart."""
        return self.status in (Status.RUNNING, Status.PAUSED, Status.RESTARTING)

    def to_json(self) -> Json:
        """Return Docker's form."""
        health = {"Health": self.health} if self.health is not None else {}
        return {
            "Status": str(self.status),
            "Running": self.is_running,
            "Paused": self.status is Status.PAUSED,
            "Restarting": self.status is Status.RESTARTING,
            "OOMKilled": self.oom_killed,
            "Dead": self.status is Status.DEAD,
            "Pid": self.pid,
            "ExitCode": self.exit_code,
            "Error": self.error,
            "StartedAt": self.started_at,
            "FinishedAt": self.finished_at,
            **health,
        }


@dataclass(slots=True)
class Attachment:
    """A container's place in one network: what it asks for, and what it has while it runs.

    `ipam` (IPAMConfig), `aliases`, `links` and `driver_opts` are Docker's EndpointSettings as
    the client gave them, `wanted_mac` and `priority` its MacAddress and GwPriority; `names` are
    those that the embedded DNS knows it by.
    """

    network: str
    network_id: str = ""
    endpoint_id: str = ""
    address: str = ""
    prefix_length: int = 0
    gateway: str = ""
    mac: str = ""
    ipam: Json | None = None
    aliases: list[str] | None = None
    links: list[str] | None = None
    driver_opts: dict[str, str] | None = None
    wanted_mac: str = ""
    priority: int = 0
    names: list[str] | None = None
    address6: str = ""
    prefix_length6: int = 0
    gateway6: str = ""

    @property
    def wanted_address6(self) -> str:
        return str((self.ipam or {}).get("IPv6Address") or "")

    @property
    def link_local(self) -> list[str]:
        return list((self.ipam or {}).get("LinkLocalIPs") or ())

    @property
    def wanted_address(self) -> str:
        return str((self.ipam or {}).get("IPv4Address") or "")

    def clear(self) -> None:
        """Forget what it had: the container does not run any more."""
        self.endpoint_id = self.address = self.gateway = self.mac = ""
        self.address6 = self.gateway6 = ""
        self.prefix_length = self.prefix_length6 = 0


@dataclass(slots=True)
class Record:
    """Everything about a container that survives a restart of the engine.

    `image` is the image's id, empty for a container of the empty image; `image_name` what the
    user wrote; `config` and `host` are Docker's Config and HostConfig with all defaults filled
    in; `path` and `args` are the program that runs; `ports` is Docker's NetworkSettings.Ports,
    filled while the container runs; `stopped_by_hand` says that a user ended the last run, and
    `unfinished` that the creation still goes on.
    """

    id: str
    name: str
    created: str
    image: str
    image_name: str
    config: Json
    host: Json
    path: str = ""
    args: list[str] = field(default_factory=list)
    state: State = field(default_factory=State)
    networks: list[Attachment] = field(default_factory=list)
    ports: dict[str, list[dict[str, str]] | None] = field(default_factory=dict)
    restart_count: int = 0
    stopped_by_hand: bool = False
    warnings: list[str] = field(default_factory=list)
    mounts: list[MountPoint] = field(default_factory=list)
    unfinished: bool = False

    def to_json(self) -> Json:
        """Return the form that is stored; settings and ports in it are still the record's own."""
        # asdict(self) would copy hundreds of settings, three times in each container's life
        members = {each.name: getattr(self, each.name) for each in fields(self)}
        members["state"] = asdict(self.state)
        members["networks"] = [asdict(each) for each in self.networks]
        members["mounts"] = [asdict(each) for each in self.mounts]
        return members

    @classmethod
    def from_json(cls, source: dict[str, Any]) -> Record:
        """Read what `to_json` made."""
        members = dict(source)
        state = dict(members["state"])
        state["status"] = Status(state["status"])
        members["state"] = State(**state)
        members["networks"] = [Attachment(**each) for each in members["networks"]]
        members["mounts"] = [MountPoint.from_json(each) for each in members.get("mounts", ())]
        return cls(**members)


def check(action: str, name: str, status: Status) -> None:
    """Raise Conflict, in Docker's words, if `action` is impossible in this state."""
    if status in _ALLOWED[action]:
        return
    if action == "start" and status in (Status.REMOVING, Status.DEAD):
        raise Conflict("container is marked for removal and cannot be started")
    if action == "start" and status is Status.PAUSED:
        raise Conflict("cannot start a paused container, try unpause instead")
    if status is Status.RESTARTING and action in ("exec", "pause", "top"):
        raise Conflict(f"Container {name} is restarting, wait until the container is running")
    if action == "exec" and status is Status.PAUSED:
        raise Conflict(f"Container {name} is paused, unpause the container before exec")
    if action == "pause" and status is Status.PAUSED:
        raise Conflict(f"Container {name} is already paused")
    if action == "remove" and status is Status.PAUSED:
        raise Conflict("container is paused and must be unpaused first")
    if action == "remove" and status is not Status.REMOVING:
        raise Conflict(f"container is {status}: stop the container before removing or force remove")
    if action == "remove":
        raise Conflict(f"removal of container {name} is already in progress")
    raise Conflict(f"container {name} is not running")


def first_places(mode: str) -> list[Attachment]:
    """Return the places of a container with this network mode; none with another one's network."""
    return [] if mode.startswith("container:") else [Attachment(mode)]


def now() -> str:
    """Return the present moment as RFC 3339 with nanoseconds."""
    return moment(datetime.now(UTC).timestamp())


def moment(seconds: float) -> str:
    """Return a time given in seconds since the epoch as RFC 3339."""
    at = datetime.fromtimestamp(seconds, UTC)
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond:06d}000Z"
