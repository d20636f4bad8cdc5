"""The section about the machine itself: each thing that a sandbox or its containers could use."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lab.kernel import kvm
from lab.sandbox import probes_machine, probes_place
from lab.sandbox.doctor_report import Finding, Grade, Phrase, Section
from lab.sandbox.doctor_verdicts import no_ids, size
from lab.sandbox.probes import Step, Trial
from lab.sandbox.probes_cgroups import LIMITED, Controller

HUB = ("registry-1.docker.io", 443)
"""Where `docker pull` of what is not in the catalog goes."""

REACH_LIMIT = 3.0

_DISK, _LITTLE_DISK = 4 << 30, 500 << 20
_MEMORY, _LITTLE_MEMORY = 1500 << 20, 500 << 20
_WEB = 80


@dataclass(frozen=True, slots=True)
class Tried:
    """What was tried: each thing alone, a whole sandbox, limits, the way to the Hub."""

    place: Mapping[str, Step]
    trial: Trial
    controllers: Mapping[str, Controller]
    hub: Step
    seccomp: Step


def section(tried: Tried, root: Path, docker: str | None) -> Section:
    """Return the findings; `root` is where the engine keeps its state, `docker` the CLI."""
    findings = [_namespace(name, tried.place) for name in probes_place.NAMESPACES]
    findings.append(_ids(tried))
    findings += [limit(name, tried.controllers[name]) for name in LIMITED]
    findings += [_overlay(tried.place, root), _network(tried.place)]
    findings += [own_ports(), _internet(tried.hub), seccomp(tried.seccomp)]
    findings += [
        _binds(tried.place, root),
        _kvm(kvm.refusal()),
        disk(root),
        _memory(),
        _docker(docker),
    ]
    return Section("place", findings)


def limit(key: str, controller: Controller) -> Finding:
    """Return whether limits of a controller hold."""
    values = {"version": controller.version, "refusal": controller.limit.refusal}
    if controller.version == 0:
        return Finding(key, Grade.ABSENT, why=Phrase("why.no_controller"))
    seen = Phrase("seen.controller", values)
    if not controller.writable:
        why = Phrase("why.not_delegated")
        help = Phrase("help.root_only" if controller.version == 1 else "help.not_delegated")
        return Finding(key, Grade.LIMITED, seen, why, help)
    if controller.limit.refusal:
        return Finding(key, Grade.LIMITED, seen, Phrase("why.limit_fails", values))
    return Finding(key, Grade.REAL, Phrase("seen.limit", values))


def own_ports() -> Finding:
    """Return from which number on this process can listen at ports."""
    return ports(_lowest_port())


def ports(step: Step) -> Finding:
    """Return from which number on ports can be listened at: `seen` of the step."""
    if step.refusal:
        return Finding("ports", Grade.ABSENT, why=Phrase("why.refused", {"refusal": step.refusal}))
    values = {"port": step.seen}
    seen = Phrase("seen.ports", values)
    if step.seen <= _WEB:
        return Finding("ports", Grade.REAL, seen)
    return Finding("ports", Grade.LIMITED, seen, Phrase("why.ports", values), Phrase("help.ports"))


def seccomp(step: Step) -> Finding:
    """Return whether system calls can be filtered."""
    if not step.refusal:
        return Finding("seccomp", Grade.REAL, Phrase("seen.seccomp"))
    why = Phrase("why.no_seccomp", {"refusal": step.refusal})
    return Finding("seccomp", Grade.ABSENT, why=why, help=Phrase("help.no_seccomp"))


def binds(root: Path) -> Finding:
    """Return how bound folders show their owners."""
    if os.getuid() != 0:
        return Finding("binds", Grade.REAL, Phrase("seen.binds_user"))
    step = probes_place.try_idmapped(root)
    if not step.refusal:
        return Finding("binds", Grade.REAL, Phrase("seen.binds"))
    why = Phrase("why.binds", {"refusal": step.refusal})
    return Finding("binds", Grade.LIMITED, why=why, help=Phrase("help.binds"))


def _binds(place: Mapping[str, Step], root: Path) -> Finding:
    if place.get("user", Step()).refusal:
        return Finding("binds", Grade.ABSENT, why=Phrase("why.alone"))
    return binds(root)


def disk(root: Path) -> Finding:
    """Return how much can be written where the engine keeps its state."""
    free = probes_machine.free_disk(root)
    seen = Phrase("seen.disk", {"free": size(free), "path": root})
    if free >= _DISK:
        return Finding("disk", Grade.REAL, seen)
    grade = Grade.LIMITED if free >= _LITTLE_DISK else Grade.ABSENT
    why = Phrase("why.disk", {"need": size(_DISK)})
    return Finding("disk", grade, seen, why, Phrase("help.disk"))


def _namespace(name: str, place: Mapping[str, Step]) -> Finding:
    step = place.get(name, Step("not reached"))
    if name == "user" and step.refusal:
        why = Phrase("why.no_users", {"refusal": step.refusal})
        return Finding(name, Grade.ABSENT, why=why, help=Phrase("help.no_users"))
    if step.refusal:
        return Finding(name, Grade.ABSENT, why=_refused(step, place))
    if name == "pid":
        proc = place.get("proc", Step("not reached"))
        if proc.refusal:
            why = Phrase("why.proc", {"refusal": proc.refusal})
            return Finding(name, Grade.LIMITED, Phrase("seen.made"), why, Phrase("help.proc"))
        return Finding(name, Grade.REAL, Phrase("seen.pid"))
    return Finding(name, Grade.REAL, Phrase("seen.made"))


def _refused(step: Step, place: Mapping[str, Step]) -> Phrase:
    if place.get("user", Step()).refusal:
        return Phrase("why.alone")
    return Phrase("why.refused", {"refusal": step.refusal})


def _ids(tried: Tried) -> Finding:
    if tried.place.get("user", Step()).refusal:
        return Finding("ids", Grade.ABSENT, why=Phrase("why.alone"))
    for name in ("ids", "switch"):
        refusal = tried.trial.steps.get(name, Step()).refusal
        if refusal:
            return Finding("ids", Grade.LIMITED, Phrase("seen.one_id"), *no_ids(refusal))
    if "switch" not in tried.trial.steps:
        return Finding("ids", Grade.LIMITED, why=Phrase("why.not_reached"))
    return Finding("ids", Grade.REAL, Phrase("seen.ids"))


def _overlay(place: Mapping[str, Step], root: Path) -> Finding:
    step = place.get("overlay", Step("not reached"))
    if not step.refusal:
        return Finding(
            "overlay", Grade.REAL, Phrase("seen.overlay", {"options": "userxattr, volatile"})
        )
    if place.get("user", Step()).refusal:
        return Finding("overlay", Grade.ABSENT, why=Phrase("why.alone"))
    why = Phrase("why.overlay", {"path": root, "refusal": step.refusal})
    return Finding("overlay", Grade.ABSENT, why=why, help=Phrase("help.overlay"))


def _network(place: Mapping[str, Step]) -> Finding:
    broken = [name for name in ("bridge", "veth") if place.get(name, Step("not reached")).refusal]
    if not broken:
        return Finding("network", Grade.REAL, Phrase("seen.network"))
    if place.get("user", Step()).refusal or place.get("net", Step("none")).refusal:
        return Finding("network", Grade.ABSENT, why=Phrase("why.alone"))
    refusal = place.get(broken[0], Step("not reached")).refusal
    why = Phrase("why.network", {"what": ", ".join(broken), "refusal": refusal})
    grade = Grade.LIMITED if len(broken) == 1 else Grade.ABSENT
    return Finding("network", grade, why=why, help=Phrase("help.network"))


def _lowest_port() -> Step:
    try:
        return Step(seen=probes_place.lowest_port())
    except OSError as error:
        return Step(error.strerror or str(error))


def _internet(hub: Step) -> Finding:
    host = HUB[0]
    if not hub.refusal:
        seen = Phrase("seen.reached", {"host": host, "address": hub.seen})
        return Finding("internet", Grade.REAL, seen)
    why = Phrase("why.unreachable", {"host": host, "refusal": hub.refusal})
    return Finding("internet", Grade.ABSENT, why=why, help=Phrase("help.unreachable"))


def _kvm(refusal: str) -> Finding:
    if not refusal:
        return Finding("kvm", Grade.REAL, Phrase("seen.kvm"))
    there = os.path.exists(kvm.DEVICE)
    why = Phrase("why.kvm", {"refusal": refusal}) if there else Phrase("why.no_kvm")
    return Finding("kvm", Grade.ABSENT, why=why, help=Phrase("help.kvm"))


def _memory() -> Finding:
    found = probes_machine.memory()
    seen = Phrase("seen.ram", {"free": size(found.free), "total": size(found.total)})
    if found.free >= _MEMORY:
        return Finding("ram", Grade.REAL, seen)
    grade = Grade.LIMITED if found.free >= _LITTLE_MEMORY else Grade.ABSENT
    why = Phrase("why.ram", {"need": size(_MEMORY)})
    return Finding("ram", grade, seen, why, Phrase("help.ram"))


def _docker(path: str | None) -> Finding:
    step = probes_machine.first_line([path, "--version"]) if path else Step("none")
    if path and not step.refusal:
        version = str(step.seen).removeprefix("Docker version ").partition(",")[0]
        seen = Phrase("seen.docker", {"version": version, "path": path})
        return Finding("docker", Grade.REAL, seen)
    return Finding(
        "docker", Grade.ABSENT, why=Phrase("why.no_docker"), help=Phrase("help.no_docker")
    )
