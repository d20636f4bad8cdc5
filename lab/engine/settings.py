"""A client's request to create a container, checked and completed with defaults.

What Docker knows and this engine does not do yet is refused by name: nothing is silently left
out.  Source: Docker Engine API, ContainerCreate.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lab.engine.log_limits import LogLimits
from lab.engine.mount_points import MountPoint, parse_bind, parse_mount, parse_tmpfs
from lab.engine.name_wishes import parse_dns, parse_extra_hosts
from lab.engine.refusals import refuse_unsupported
from lab.engine.resources import parse_limits
from lab.engine.restart_policy import RestartPolicy
from lab.engine.security import Security
from lab.errors import InvalidParameter
from lab.network.resolv_conf import DnsWish
from lab.oci import fields
from lab.oci.fields import Json
from lab.oci.runtime_spec import Mount, Rlimit
from lab.runtime.cgroups import Limits

DEFAULT_NETWORKS = ("default", "bridge", "none")
DEFAULT_SHM_SIZE = 64 << 20
"""Bytes of /dev/shm."""
_RLIMITS = (
    "core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack"
).split()

CONFIG_DEFAULTS: Json = {
    "Hostname": "",
    "Domainname": "",
    "User": "",
    "AttachStdin": False,
    "AttachStdout": False,
    "AttachStderr": False,
    "Tty": False,
    "OpenStdin": False,
    "StdinOnce": False,
    "Env": [],
    "Cmd": None,
    "Image": "",
    "Volumes": None,
    "WorkingDir": "",
    "Entrypoint": None,
    "OnBuild": None,
    "Labels": {},
}
HOST_DEFAULTS: Json = {
    "Binds": None,
    "ContainerIDFile": "",
    "LogConfig": {"Type": "json-file", "Config": {}},
    "NetworkMode": "bridge",
    "PortBindings": {},
    "RestartPolicy": {"Name": "no", "MaximumRetryCount": 0},
    "AutoRemove": False,
    "VolumeDriver": "",
    "VolumesFrom": None,
    "ConsoleSize": [0, 0],
    "CapAdd": None,
    "CapDrop": None,
    "CgroupnsMode": "private",
    "Dns": [],
    "DnsOptions": [],
    "DnsSearch": [],
    "ExtraHosts": None,
    "GroupAdd": None,
    "IpcMode": "private",
    "Cgroup": "",
    "Links": None,
    "OomScoreAdj": 0,
    "PidMode": "",
    "Privileged": False,
    "PublishAllPorts": False,
    "ReadonlyRootfs": False,
    "SecurityOpt": None,
    "UTSMode": "",
    "UsernsMode": "",
    "ShmSize": DEFAULT_SHM_SIZE,
    "Runtime": "lab",
    "Isolation": "",
    "CpuShares": 0,
    "Memory": 0,
    "NanoCpus": 0,
    "MemorySwap": 0,
    "CgroupParent": "",
    "BlkioWeight": 0,
    "BlkioWeightDevice": [],
    "BlkioDeviceReadBps": [],
    "BlkioDeviceWriteBps": [],
    "BlkioDeviceReadIOps": [],
    "BlkioDeviceWriteIOps": [],
    "CpuPeriod": 0,
    "CpuQuota": 0,
    "CpuRealtimePeriod": 0,
    "CpuRealtimeRuntime": 0,
    "CpusetCpus": "",
    "CpusetMems": "",
    "Devices": [],
    "DeviceCgroupRules": None,
    "DeviceRequests": None,
    "MemoryReservation": 0,
    "MemorySwappiness": None,
    "OomKillDisable": False,
    "PidsLimit": None,
    "Ulimits": None,
    "CpuCount": 0,
    "CpuPercent": 0,
    "IOMaximumIOps": 0,
    "IOMaximumBandwidth": 0,
    "MaskedPaths": [
        "/proc/asound",
        "/proc/acpi",
        "/proc/interrupts",
        "/proc/kcore",
        "/proc/keys",
        "/proc/latency_stats",
        "/proc/timer_list",
        "/proc/timer_stats",
        "/proc/sched_debug",
        "/proc/scsi",
        "/sys/firmware",
        "/sys/devices/virtual/powercap",
    ],
    "ReadonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
}


@dataclass(frozen=True, slots=True)
class HostSettings:
    """The part of a container's settings that concerns the machine, ready to be acted upon."""

    network: str
    points: tuple[MountPoint, ...]
    tmpfs: tuple[Mount, ...]
    shm_bytes: int
    limits: Limits
    capabilities: tuple[str, ...]
    auto_remove: bool
    readonly: bool
    masked_paths: tuple[str, ...]
    readonly_paths: tuple[str, ...]
    log_limits: LogLimits
    extra_hosts: tuple[str, ...]
    groups: tuple[str, ...]
    rlimits: tuple[Rlimit, ...]
    oom_score_adj: int
    restart: RestartPolicy
    dns: DnsWish
    security: Security
    init: bool

    @classmethod
    def from_json(cls, host: Json) -> HostSettings:
        """Read a HostConfig; InvalidParameter for what is wrong, Unsupported for what is not done."""
        refuse_unsupported(host)
        security = Security.of(host)
        mode = fields.text(host, "NetworkMode") or "default"
        return cls(
            network="bridge" if mode == "default" else mode,
            points=(
                *map(parse_bind, fields.texts(host, "Binds")),
                *map(parse_mount, fields.objects(host, "Mounts")),
            ),
            tmpfs=tuple(parse_tmpfs(*item) for item in fields.text_map(host, "Tmpfs").items()),
            shm_bytes=_shm_size(host),
            limits=parse_limits(host),
            capabilities=security.capabilities(host),
            auto_remove=fields.boolean(host, "AutoRemove"),
            readonly=fields.boolean(host, "ReadonlyRootfs"),
            masked_paths=tuple(fields.texts(host, "MaskedPaths")),
            readonly_paths=tuple(fields.texts(host, "ReadonlyPaths")),
            log_limits=LogLimits.from_json(host),
            extra_hosts=parse_extra_hosts(host),
            groups=tuple(fields.texts(host, "GroupAdd")),
            rlimits=tuple(map(_rlimit, fields.objects(host, "Ulimits"))),
            dns=parse_dns(host),
            oom_score_adj=fields.integer(host, "OomScoreAdj"),
            restart=RestartPolicy.from_json(host),
            security=security,
            init=fields.boolean(host, "Init"),
        )


def _shm_size(host: Json) -> int:
    size = fields.integer(host, "ShmSize") or DEFAULT_SHM_SIZE
    if size < 0:
        raise InvalidParameter("SHM size can not be less than 0")
    return size


def _rlimit(source: dict[str, Any]) -> Rlimit:
    name, soft = fields.text(source, "Name"), fields.integer(source, "Soft")
    hard = fields.integer(source, "Hard")
    if name not in _RLIMITS:
        raise InvalidParameter(f"invalid ulimit type: {name}")
    if hard != -1 and not -1 < soft <= hard:
        raise InvalidParameter(
            f"ulimit soft limit must be less than or equal to hard limit: {soft} > {hard}"
        )
    return Rlimit(f"RLIMIT_{name.upper()}", soft, hard)
