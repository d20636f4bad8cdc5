"""A saved guest: started once, at set-up, and resumed at each start of the lab in a tenth of a second.

state        devices and processor
failed       one byte for each time that it did not resume
memory       the guest's memory; mapped privately by each machine that is resumed, never written
stamp.json   of what the guest was made; one of anything else would not resume, or be outdated
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import shlex
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

from lab.errors import Unavailable
from lab.sandbox.vm import disk
from lab.sandbox.vm.live import Live
from lab.sandbox.vm.loop import Loop
from lab.sandbox.vm.mux import Message
from lab.sandbox.vm.parts import Parts, image_id
from lab.sandbox.vm.qemu import KVM, TCG, Disk, Machine, Saved

LEFT_OVER = ".snapshot-"
"""How names of folders begin that only a making that was killed leaves behind."""

FORMAT = 2
"""Raised whenever the devices or the kernel's options change."""

RESUME_LIMIT = 5.0
_FAILURES = 3
"""So often a saved guest may not resume, on a busy machine, before it is taken for damaged."""

_FAILED = "failed"
_BOOT_LIMITS = {TCG: 120.0, KVM: 15.0}
_SAVE_LIMIT = 60.0
_DOWNTIME_MS = 60_000
_SHARED = [{"capability": "x-ignore-shared", "state": True}]

Stamp = dict[str, str]


def stamp_of(machine: Machine) -> Stamp:
    """Return of what a guest on this machine is made, each under the name that people know it by."""
    parts = machine.parts
    made = parts.read_stamp()
    with open(machine.emulator.program, "rb") as file:
        emulator = hashlib.file_digest(file, "sha256").hexdigest()
    return {
        "format": str(FORMAT),
        "kernel": f"{made.kernel} {parts.kernel.stat().st_size}",
        "initramfs": str(parts.initramfs.stat().st_size),
        "system": image_id(parts.system).hex(),
        "program": image_id(parts.program).hex(),
        "disks": ",".join(each.serial for each in machine.disks),
        "images": image_id(parts.catalog).hex() if parts.has_catalog() else "",
        "QEMU": emulator,
        "accelerator": machine.accelerator,
        "processor": _processor(machine.accelerator),
        "memory": str(machine.memory),
        "user": f"{os.getuid()}:{os.getgid()}",
    }


def saved_in(folder: Path) -> Saved:
    """Return where the parts of the saved guest in `folder` are."""
    return Saved(folder / "state", folder / "memory")


def why_not(folder: Path, machine: Machine) -> str:
    """Return why the guest that is saved in `folder` cannot be used here, else nothing."""
    known = _read_stamp(folder)
    try:
        size = (folder / "memory").stat().st_size
    except OSError:
        size = -1
    if not known or size < 0:
        return "there is no saved guest"
    if size != machine.memory << 20 or _failures(folder) >= _FAILURES:
        return "the saved guest is damaged"
    for name, value in stamp_of(machine).items():
        if known.get(name) != value:
            return f"the saved guest is of another {name}"
    return ""


def note_failure(saved: Saved) -> None:
    """Remember that a saved guest did not resume; after some times it is not tried any more."""
    with contextlib.suppress(OSError), (saved.state.parent / _FAILED).open("ab") as file:
        file.write(b".")


def _failures(folder: Path) -> int:
    try:
        return (folder / _FAILED).stat().st_size
    except OSError:
        return 0


def accelerator_of(folder: Path) -> str:
    """Return what the guest that is saved in `folder` was run with; nothing if there is none."""
    return _read_stamp(folder).get("accelerator", "")


def boot_limit(machine: Machine) -> float:
    """Return how many seconds the guest has to start from the beginning."""
    return _BOOT_LIMITS[machine.accelerator]


def resume(live: Live, saved: Saved) -> None:
    """Load what was saved into a machine that was started for it, and wait until it runs.

    Raises Unavailable if that fails, or takes too long.
    """
    qmp = live.running.qmp
    qmp.execute("migrate-set-capabilities", capabilities=_SHARED)
    live.go_on()
    qmp.execute("migrate-incoming", uri=f"exec:cat < {_shell_word(saved.state)}")
    qmp.wait_running(RESUME_LIMIT)


def make(parts: Parts, machine: Machine) -> None:
    """Start the guest, save it as this user's, and end it; an older one is replaced.

    Machines that run from the older one go on.  Raises LabError if it cannot be made; then
    nothing has changed.
    """
    # beside its place, so that moving it there is one step
    parts.own.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=parts.own, prefix=LEFT_OVER) as name:
        work = Path(name)
        saved = saved_in(work)
        blank = work / "blank"
        disk.make_blank(blank)
        disks = tuple(
            Disk(each.serial, blank, True) if each.writable else each for each in machine.disks
        )
        machine = replace(machine, disks=disks, saving=saved, console=work / "console")
        _boot_and_save(machine, saved)
        (work / "stamp.json").write_text(json.dumps(stamp_of(machine), indent=1))
        blank.unlink()
        machine.console.unlink(missing_ok=True)
        _replace(work, parts.own_snapshot)
        parts.snapshot = parts.own_snapshot


def _read_stamp(folder: Path) -> Stamp:
    try:
        known = json.loads((folder / "stamp.json").read_bytes())
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _boot_and_save(machine: Machine, saved: Saved) -> None:
    said: list[str] = []
    loop = Loop()
    live = Live(loop, machine, lambda message: said.append(_text(message)))
    try:
        live.go_on()
        live.wait_for("warm", boot_limit(machine))
        qmp = live.running.qmp
        qmp.execute("migrate-set-capabilities", capabilities=_SHARED)
        qmp.execute(
            "migrate-set-parameters",
            **{"max-bandwidth": 1 << 40, "downtime-limit": _DOWNTIME_MS},
        )
        qmp.execute("migrate", uri=f"exec:cat > {_shell_word(saved.state)}")
        qmp.wait_migrated(_SAVE_LIMIT)
    except Unavailable as error:
        raise Unavailable("\n".join([live.explained(error).message, *said])) from None
    finally:
        live.close()
        loop.close()


def _text(message: Message) -> str:
    return str(message.get("text", message.get("op", "")))


def _replace(work: Path, target: Path) -> None:
    """Move a finished folder's content into the place of another's."""
    new = Path(tempfile.mkdtemp(dir=target.parent, prefix=LEFT_OVER))
    for path in work.iterdir():
        os.rename(path, new / path.name)
    old = None
    if target.exists():
        old = new.with_name(f"{new.name}-old")
        os.rename(target, old)
    os.rename(new, target)
    if old is not None:
        shutil.rmtree(old, ignore_errors=True)


def _processor(accelerator: str) -> str:
    """Return what the guest sees of the processor: an emulated one is the same everywhere."""
    if accelerator != KVM:
        return f"emulated {platform.machine()}"
    with open("/proc/cpuinfo") as file:
        told = [line for line in file if line.startswith(("model name", "flags", "Features"))]
    return hashlib.sha256("".join(told[:2]).encode()).hexdigest()


def _shell_word(path: Path) -> str:
    """QEMU hands an `exec:` to the shell."""
    return shlex.quote(str(path))
