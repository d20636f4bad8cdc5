"""Whether each kind of sandbox works here, and in which words that is told."""

from __future__ import annotations

import os
import platform
import pwd
import shutil
from pathlib import Path

from lab.errors import Unavailable
from lab.kernel.idmap import CONTAINER_IDS
from lab.sandbox import probes_machine
from lab.sandbox.doctor_report import Phrase, Verdict, quote
from lab.sandbox.ids import parse_ranges
from lab.sandbox.probes import Trial
from lab.sandbox.vm.parts import Parts, emulator_name

VM_MEMORY, VM_LEAST = 500 << 20, 300 << 20
"""Bytes that a virtual machine needs through a lesson, and to start at all."""

QEMU_PACKAGES = {"x86_64": "qemu-system-x86", "aarch64": "qemu-system-arm"}

_Reason = tuple[Phrase, Phrase | None]


def judge_namespaces(trial: Trial, root: Path) -> Verdict:
    """Return what a trial means; `root` is where it was made."""
    failed = trial.failed
    if not failed:
        return Verdict("namespaces")
    return Verdict("namespaces", *_namespaces_reason(failed, trial.refusal(failed), root))


def judge_vm(parts: Parts, search_path: str) -> Verdict:
    """Say whether everything for a virtual machine is at hand; only starting it proves more."""
    machine = platform.machine()
    if machine not in QEMU_PACKAGES:
        return Verdict("vm", Phrase("why.no_vm_machine", {"machine": machine}))
    if not parts.read_stamp().made_of:
        return Verdict("vm", Phrase("why.no_parts"), Phrase("help.setup"))
    if wrong := parts.whats_wrong():
        return Verdict("vm", quote(wrong), Phrase("help.setup"))
    try:
        parts.emulator(search_path)
    except (Unavailable, OSError):
        return Verdict("vm", *no_qemu())
    free = probes_machine.memory().free
    if free < VM_LEAST:
        values = {"need": size(VM_LEAST), "free": size(free)}
        return Verdict("vm", Phrase("why.ram_vm", values), Phrase("help.ram"))
    return Verdict("vm")


def no_qemu() -> _Reason:
    """Return that there is no QEMU, and how to get one."""
    machine = platform.machine()
    package = QEMU_PACKAGES.get(machine, emulator_name())
    return (
        Phrase("why.no_qemu", {"machine": machine}),
        Phrase("help.setup_qemu", {"package": package}),
    )


def no_ids(refusal: str) -> _Reason:
    """Return why this user's ids do not suffice, and what would help."""
    uid = os.getuid()
    if uid != 0:
        if not all(shutil.which(name) for name in ("newuidmap", "newgidmap")):
            return Phrase("why.no_helper"), Phrase("help.no_helper")
        user = _user_name(uid)
        for path in (Path("/etc/subuid"), Path("/etc/subgid")):
            text = path.read_text() if path.exists() else ""
            have = max((each.count for each in parse_ranges(text, (user, str(uid)))), default=0)
            if have < CONTAINER_IDS:
                values = {"user": user, "have": have, "path": path, "need": CONTAINER_IDS}
                return Phrase("why.few_ids", values), Phrase("help.few_ids", values)
    return Phrase("why.ids", {"refusal": refusal}), Phrase("help.ids")


def size(count: int) -> str:
    """Return a number of bytes for people: 640 MB, 2.1 GB."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count // 1_000_000} MB"


def _namespaces_reason(failed: str, refusal: str, root: Path) -> _Reason:
    values = {"refusal": refusal, "path": root, "step": failed}
    if failed == "user":
        return Phrase("why.no_users", values), Phrase("help.no_users")
    if failed == "ids":
        return no_ids(refusal)
    if failed in ("proc", "mounts"):
        return Phrase("why.proc", values), Phrase("help.proc")
    if failed == "overlay":
        return Phrase("why.overlay", values), Phrase("help.overlay")
    if failed in ("network", "veth"):
        what = "bridge" if failed == "network" else "veth"
        return Phrase("why.network", {"what": what, **values}), Phrase("help.network")
    return Phrase("why.step", values), None


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
