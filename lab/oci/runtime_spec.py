"""How a container's process is to be run: the `config.json` of an OCI bundle.

Source: OCI runtime-spec 1.2, config.md and config-linux.md.  The records hold what this runtime
applies; members that it does not know are not kept.  Only the standard library is imported: the
sandbox's first process reads these records at every container start.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

VERSION = "1.2.0"


@dataclass(frozen=True, slots=True)
class Mount:
    """One mount: also what a snapshotter hands out (`source` and `type` as for mount(8)).

    `options` are mount(8) words (`ro`, `nosuid`, `rbind`, `idmap`) or file system data
    (`lowerdir=...`).  `destination` is absolute in the container, empty for a root file system.
    """

    destination: str
    type: str = ""
    source: str = ""
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rlimit:
    """A resource limit, `type` as `RLIMIT_NOFILE`."""

    type: str
    soft: int
    hard: int


@dataclass(frozen=True, slots=True)
class Process:
    """The program and its credentials.

    `user` is Docker's text (`nginx`, `101:101`, empty for root): the runtime looks it up in the
    container's own /etc/passwd and /etc/group.  `capabilities` are names such as `CAP_CHOWN`.
    `console_size` is (rows, columns), (0, 0) for the default.
    """

    args: tuple[str, ...]
    env: tuple[str, ...] = ()
    cwd: str = "/"
    user: str = ""
    additional_groups: tuple[str, ...] = ()
    terminal: bool = False
    console_size: tuple[int, int] = (0, 0)
    capabilities: tuple[str, ...] = ()
    no_new_privileges: bool = False
    rlimits: tuple[Rlimit, ...] = ()
    oom_score_adj: int = 0


@dataclass(frozen=True, slots=True)
class Linux:
    """Namespaces to make new (`pid`, `mount`, `network`, ...), and how files in /proc are veiled.

    `init` is the path, in the container, of a program that is to be its first process.
    """

    namespaces: tuple[str, ...] = ("user", "mount", "pid", "uts", "ipc", "network", "cgroup")
    masked_paths: tuple[str, ...] = ()
    readonly_paths: tuple[str, ...] = ()
    seccomp: str = ""
    init: str = ""
    sysctl: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Spec:
    """A whole bundle configuration.  `root_readonly` makes the container's root read-only."""

    process: Process
    hostname: str = ""
    domainname: str = ""
    root: str = "rootfs"
    root_readonly: bool = False
    mounts: tuple[Mount, ...] = ()
    linux: Linux = field(default_factory=Linux)
    annotations: dict[str, str] = field(default_factory=dict)

    def to_bytes(self) -> bytes:
        """The JSON text of `config.json`, with the specification's member names."""
        return json.dumps(_spec_json(self), indent=1).encode()

    @classmethod
    def from_bytes(cls, content: bytes) -> Spec:
        """Read what `to_bytes` wrote (this runtime reads only bundles of this engine)."""
        source = json.loads(content)
        root, linux = source["root"], source["linux"]
        return cls(
            process=process_from_json(source["process"]),
            hostname=source.get("hostname", ""),
            domainname=source.get("domainname", ""),
            root=root["path"],
            root_readonly=root.get("readonly", False),
            mounts=tuple(map(_mount, source.get("mounts", ()))),
            linux=Linux(
                namespaces=tuple(entry["type"] for entry in linux["namespaces"]),
                masked_paths=tuple(linux.get("maskedPaths", ())),
                readonly_paths=tuple(linux.get("readonlyPaths", ())),
                seccomp=source["annotations"].get(_SECCOMP, ""),
                init=source["annotations"].get(_INIT, ""),
                sysctl=linux.get("sysctl", {}),
            ),
            annotations=source["annotations"],
        )


_INIT = "lab.init.program"
_SECCOMP = "lab.seccomp.program"
"""Names the compiled filter; the rules themselves are not repeated in every bundle."""


def process_to_bytes(process: Process) -> bytes:
    """The JSON text of one process, as an exec uses it."""
    return json.dumps(_process_json(process)).encode()


def process_from_json(source: dict[str, Any]) -> Process:
    """Read the `process` member of a configuration."""
    size = source.get("consoleSize", {})
    user = source.get("user", {})
    return Process(
        args=tuple(source["args"]),
        env=tuple(source.get("env", ())),
        cwd=source.get("cwd", "/"),
        user=user.get("username", ""),
        additional_groups=tuple(user.get("additionalGroups", ())),
        terminal=source.get("terminal", False),
        console_size=(size.get("height", 0), size.get("width", 0)),
        capabilities=tuple(source.get("capabilities", {}).get("bounding", ())),
        no_new_privileges=source.get("noNewPrivileges", False),
        rlimits=tuple(Rlimit(**limit) for limit in source.get("rlimits", ())),
        oom_score_adj=source.get("oomScoreAdj", 0),
    )


def mount_to_json(mount: Mount) -> dict[str, Any]:
    """One mount with the specification's member names."""
    return asdict(mount)


def _mount(source: dict[str, Any]) -> Mount:
    return Mount(
        source["destination"],
        source.get("type", ""),
        source.get("source", ""),
        tuple(source.get("options", ())),
    )


def _process_json(process: Process) -> dict[str, Any]:
    capabilities = list(process.capabilities)
    rows, columns = process.console_size
    return {
        "terminal": process.terminal,
        "consoleSize": {"height": rows, "width": columns},
        "user": {
            "username": process.user,
            "additionalGroups": list(process.additional_groups),
        },
        "args": list(process.args),
        "env": list(process.env),
        "cwd": process.cwd,
        "capabilities": {name: capabilities for name in ("bounding", "effective", "permitted")},
        "noNewPrivileges": process.no_new_privileges,
        "rlimits": [asdict(limit) for limit in process.rlimits],
        "oomScoreAdj": process.oom_score_adj,
    }


def _spec_json(spec: Spec) -> dict[str, Any]:
    linux = spec.linux
    return {
        "ociVersion": VERSION,
        "process": _process_json(spec.process),
        "root": {"path": spec.root, "readonly": spec.root_readonly},
        "hostname": spec.hostname,
        "domainname": spec.domainname,
        "mounts": [mount_to_json(mount) for mount in spec.mounts],
        "annotations": {**spec.annotations, _SECCOMP: linux.seccomp, _INIT: linux.init},
        "linux": {
            "namespaces": [{"type": name} for name in linux.namespaces],
            "maskedPaths": list(linux.masked_paths),
            "readonlyPaths": list(linux.readonly_paths),
            "sysctl": linux.sysctl,
        },
    }
