"""What the engine tells of itself: `docker info` and `docker version`."""

from __future__ import annotations

import os
import platform
import socket
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lab import __version__
from lab.engine import wayout
from lab.engine.machine import own_platform
from lab.engine.state import Status, now
from lab.oci.fields import Json

if TYPE_CHECKING:
    from lab.engine.core import Engine


@dataclass(frozen=True, slots=True)
class Host:
    """The machine as the engine sees it."""

    kernel: str
    machine: str
    cpus: int
    memory_bytes: int
    system: str
    name: str

    @classmethod
    def read(cls) -> Host:
        pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
        return cls(
            kernel=platform.release(),
            machine=platform.machine(),
            cpus=os.cpu_count() or 1,
            memory_bytes=pages * size,
            system=_system_name(Path("/etc/os-release")),
            name=socket.gethostname(),
        )


def info(engine: Engine, host: Host) -> Json:
    """Return Docker's Info.  Source: Docker Engine API, SystemInfo."""
    limits = {name: engine.cgroups.supports(name) for name in ("memory", "pids", "cpu")}
    return {
        "ID": engine.id,
        **_counts(engine),
        "Driver": "overlay2",
        "DriverStatus": [["Backing Filesystem", "overlay, userxattr"]],
        "LoggingDriver": "json-file",
        "Plugins": {
            "Volume": ["local"],
            "Network": ["bridge", "host", "null"],
            "Authorization": None,
            "Log": ["json-file", "local"],
        },
        **_limits(limits),
        "CgroupDriver": "cgroupfs" if engine.config.cgroups else "none",
        "CgroupVersion": "2" if "unified" in engine.config.cgroups else "1",
        **_machine(host),
        **_ABSENT,
        "DockerRootDir": str(engine.config.root),
        "Labels": [f"lab.sandbox={engine.config.sandbox}", _HOST_NETWORK],
        "ServerVersion": engine.version,
        "Runtimes": {"lab": {"path": "lab"}},
        "DefaultRuntime": "lab",
        "SecurityOptions": ["name=seccomp,profile=builtin", "name=userns", "name=cgroupns"],
        "Warnings": _warnings(limits)
        + wayout.warnings(engine.way_out)
        + engine.host_network.warnings(),
    }


def _counts(engine: Engine) -> Json:
    statuses = [container.status for container in engine.containers.all()]
    running, paused = statuses.count(Status.RUNNING), statuses.count(Status.PAUSED)
    return {
        "Containers": len(statuses),
        "ContainersRunning": running,
        "ContainersPaused": paused,
        "ContainersStopped": len(statuses) - running - paused,
        "Images": len(engine.store.all()),
        "NFd": len(os.listdir("/proc/self/fd")),
        "SystemTime": now(),
    }


def _limits(limits: dict[str, bool]) -> Json:
    return {
        "MemoryLimit": limits["memory"],
        "SwapLimit": limits["memory"],
        "CpuCfsPeriod": limits["cpu"],
        "CpuCfsQuota": limits["cpu"],
        "CPUShares": limits["cpu"],
        "CPUSet": False,
        "PidsLimit": limits["pids"],
        "OomKillDisable": False,
    }


def _machine(host: Host) -> Json:
    return {
        "KernelVersion": host.kernel,
        "OperatingSystem": host.system,
        "OSVersion": "",
        "OSType": "linux",
        "Architecture": host.machine,
        "NCPU": host.cpus,
        "MemTotal": host.memory_bytes,
        "Name": host.name,
    }


_HOST_NETWORK = "lab.network.host=the sandbox's network, whose ports this machine's lead to"
"""What --network host means here."""

_ABSENT: Json = {
    "IPv4Forwarding": True,
    "BridgeNfIptables": False,
    "BridgeNfIp6tables": False,
    "Debug": False,
    "NGoroutines": 0,
    "NEventsListener": 0,
    "IndexServerAddress": "https://index.docker.io/v1/",
    "RegistryConfig": {
        "InsecureRegistryCIDRs": ["127.0.0.0/8"],
        "IndexConfigs": {
            "docker.io": {"Name": "docker.io", "Mirrors": [], "Secure": True, "Official": True}
        },
        "Mirrors": [],
    },
    "GenericResources": None,
    "HttpProxy": "",
    "HttpsProxy": "",
    "NoProxy": "",
    "ExperimentalBuild": False,
    "Swarm": {
        "NodeID": "",
        "NodeAddr": "",
        "LocalNodeState": "inactive",
        "ControlAvailable": False,
    },
    "LiveRestoreEnabled": False,
    "Isolation": "",
    "InitBinary": "",
    "ContainerdCommit": {"ID": "", "Expected": ""},
    "RuncCommit": {"ID": "", "Expected": ""},
    "InitCommit": {"ID": "", "Expected": ""},
}
"""Members that clients expect, of things that this engine is without."""


def version(engine: Engine, host: Host, api: str, minimum: str) -> Json:
    """Return Docker's Version.  Source: Docker Engine API, SystemVersion."""
    architecture = own_platform().architecture
    python = f"{sys.version_info.major}.{sys.version_info.minor}.{sys.version_info.micro}"
    details = {
        "ApiVersion": api,
        "Arch": architecture,
        "BuildTime": "",
        "Experimental": "false",
        "GitCommit": "",
        "GoVersion": f"none (Python {python})",
        "KernelVersion": host.kernel,
        "MinAPIVersion": minimum,
        "Os": "linux",
    }
    name = "Docker Learning Lab"
    return {
        "Platform": {"Name": f"{name} {__version__}"},
        "Components": [
            {"Name": "Engine", "Version": engine.version, "Details": details},
            {"Name": "lab", "Version": __version__, "Details": {"Sandbox": engine.config.sandbox}},
        ],
        "Version": engine.version,
        "ApiVersion": api,
        "MinAPIVersion": minimum,
        "GitCommit": "",
        "GoVersion": details["GoVersion"],
        "Os": "linux",
        "Arch": architecture,
        "KernelVersion": host.kernel,
        "BuildTime": "",
    }


def _warnings(limits: dict[str, bool]) -> list[str]:
    texts = {
        "memory": "No memory limit support",
        "cpu": "No cpu cfs quota support",
        "pids": "No pids limit support",
    }
    return [f"WARNING: {text}" for name, text in texts.items() if not limits[name]]


def _system_name(path: Path) -> str:
    if path.exists():
        for line in path.read_text().splitlines():
            if line.startswith("PRETTY_NAME="):
                return line.partition("=")[2].strip('"')
    return platform.system()
