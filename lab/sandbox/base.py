"""The kinds of sandbox, and which one this place allows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lab.errors import InvalidParameter

KINDS = ("auto", "namespaces", "vm")


@dataclass(frozen=True, slots=True)
class Launch:
    """What to start: the engine's folder, the sockets' paths, and what it finds at hand.

    `until` is a descriptor whose end of file ends the sandbox (the starter's pipe), or None.
    """

    root: Path
    socket: Path
    catalog: Path | None
    until: int | None = None


def run(kind: str, launch: Launch, say: Callable[[str], None]) -> int:
    """Run the engine in a sandbox of `kind`, in the foreground; return its exit code.

    `say` gets one line for each thing that a person should know, `ready` among them.  Raises
    SandboxUnavailable, with what would help, if this place allows no such sandbox.
    """
    if kind not in KINDS:
        raise InvalidParameter(f"unknown sandbox {kind!r}: choose one of {', '.join(KINDS)}")
    if kind == "auto":
        from lab.config import Config
        from lab.sandbox import choose

        return choose.run_first(
            launch.root,
            Config.from_environ(),
            say,
            lambda each, note: run(each, launch, note),
        )
    if kind == "vm":
        from lab.sandbox.vm.launcher import VmLauncher

        return VmLauncher(launch, say).run()
    from lab.sandbox.launcher import Launcher

    return Launcher(launch, say).run()
