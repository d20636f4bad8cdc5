"""The sections about each kind of sandbox: what a container in it gets."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lab.errors import Unavailable
from lab.kernel import kvm
from lab.sandbox import doctor_place, probes_machine
from lab.sandbox.doctor_place import Tried
from lab.sandbox.doctor_report import Finding, Grade, Phrase, Section, Verdict
from lab.sandbox.doctor_verdicts import VM_LEAST, VM_MEMORY, no_qemu, size
from lab.sandbox.probes import Step
from lab.sandbox.probes_cgroups import LIMITED, Controller
from lab.sandbox.probes_place import NAMESPACES
from lab.sandbox.vm.parts import Emulator, Parts
from lab.sandbox.vm.qemu import ARCHITECTURES, KVM, TCG


def namespaces(tried: Tried, verdict: Verdict, root: Path) -> Section:
    """Return what containers in a sandbox of namespaces get; nothing where there is none."""
    if not verdict.works:
        return Section("namespaces", [])
    steps = tried.trial.steps
    own = steps.get("own", Step(seen=[])).seen or []
    findings = [_own(name, name in own) for name in NAMESPACES]
    findings.append(Finding("ids", Grade.REAL, Phrase("seen.ids")))
    findings += [_limit(name, tried.controllers[name]) for name in LIMITED]
    overlay = Phrase("seen.overlay", {"options": "userxattr, volatile"})
    findings.append(Finding("overlay", Grade.REAL, overlay))
    findings.append(_talk(steps.get("talk", Step("not reached"))))
    # what the engine may not bind, the launcher binds for it
    findings.append(doctor_place.own_ports())
    findings.append(_way_out(steps.get("out", Step("not reached")), tried.hub))
    findings.append(doctor_place.seccomp(steps.get("filter", Step("not reached"))))
    findings += [doctor_place.binds(root), _shared_kernel()]
    return Section("namespaces", findings)


def vm(parts: Parts, search_path: str) -> Section:
    """Return what a virtual machine has here, as far as can be told without starting one."""
    emulator = _emulator(parts, search_path)
    findings = [_qemu(emulator), _parts(parts), _speed(emulator), _room()]
    release = Phrase("seen.kernel_vm", {"release": platform.release()})
    findings.append(Finding("kernel", Grade.REAL, release))
    findings.append(Finding("guest", Grade.REAL, Phrase("seen.guest")))
    # what is missing makes the rest impossible, not limited
    if any(each.grade is Grade.ABSENT for each in findings):
        findings = [each for each in findings if each.key not in ("kernel", "guest")]
    return Section("vm", findings)


def running(info: Mapping[str, Any], outside: str) -> Section:
    """Return what a running engine says of itself; `info` as lab.sandbox.doctor_engine has it."""
    seen = Phrase("seen.kind", {"kind": info["kind"], "api": info["api"]})
    findings = [Finding("kind", Grade.REAL, seen)]
    release = info["kernel"]
    if release == outside:
        findings.append(_shared_kernel())
    else:
        values = {"release": release, "outside": outside}
        findings.append(Finding("kernel", Grade.REAL, Phrase("seen.kernel_own", values)))
    for name in LIMITED:
        if info["limits"][name]:
            values = {"version": info["cgroup"]}
            findings.append(Finding(name, Grade.REAL, Phrase("seen.engine_limit", values)))
        else:
            findings.append(Finding(name, Grade.ABSENT, why=Phrase("why.engine_limit")))
    return Section("running", findings)


def _own(name: str, own: bool) -> Finding:
    if own:
        return Finding(name, Grade.REAL, Phrase("seen.own"))
    if name == "time":
        return Finding(name, Grade.ABSENT, why=Phrase("why.time"))
    return Finding(name, Grade.ABSENT, why=Phrase("why.not_reached"))


def _limit(key: str, controller: Controller) -> Finding:
    found = doctor_place.limit(key, controller)
    if found.grade is Grade.LIMITED and not controller.writable:
        return Finding(key, Grade.ABSENT, why=found.why, help=found.help)
    return found


def _talk(step: Step) -> Finding:
    if not step.refusal:
        return Finding("network", Grade.REAL, Phrase("seen.talked"))
    return Finding(
        "network",
        Grade.LIMITED,
        Phrase("seen.network"),
        Phrase("why.talk", {"refusal": step.refusal}),
    )


def _way_out(step: Step, hub: Step) -> Finding:
    host = doctor_place.HUB[0]
    engine = None if hub.refusal else Phrase("seen.engine_reached", {"host": host})
    if step.refusal:
        grade = Grade.LIMITED if engine else Grade.ABSENT
        why = Phrase("why.no_way_out", {"refusal": step.refusal})
        help = Phrase("help.no_way_out")
        return Finding("internet", grade, engine, why, help)
    if hub.refusal:
        why = Phrase("why.unreachable", {"host": host, "refusal": hub.refusal})
        return Finding("internet", Grade.ABSENT, why=why, help=Phrase("help.unreachable"))
    return Finding("internet", Grade.REAL, engine)


def _shared_kernel() -> Finding:
    release = Phrase("seen.kernel_shared", {"release": platform.release()})
    why, help = Phrase("why.shared_kernel"), Phrase("help.shared_kernel")
    return Finding("kernel", Grade.LIMITED, release, why, help)


def _qemu(emulator: Emulator | None) -> Finding:
    if emulator is None:
        return Finding("qemu", Grade.ABSENT, None, *no_qemu())
    version = probes_machine.first_line(
        [emulator.program, *emulator.arguments, "--version"], emulator.environ
    )
    if refusal := version.refusal or probes_machine.try_qemu(emulator, TCG).refusal:
        why = Phrase("why.bad_qemu", {"refusal": refusal})
        return Finding("qemu", Grade.ABSENT, None, why, no_qemu()[1])
    number = str(version.seen).partition("version ")[2].partition(" ")[0]
    values = {"version": number or version.seen, "path": emulator.program}
    return Finding("qemu", Grade.REAL, Phrase("seen.qemu", values))


def _emulator(parts: Parts, search_path: str) -> Emulator | None:
    try:
        return parts.emulator(search_path) if platform.machine() in ARCHITECTURES else None
    except (Unavailable, OSError):
        return None


def _parts(parts: Parts) -> Finding:
    if wrong := parts.whats_wrong():
        made = parts.read_stamp().made_of
        why = Phrase("quote", {"text": wrong}) if made else Phrase("why.no_parts")
        return Finding("parts", Grade.ABSENT, None, why, Phrase("help.setup"))
    release = Phrase("seen.parts", {"release": parts.read_stamp().kernel})
    return Finding("parts", Grade.REAL, release)


def _speed(emulator: Emulator | None) -> Finding:
    refusal = kvm.refusal()
    why = Phrase("why.tcg", {"refusal": refusal})
    if not refusal and emulator is not None:
        refusal = probes_machine.try_qemu(emulator, KVM).refusal
        why = Phrase("why.kvm_qemu", {"refusal": refusal})
    if not refusal:
        return Finding("speed", Grade.REAL, Phrase("seen.kvm_speed"))
    return Finding("speed", Grade.LIMITED, Phrase("seen.tcg"), why, Phrase("help.kvm"))


def _room() -> Finding:
    found = probes_machine.memory()
    seen = Phrase("seen.ram", {"free": size(found.free), "total": size(found.total)})
    if found.free >= VM_MEMORY:
        return Finding("ram", Grade.REAL, seen)
    why = Phrase("why.ram_vm", {"need": size(VM_MEMORY), "free": size(found.free)})
    grade = Grade.LIMITED if found.free >= VM_LEAST else Grade.ABSENT
    return Finding("ram", grade, seen, why, Phrase("help.ram"))
