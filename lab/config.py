"""Where the lab keeps things, and what it was told: the only reader of the environment.

home/                    $LAB_HOME, else $XDG_DATA_HOME/docker-learning-lab
  engine/                the engine's state (images, containers, Hub); `lab reset` empties it
  catalog/               official images, made by `lab setup`: an OCI image layout
  cache/                 downloaded packages, so that a second set-up needs no network
  tools/bin/docker       the docker CLI, where the machine has none
  docker/                the lab's own DOCKER_CONFIG
  vm/                    what the microVM consists of, made by `lab setup`
  releases/              exercises as learners get them, made by `lab setup`
  state/                 the learner's progress

What `lab setup` makes may be elsewhere, made beforehand for everyone ($LAB_PREPARED, such as in a
container image): what `home` lacks of it is taken from there.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from lab.errors import InvalidParameter

SOCKET_PATH_LIMIT = 107
"""Bytes that a unix socket's path may have.  Source: unix(7)."""

_CHILD_KEYS = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TERM", "XDG_RUNTIME_DIR")


@dataclass(frozen=True, slots=True)
class Config:
    """The lab's folders for one user, and what it was told.

    `socket` is where its engine listens; `sandbox` the kind that it is to live in ($LAB_SANDBOX).
    `docker_host` is the address of a Docker Engine to be used in place of the lab's
    ($LAB_DOCKER_HOST), empty for the lab's.  `prepared` is the home of a set-up that was made for
    everyone, None if there is none.
    """

    home: Path
    socket: Path
    search_path: str = ""
    user: str = ""
    sandbox: str = "auto"
    docker_host: str = ""
    prepared: Path | None = None

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] | None = None) -> Config:
        """Read the environment (`os.environ` by default)."""
        source = os.environ if environ is None else environ
        data_home = source.get("XDG_DATA_HOME") or f"{source.get('HOME', '/root')}/.local/share"
        home = Path(source.get("LAB_HOME") or f"{data_home}/docker-learning-lab")
        return cls(
            home=home,
            socket=home / "engine" / "docker.sock",
            search_path=source.get("PATH", os.defpath),
            user=source.get("USER", ""),
            sandbox=source.get("LAB_SANDBOX") or "auto",
            docker_host=source.get("LAB_DOCKER_HOST", ""),
            prepared=Path(source["LAB_PREPARED"]) if source.get("LAB_PREPARED") else None,
        )

    @property
    def engine_root(self) -> Path:
        return self.home / "engine"

    @property
    def catalog(self) -> Path:
        return self._made("catalog")

    @property
    def cache(self) -> Path:
        return self.home / "cache"

    @property
    def tools(self) -> Path:
        return self._made("tools") / "bin"

    @property
    def docker_config(self) -> Path:
        return self.home / "docker"

    @property
    def vm(self) -> Path:
        return self._made("vm")

    @property
    def releases(self) -> Path:
        return self._made("releases")

    @property
    def guest(self) -> Path:
        """Return the folder of what one user needs of the microVM, where `vm` is everyone's."""
        return self.home / "guest"

    @property
    def state(self) -> Path:
        return self.home / "state"

    @property
    def engine_host(self) -> str:
        """Where the engine that is used listens, as DOCKER_HOST names it."""
        return self.docker_host or f"unix://{self.socket}"

    def _made(self, name: str) -> Path:
        """Return the folder of what set-up makes: the user's own, unless only the prepared one is."""
        own = self.home / name
        if self.prepared is None or own.exists() or not (self.prepared / name).exists():
            return own
        return self.prepared / name

    def find_docker(self) -> str | None:
        """Return the docker CLI that the lab uses: the machine's, else the one in `tools`."""
        return shutil.which("docker", path=f"{self.search_path}:{self.tools}")

    def terminal_environ(self) -> dict[str, str]:
        """Return what a terminal or notebook of the lab has set, so that `docker` finds the engine."""
        return {
            "DOCKER_HOST": self.engine_host,
            "DOCKER_CONFIG": str(self.docker_config),
            "DOCKER_CLI_DISABLE_OAUTH_LOGIN": "1",
            "DOCKER_BUILDKIT": "0",
            "PATH": f"{self.search_path}:{self.tools}",
        }


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """What the launcher tells the engine's daemon; handed over as JSON.

    `id_base` is the sandbox id of a container's id 0; `idmapped` says whether the launcher can
    show bound folders with the container's ids; `cgroups` maps controllers to the sandbox's
    folders (see lab.runtime.cgroups.manager); `sandbox` names the kind; the two `_fd` members
    are descriptors that the daemon inherits.

    The five members from `waits` on are for an engine in a virtual machine.  `waits`: import
    everything, say `warm`, and build the engine when told to `go`.  `bind_root`: where the host's
    `/` lies here, so that its folder P is `bind_root` + P.  `layers`: a folder of catalog layers
    that are unpacked already, with its `index.json`.  `forwards`: a port that is bound here
    reaches the host only if the launcher publishes it too.  `outer_root`: the folder that the
    host keeps for the engine, by the host's name.

    `namespaces` are the inode numbers of the launcher's own, by their names in /proc/PID/ns.
    """

    root: Path
    catalog: Path | None
    sandbox: str
    id_base: int
    idmapped: bool
    listen_fd: int
    launcher_fd: int
    cgroups: Mapping[str, str] = field(default_factory=dict)
    waits: bool = False
    bind_root: str = ""
    layers: str = ""
    forwards: bool = False
    outer_root: str = ""
    namespaces: Mapping[str, int] = field(default_factory=dict)

    def to_json(self) -> str:
        members = asdict(self)
        members["root"] = str(self.root)
        members["catalog"] = str(self.catalog) if self.catalog else None
        return json.dumps(members)

    @classmethod
    def from_json(cls, text: str) -> EngineConfig:
        members: dict[str, Any] = json.loads(text)
        members["root"] = Path(members["root"])
        members["catalog"] = Path(members["catalog"]) if members["catalog"] else None
        return cls(**members)


def child_environ(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of the engine's own processes: the few members that they use."""
    source = os.environ if environ is None else environ
    return {key: source[key] for key in _CHILD_KEYS if key in source}


def check_socket_path(path: Path) -> Path:
    """Return `path` made absolute; InvalidParameter if it is too long for a unix socket."""
    absolute = path.absolute()
    if len(os.fsencode(absolute)) > SOCKET_PATH_LIMIT:
        raise InvalidParameter(
            f"socket path is longer than {SOCKET_PATH_LIMIT} bytes: {absolute}",
            hint="choose a shorter one with --socket, or a shorter LAB_HOME",
        )
    return absolute
