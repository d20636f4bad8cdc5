"""A throw-away sandbox with a throw-away container in it: what of both this place allows.

It is made as the launcher, the spawner and its children make the real ones, in the same order, and
each step says for itself whether it worked.  Only single-threaded processes may call this; nothing
stays behind.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.errors import LabError
from lab.kernel import probe, procfs, rtnetlink, syscalls, veth
from lab.kernel.flags import CLONE, MS, PR
from lab.kernel.idmap import CONTAINER_IDS
from lab.kernel.netlink import Netlink
from lab.sandbox.ids import IdPlan, plan_ids

LIMIT = 10.0
"""Seconds after which a trial is given up."""

REQUIRED = ("user", "ids", "proc", "overlay", "network", "container", "veth", "mounts", "switch")
"""The steps without which there can be no sandbox of kind `namespaces`, in their order."""

_SANDBOX = CLONE.NEWUSER | CLONE.NEWNS | CLONE.NEWPID | CLONE.NEWIPC | CLONE.NEWUTS
CONTAINER = _SANDBOX | CLONE.NEWNET | CLONE.NEWCGROUP
_NAME = re.compile(r"\.trial-(\d+)-(\d+)-.*")
_BRIDGE, BRIDGE_ADDRESS, _INSIDE = "trial0", "172.31.255.1", "172.31.255.2"
_SOME_ID = 33
_FOLDERS = ("lower", "upper", "work", "merged", "proc")

Action = Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Step:
    """What became of one thing that was tried: why it was refused (empty: it worked), what was seen."""

    refusal: str = ""
    seen: Any = None


@dataclass(frozen=True, slots=True)
class Trial:
    """The steps that were reached, by name, and how many seconds all of it took."""

    steps: dict[str, Step] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def failed(self) -> str:
        """The first step that was refused, or else that was not reached; empty if all worked."""
        refused = [name for name in REQUIRED if name in self.steps and self.steps[name].refusal]
        missing = [name for name in REQUIRED if name not in self.steps]
        return next(iter(refused + missing), "")

    def refusal(self, name: str) -> str:
        """Return why a step did not work; empty if it did.  One that was not reached has no reason."""
        return self.steps[name].refusal if name in self.steps else "not reached"


@dataclass(frozen=True, slots=True)
class Extra:
    """Further steps, for a thorough trial.

    `between` run in the sandbox when it has left the host's network, `inside` in the container.
    """

    between: dict[str, Action] = field(default_factory=dict)
    inside: dict[str, Action] = field(default_factory=dict)


def try_sandbox(root: Path, extra: Extra | None = None, limit: float = LIMIT) -> Trial:
    """Try a sandbox whose engine would keep its state in `root`; what exists of its path is used."""
    began = time.monotonic()
    # before all: where nobody may make namespaces, more ids would not help
    alone = probe.attempt(lambda _: None, limit, CLONE.NEWUSER)
    steps = {"user": Step(alone.refusal)}
    if alone.worked:
        try:
            ids = plan_ids()
            with scratch_folder(root) as folder:
                steps = _try(folder, ids, extra or Extra(), limit)
        except LabError as error:
            steps["ids"] = Step(error.message)
        except OSError as error:
            steps["overlay"] = Step(probe.refusal_of(error))
    return Trial(steps, time.monotonic() - began)


@contextlib.contextmanager
def scratch_folder(root: Path) -> Iterator[Path]:
    """Give an empty folder on the file system of `root`; it is deleted afterwards.

    Those that killed trials left are swept away too.
    """
    while not os.path.isdir(root):
        root = root.parent
    for old in root.glob(".trial-*"):
        match = _NAME.fullmatch(old.name)
        if match and procfs.start_time(int(match[1])) != int(match[2]):
            _delete(old)
    own = f"{os.getpid()}-{procfs.start_time(os.getpid())}"
    folder = Path(tempfile.mkdtemp(prefix=f".trial-{own}-", dir=root))
    try:
        yield folder
    finally:
        _delete(folder)


def _delete(folder: Path) -> None:
    # overlay leaves folders that even their owner may not look into
    for name in ("work", "work/incompat", "work/incompat/volatile"):
        with contextlib.suppress(OSError):
            (folder / "work" / name).chmod(0o700)
    shutil.rmtree(folder, ignore_errors=True)


def _try(folder: Path, ids: IdPlan, extra: Extra, limit: float) -> dict[str, Step]:
    folder.chmod(0o711)
    for name in _FOLDERS:
        (folder / name).mkdir()
    (folder / "lower" / "file").write_text("from below")
    mapped: dict[str, str] = {}

    def prepare(pid: int) -> None:
        mapped["user"] = ""
        ids.write(pid)
        mapped["ids"] = ""

    outcome = probe.attempt(
        lambda report: _in_sandbox(folder, ids, extra, report), limit, _SANDBOX, prepare
    )
    steps = {name: Step() for name in mapped}
    steps.update({name: Step(**told) for name, told in outcome.told.items()})
    if outcome.refusal:
        # what was to come next is what it failed at
        names = ("user", *REQUIRED) if "user" not in steps else REQUIRED
        steps[next(name for name in names if name not in steps)] = Step(outcome.refusal)
    return steps


def _in_sandbox(folder: Path, ids: IdPlan, extra: Extra, report: probe.Report) -> None:
    """Do what the spawner does before its first container, and make one."""
    steps = Steps(report)
    os.chdir(folder)
    syscalls.mount("none", "/", None, MS.REC | MS.PRIVATE)
    if not steps.run("proc", lambda: mount_proc("/proc")):
        return
    steps.run("overlay", use_overlay)
    if not steps.run("network", make_network):
        return
    for name, action in extra.between.items():
        steps.run(name, action)
    # /proc/PID/uid_map belongs to the process's user only while it is dumpable
    syscalls.prctl(PR.SET_DUMPABLE, 1)

    def prepare(pid: int) -> None:
        base = ids.container_base
        for kind in ("uid", "gid"):
            text = f"0 {base} 1\n1 {base + 1} {CONTAINER_IDS - 1}\n"
            Path(f"/proc/{pid}/{kind}_map").write_text(text)
        steps.run("veth", lambda: _plug_in(pid))

    outcome = probe.attempt(lambda inner: _in_container(extra, inner), LIMIT, CONTAINER, prepare)
    report({"container": {"refusal": outcome.refusal}, **outcome.told})


class Steps:
    """Runs steps one by one, and reports each."""

    def __init__(self, report: probe.Report) -> None:
        self._report = report

    def run(self, name: str, action: Action) -> bool:
        """Run one; say whether it worked."""
        try:
            seen = action()
        except Exception as error:
            self._report({name: {"refusal": probe.refusal_of(error)}})
            return False
        self._report({name: {"seen": seen}})
        return True


def use_overlay() -> None:
    """Mount an overlay as the engine does; change and delete a file of the layer below."""
    options = "lowerdir=lower,upperdir=upper,workdir=work,userxattr,volatile"
    syscalls.mount("overlay", "merged", "overlay", MS(0), options)
    below, above = Path("lower/file"), Path("merged/file")
    above.write_text("changed")
    if below.read_text() != "from below" or Path("upper/file").read_text() != "changed":
        raise OSError("overlay: a change did not go to the upper layer")
    above.unlink()
    if above.exists() or not below.exists():
        raise OSError("overlay: a file of the lower layer could not be deleted")


def make_network() -> None:
    """Leave the host's network, and make a bridge."""
    syscalls.unshare(CLONE.NEWNET)
    with Netlink() as netlink:
        netlink.transact(rtnetlink.create_bridge(_BRIDGE, bytes.fromhex("0242ac1ffe01"), 1500))
        index = rtnetlink.link_index(netlink, _BRIDGE)
        netlink.transact(
            rtnetlink.set_up(rtnetlink.LOOPBACK),
            rtnetlink.add_address(index, BRIDGE_ADDRESS, 30),
            rtnetlink.set_up(index),
        )


def _plug_in(pid: int) -> None:
    endpoint = veth.Endpoint(
        "trial1", "eth0", _BRIDGE, _INSIDE, 30, BRIDGE_ADDRESS, mac="02:42:ac:1f:fe:02"
    )
    fd = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        veth.attach(endpoint.to_json(), fd)
    finally:
        os.close(fd)


def _in_container(extra: Extra, report: probe.Report) -> None:
    """Do what a container's first process does before it becomes the container's program."""
    steps = Steps(report)
    os.setgroups([])
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)
    steps.run("mounts", lambda: mount_proc("proc"))
    for name, action in extra.inside.items():
        steps.run(name, action)
    # last, since there is no way back
    steps.run("switch", _switch_user)


def mount_proc(target: str) -> None:
    """Mount /proc of this process's pid namespace."""
    syscalls.mount("proc", target, "proc", MS.NOSUID | MS.NODEV | MS.NOEXEC)
    if not os.path.exists(f"{target}/1/status"):
        raise OSError(f"the new {target} does not show the processes of its namespace")


def _switch_user() -> None:
    """Become another user, as nginx's workers do."""
    os.setresgid(_SOME_ID, _SOME_ID, _SOME_ID)
    os.setresuid(_SOME_ID, _SOME_ID, _SOME_ID)
