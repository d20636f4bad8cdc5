"""What this machine allows, one thing at a time: namespaces, overlay, network, filters, ports.

Each is tried in a child process of its own, in a user namespace with a single id, so that one
refusal does not hide what else there is.  Only single-threaded processes may call this.
"""

from __future__ import annotations

import errno
import os
import socket
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from lab.errors import LabError
from lab.kernel import libseccomp, probe, procfs, rtnetlink, syscalls
from lab.kernel.flags import AT_EMPTY_PATH, AT_FDCWD, CLONE, MOUNT_ATTR, MS, OPEN_TREE, PR
from lab.kernel.netlink import Netlink
from lab.sandbox import namespaces
from lab.sandbox.ids import plan_ids
from lab.sandbox.probes import Step, Steps, make_network, mount_proc, scratch_folder, use_overlay

LIMIT = 3.0
NAMESPACES = ("user", "mnt", "pid", "net", "ipc", "uts", "cgroup", "time")
"""All kinds that Linux has, by the names of /proc/PID/ns."""

_FLAGS = {
    "mnt": CLONE.NEWNS,
    "net": CLONE.NEWNET,
    "ipc": CLONE.NEWIPC,
    "uts": CLONE.NEWUTS,
    "cgroup": CLONE.NEWCGROUP,
}
_PORT_START = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")


def try_place(root: Path) -> dict[str, Step]:
    """Try everything that needs a user namespace; keys are those of NAMESPACES and a few more.

    `proc` is mounting /proc in a new pid namespace, `overlay` on the file system of `root`,
    `bridge` and `veth` are virtual network devices.
    """
    try:
        with scratch_folder(root) as folder:
            return _try_in(folder)
    except OSError as error:
        # nothing can be written there, so an overlay cannot be had; the rest needs no folder there
        with scratch_folder(Path(tempfile.gettempdir())) as folder:
            return {**_try_in(folder), "overlay": Step(probe.refusal_of(error))}


def write_own_id(pid: int) -> None:
    """Map this process's own ids to 0 in the user namespace of process `pid`."""
    folder = Path(f"/proc/{pid}")
    (folder / "setgroups").write_text("deny")
    (folder / "uid_map").write_text(f"0 {os.getuid()} 1")
    (folder / "gid_map").write_text(f"0 {os.getgid()} 1")


def try_seccomp() -> Step:
    """Load a filter that refuses one call, and make that call."""
    return Step(probe.attempt(lambda _: use_seccomp(), LIMIT).refusal)


def use_seccomp() -> None:
    """Put a filter on this process for good; raises OSError if that does not work."""
    program = libseccomp.Filter(libseccomp.ALLOW)
    program.add(libseccomp.errno_action(errno.EXDEV), "getpriority")
    syscalls.prctl(PR.SET_NO_NEW_PRIVS, 1)
    syscalls.seccomp_load(program.export())
    try:
        os.getpriority(os.PRIO_PROCESS, 0)
    except OSError as error:
        if error.errno == errno.EXDEV:
            return
    raise OSError("a seccomp filter was loaded, and did not filter")


def try_idmapped(root: Path) -> Step:
    """Show a folder on the file system of `root` with a container's ids, as only root may."""
    try:
        users = namespaces.make_user_namespace(plan_ids())
    except (LabError, OSError) as error:
        return Step(probe.refusal_of(error))
    try:
        with scratch_folder(root) as folder:
            flags = OPEN_TREE.CLONE | OPEN_TREE.CLOEXEC
            tree = syscalls.open_tree(AT_FDCWD, str(folder), flags)
            try:
                syscalls.mount_setattr(tree, "", AT_EMPTY_PATH, MOUNT_ATTR.IDMAP, userns_fd=users)
            finally:
                os.close(tree)
    except (LabError, OSError) as error:
        return Step(probe.refusal_of(error))
    finally:
        os.close(users)
    return Step()


def lowest_port() -> int:
    """Return the first TCP port that this process may listen at; raises OSError if none is free.

    A port that is taken is allowed too; what is not allowed is refused in another way.
    """
    start = int(_PORT_START.read_text()) if _PORT_START.exists() else 1024
    if start > 1 and _may_bind(1):
        return 1
    for port in range(max(start, 1), 65536):
        if _may_bind(port):
            return port
    raise OSError(errno.EACCES, "no TCP port may be listened at")


def reach(host: str, port: int, limit: float) -> Step:
    """Look up a host and connect to it; `seen` is its address."""

    def action(report: probe.Report) -> None:
        with socket.create_connection((host, port), timeout=limit) as connection:
            report({"seen": connection.getpeername()[0]})

    # looking a name up has no limit of its own
    outcome = probe.attempt(action, limit)
    return Step(outcome.refusal, outcome.told.get("seen"))


def _may_bind(port: int) -> bool:
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(("127.0.0.1", port))
        except OSError as error:
            return error.errno == errno.EADDRINUSE
    return True


def _try_in(folder: Path) -> dict[str, Step]:
    outcome = _try(folder, CLONE.NEWUSER, write_own_id)
    if outcome.worked or "user" in outcome.told:
        return _steps(outcome)
    # without a user namespace some may still be allowed, to root
    alone = _try(folder, CLONE(0), None)
    return {**_steps(alone), "user": Step(outcome.refusal)}


def _try(folder: Path, flags: CLONE, prepare: Callable[[int], None] | None) -> probe.Outcome:
    for name in ("lower", "upper", "work", "merged"):
        (folder / name).mkdir(exist_ok=True)
    (folder / "lower" / "file").write_text("from below")
    return probe.attempt(lambda report: _each(folder, report), LIMIT, flags, prepare)


def _each(folder: Path, report: probe.Report) -> None:
    steps = Steps(report)
    report({"user": {}})
    os.chdir(folder)
    own = {name: procfs.namespace("self", name) for name in _FLAGS}
    for name, flag in _FLAGS.items():
        if name != "net":
            steps.run(name, partial(_leave, flag, name, own[name]))
    steps.run("time", _use_time)
    steps.run("private", lambda: syscalls.mount("none", "/", None, MS.REC | MS.PRIVATE))
    steps.run("overlay", use_overlay)
    if steps.run("net", lambda: _leave(CLONE.NEWNET, "net", own["net"])):
        steps.run("bridge", make_network)
        steps.run("veth", _make_veth)
    # last: afterwards every child of this process is in the new one
    if steps.run("pid", lambda: syscalls.unshare(CLONE.NEWPID)):
        inside = probe.attempt(_look_at_processes, LIMIT)
        report({"pid": {"refusal": inside.told.get("pid", inside.refusal)}})
        report({"proc": {"refusal": inside.refusal}})


def _leave(flag: CLONE, name: str, before: int) -> None:
    syscalls.unshare(flag)
    if procfs.namespace("self", name) == before:
        raise OSError(f"unshare succeeded, and the {name} namespace is the old one")


def _use_time() -> None:
    """Make a time namespace and move its clock; only its later processes are in it."""
    syscalls.unshare(CLONE.NEWTIME)
    Path("/proc/self/timens_offsets").write_text("monotonic 3600 0")


def _look_at_processes(report: probe.Report) -> None:
    if os.getpid() != 1:
        raise OSError("the first process of a new pid namespace does not have number 1")
    report({"pid": ""})
    mount_proc("/proc")


def _make_veth() -> None:
    with Netlink() as netlink:
        bridge = rtnetlink.link_index(netlink, "trial0")
        own = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            mac = bytes.fromhex("0242ac1ffe02")
            netlink.transact(rtnetlink.create_veth("trial1", bridge, 1500, "trial2", mac, own))
        finally:
            os.close(own)


def _steps(outcome: probe.Outcome) -> dict[str, Step]:
    steps = {name: Step(**told) for name, told in outcome.told.items()}
    if outcome.refusal and outcome.told:
        hung = next((name for name in NAMESPACES if name not in steps), "proc")
        steps.setdefault(hung, Step(outcome.refusal))
    return steps
