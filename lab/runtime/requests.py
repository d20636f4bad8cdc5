"""What the spawner is asked to start: plain records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.oci.runtime_spec import Mount

if TYPE_CHECKING:
    from lab.runtime.task import Task


@dataclass(frozen=True, slots=True)
class TaskRequest:
    """What a new task needs: a bundle, where its layers are mounted from, its network and limits.

    `base` is the folder that paths in the options of `rootfs` are relative to; `endpoints` are
    JSON forms of lab.network.endpoint.Endpoint; `names` is a channel that the sockets of its
    embedded DNS are sent to, None if it has none; `cgroups` are files to write 0 to; `seccomp` is
    the key of a filter, or empty.
    """

    id: str
    bundle: Path
    base: Path
    rootfs: Sequence[Mount]
    endpoints: Sequence[dict[str, Any]] = ()
    names: int | None = None
    cgroups: Sequence[str] = ()
    seccomp: str = ""
    donors: Sequence[tuple[Task, Sequence[str]]] = ()
    """Tasks, each with those of its namespaces that it is to have; `user` is of the first one."""
    host_ipc: bool = False
    """Whether it has the sandbox's shared memory."""


@dataclass(frozen=True, slots=True)
class ExecRequest:
    """What an exec needs: the task to join, and the file that describes the process."""

    id: str
    process: Path
    cgroups: Sequence[str] = ()
    seccomp: str = ""
