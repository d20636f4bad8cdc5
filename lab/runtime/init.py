"""From a forked spawner to a container's program: first `setup`, outside, then `init`, inside.

`set_up` runs in the sandbox's user namespace with a mount namespace of its own.  It prepares
everything that the container could not do for itself, clones init into the container's new
namespaces, writes their id maps, wires the network and exits; the kernel then makes init a child
of the spawner.  See lab.runtime.sync for the whole exchange.
"""

from __future__ import annotations

import json
import os
import socket
from dataclasses import dataclass
from typing import Any

from lab.errors import LabError, StartError
from lab.kernel import observed, syscalls
from lab.kernel.flags import CLONE, PR
from lab.kernel.idmap import IdMap
from lab.oci.runtime_spec import Mount, Spec
from lab.runtime import binds, namespaces, process, rootfs, sync, wiring
from lab.runtime.shared import Donor, is_shared, open_shared

_INSIDE = ("/dev", "/proc", "/sys")
"""Binds below these, and below a tmpfs, are attached by init, which mounts its own file systems
there before."""

_NAME_LIMIT = 64
"""Bytes of a machine's name.  Source: sethostname(2), HOST_NAME_MAX."""


@dataclass(frozen=True, slots=True)
class Request:
    """A START message, with what the spawner adds: descriptors, the filter, the launcher."""

    bundle: str
    base: str
    layers: list[Mount]
    endpoints: list[dict[str, Any]]
    cgroups: list[str]
    ids: IdMap
    idmapped: bool
    hidden: list[str]
    bind_root: str
    stdio: list[int]
    names: int | None
    seccomp: bytes | None
    launcher: socket.socket
    traced: bool = False
    donors: tuple[Donor, ...] = ()
    """Whose namespaces to join: first whose user namespace it is."""

    @classmethod
    def from_message(
        cls,
        message: dict[str, Any],
        fds: list[int],
        filters: dict[str, bytes],
        launcher: socket.socket,
    ) -> Request:
        donors = tuple(Donor(tuple(names), fds.pop(0)) for names in message["joins"])
        return cls(
            bundle=message["bundle"],
            base=message["base"],
            layers=[Mount("", **layer) for layer in message["rootfs"]],
            endpoints=message["endpoints"],
            cgroups=message["cgroups"],
            ids=IdMap(**message["ids"]),
            idmapped=message["idmapped"],
            hidden=message["hidden"],
            bind_root=message["bind_root"],
            stdio=fds[:-1] if message["names"] else fds,
            names=fds[-1] if message["names"] else None,
            seccomp=filter_of(message, filters),
            launcher=launcher,
            traced=message.get("trace") is not None,
            donors=donors,
        )


def set_up(request: Request, report: int) -> None:
    """Prepare the container, clone its init, and return when init has been told to go on.

    In the init process it does not return: it execs, or exits with 127 after reporting why.
    """
    if request.traced:
        sync.trace_to(report, "setup")
    with open(f"{request.bundle}/config.json", "rb") as file:
        spec = Spec.from_bytes(file.read())
    join_cgroups(request.cgroups)
    syscalls.unshare(CLONE.NEWNS)
    rootfs.mount_layers(request.layers, request.base, f"{request.bundle}/{spec.root}")
    late = _attach_binds(request, spec)
    process.check_stdio(spec.process, request.stdio)
    # the container's root owns its pipes, so that init can hand them on to the user
    process.own_pipes(request.stdio, request.ids.to_sandbox(0))
    gate, go = os.pipe()
    # /proc/PID/uid_map belongs to the process's user only while it is dumpable
    syscalls.prctl(PR.SET_DUMPABLE, 1)
    process.adjust_oom_score(spec.process)
    own = spec.linux.namespaces
    pid = _clone_init(request, namespaces.flags_of(own))
    if pid == 0:
        os.close(go)
        if request.traced:
            sync.trace_to(report, "init")
        _guarded(lambda: _init(spec, request, late, gate), report)
    if "user" in own:
        namespaces.write_id_maps(pid, request.ids.base, request.ids.size)
    sync.report(report, pid=pid)
    if "network" in own:
        wiring.connect(request.endpoints, pid, request.names)
    sync.report(report, go=True)
    os.write(go, sync.GO)


def _clone_init(request: Request, flags: CLONE) -> int:
    """Clone the first process into its namespaces: 0 in it, else its pid.

    Who has joined another container's user namespace can do nothing in the sandbox any more: so
    where namespaces are joined, a process in between does that, and clones.
    """
    if not request.donors:
        return syscalls.clone(flags)
    reader, writer = os.pipe()
    between = syscalls.clone(CLONE(0))
    if between:
        os.close(writer)
        os.waitpid(between, 0)
        told = os.read(reader, 32)
        if not told:
            # it has reported why
            os._exit(127)
        os.close(reader)
        return int(told)
    # the user namespace last: it takes away what the others need
    for donor in reversed(request.donors):
        syscalls.setns(donor.pidfd, namespaces.flags_of(donor.names))
    pid = syscalls.clone(flags)
    if pid:
        os.write(writer, str(pid).encode())
        os._exit(0)
    for fd in (reader, writer, *(donor.pidfd for donor in request.donors)):
        os.close(fd)
    return 0


def filter_of(message: dict[str, Any], filters: dict[str, bytes]) -> bytes | None:
    """Return the seccomp program that a message names, None if it names none.

    Raises StartError for one that is not there: nothing may run unfiltered by mistake.
    """
    key = message["seccomp"]
    if key and key not in filters:
        raise StartError("the seccomp filter of this container is missing")
    return filters[key] if key else None


def join_cgroups(files: list[str]) -> None:
    """Move this process into control groups: `tasks` (v1) or `cgroup.procs` (v2) files.

    Writing 0 means "myself", which version 1 does at once; a pid would wait for the kernel's
    grace period, some 12 ms.
    """
    for path in files:
        observed.write(path, "0")


def _attach_binds(request: Request, spec: Spec) -> list[tuple[str, Mount]]:
    """Attach the binds; return those that init is to place, and where they are until then."""
    wanted = [mount for mount in spec.mounts if mount.type == "bind"]
    folder, state = f"{request.bundle}/shown", request.hidden[0]
    shared = [mount for mount in wanted if is_shared(mount)]
    trees = {mount: open_shared(mount, request.donors, folder, state) for mount in shared}
    trees |= binds.open_all([mount for mount in wanted if mount not in trees], request)
    inside = (*_INSIDE, *(mount.destination for mount in spec.mounts if mount.type == "tmpfs"))
    late = []
    for mount in wanted:
        below = mount.destination.startswith(tuple(f"{top}/" for top in inside))
        if below or mount in shared:
            late.append((trees[mount], mount))
        else:
            binds.attach(trees[mount], mount, request.ids.to_sandbox(0))
    return binds.stage(late, request.hidden[0])


def _init(spec: Spec, request: Request, late: list[tuple[str, Mount]], gate: int) -> None:
    if os.read(gate, 1) != sync.GO:
        # the set-up has failed, and has reported why
        os._exit(127)
    os.close(gate)
    # while this is still the sandbox's root, who may go there
    trees = {mount: binds.take(path) for path, mount in late}
    os.setgroups([])
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)
    # until execve this process still holds the spawner's memory
    syscalls.prctl(PR.SET_DUMPABLE, 0)
    os.setsid()
    os.umask(0)
    rootfs.enter_root([mount.destination for mount in trees if is_shared(mount)])
    for mount in spec.mounts:
        if mount in trees:
            binds.place(trees[mount], mount)
        else:
            rootfs.mount_virtual(mount)
    os.umask(0o022)
    if spec.root_readonly:
        rootfs.seal()
    _name_host(spec)
    if spec.process.terminal:
        rootfs.bind_console(process.open_terminal(spec.process, request.stdio[0]))
    else:
        process.use_stdio(request.stdio)
    rootfs.make_readonly(spec.linux.readonly_paths)
    rootfs.mask(spec.linux.masked_paths)
    process.run(spec.process, request.seccomp, new_root=True, init=spec.linux.init)


def _name_host(spec: Spec) -> None:
    if "uts" in spec.linux.namespaces:
        try:
            observed.sethostname(spec.hostname)
        except OSError as error:
            reason = (error.strerror or "").lower()
            raise StartError(f"error during container init: sethostname: {reason}") from None
        if spec.domainname:
            # too long a name is cut off, as where it is written to /proc/sys/kernel/domainname
            whole = spec.domainname.encode(errors="replace")
            syscalls.setdomainname(whole[:_NAME_LIMIT].decode(errors="ignore"))
    for name, value in spec.linux.sysctl.items():
        path = "/proc/sys/" + name.replace(".", "/")
        try:
            with open(path, "w") as file:
                file.write(value)
        except OSError as error:
            reason = (error.strerror or "").lower()
            raise StartError(f"error during container init: open {path}: {reason}") from None


def _guarded(step: Any, report: int) -> None:
    """Run `step`, which should not return, and exit after reporting any error."""
    try:
        step()
    except LabError as error:
        code = error.exit_code if isinstance(error, StartError) else 128
        sync.report(report, error=error.message, exit_code=code)
    except Exception as error:
        sync.report(report, error=f"{_place(error)}: {error}", exit_code=128)
    finally:
        os._exit(127)


def _place(error: Exception) -> str:
    """Name the innermost function that raised: the only trace that a forked child leaves."""
    trace = error.__traceback__
    name = ""
    while trace is not None:
        name, trace = trace.tb_frame.f_code.co_name, trace.tb_next
    return f"{type(error).__name__} in {name}"


def guarded_exit(step: Any, report: int) -> None:
    """Run `step` in a forked child and exit: 0 if it returned, 127 after reporting an error."""

    def and_leave() -> None:
        step()
        os._exit(0)

    _guarded(and_leave, report)


def load_process(path: str) -> dict[str, Any]:
    """Return the JSON object that describes an exec's process."""
    with open(path, "rb") as file:
        content: dict[str, Any] = json.load(file)
    return content
