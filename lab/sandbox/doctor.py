"""`lab doctor`, the isolation meter: what this place allows, and what containers get here.

Everything is found out by trying it, in child processes with time limits; nothing stays behind.
Only single-threaded processes may call this.
"""

from __future__ import annotations

import platform
from pathlib import Path

from lab.config import Config
from lab.sandbox import doctor_engine, doctor_place, doctor_sandboxes, probes_place
from lab.sandbox.doctor_report import Report
from lab.sandbox.doctor_verdicts import judge_namespaces, judge_vm
from lab.sandbox.probes_cgroups import try_cgroups
from lab.sandbox.probes_container import try_thoroughly
from lab.sandbox.vm.parts import Parts


def examine(config: Config, version: str, root: Path | None = None) -> Report:
    """Try everything, and return what was found; takes a second or a few.

    `version` is the lab's; `root` is the engine's folder, by default the configured one.
    """
    root = root or config.engine_root
    parts = Parts.of(config)
    tried = doctor_place.Tried(
        place=probes_place.try_place(root),
        trial=try_thoroughly(root),
        controllers=try_cgroups(),
        hub=probes_place.reach(*doctor_place.HUB, doctor_place.REACH_LIMIT),
        seccomp=probes_place.try_seccomp(),
    )
    verdicts = [
        judge_namespaces(tried.trial, root),
        judge_vm(parts, config.search_path),
    ]
    sections = [
        doctor_place.section(tried, root, config.find_docker()),
        doctor_sandboxes.namespaces(tried, verdicts[0], root),
        doctor_sandboxes.vm(parts, config.search_path),
    ]
    info = doctor_engine.ask(_socket(config, root))
    if info is not None:
        sections.insert(1, doctor_sandboxes.running(info, platform.release()))
    return Report(version, config.sandbox, verdicts, sections, info)


def _socket(config: Config, root: Path) -> Path:
    """Return where the engine that people use listens: the lab's, or a Docker Engine of their own."""
    own = config.docker_host.removeprefix("unix://")
    if root != config.engine_root:
        return root / "docker.sock"
    return Path(own) if own.startswith("/") else config.socket
