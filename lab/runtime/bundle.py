"""The OCI bundle of a container: its folder, `config.json`, and the three files that Docker binds.

Source: OCI runtime-spec, bundle.md; Docker's /etc/hosts, /etc/hostname, /etc/resolv.conf.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lab.kernel.idmap import CONTAINER_IDS
from lab.oci.runtime_spec import Linux, Mount, Process, Spec
from lab.runtime import reaper

_NAMESPACES = Linux().namespaces
_CGROUP_OPTIONS = ("ro", "nosuid", "nodev", "noexec")
_SYSCTL = {
    "net.ipv4.ip_unprivileged_port_start": "0",
    "net.ipv4.ping_group_range": f"0 {CONTAINER_IDS - 1}",
}
"""Docker's defaults: a container's own network has no privileged ports, and everybody may ping."""


@dataclass(frozen=True, slots=True)
class BundlePlan:
    """What goes into a bundle besides the process.

    `hosts` are (address, names) lines for /etc/hosts; `resolv_conf` is that file's text;
    `owner` the sandbox id of the container's root; `cgroups` names the hierarchies to show
    (`unified`, or version 1 controllers); `shm_bytes` is the size of /dev/shm, 0 for none.  `joined`
    are the namespaces that it does not have for itself, by the runtime specification's names;
    `shared` is what shows those of them that it may not mount itself (lab.runtime.shared).  `files`
    is the folder of another container whose three files are shown, since it has the same network.
    `init` says that lab.runtime.reaper's program is to be the first process.
    """

    hostname: str
    domainname: str
    hosts: Sequence[tuple[str, str]]
    resolv_conf: str
    mounts: Sequence[Mount]
    readonly: bool
    masked_paths: Sequence[str]
    readonly_paths: Sequence[str]
    seccomp: str
    cgroups: Sequence[str]
    owner: int
    shm_bytes: int
    joined: Sequence[str] = ()
    shared: Sequence[Mount] = ()
    files: Path | None = None
    sysctls: Mapping[str, str] = field(default_factory=dict)
    init: bool = False


def write_bundle(folder: Path, process: Process, plan: BundlePlan) -> None:
    """Write the bundle into `folder`, which is made if it is not there."""
    (folder / "rootfs").mkdir(parents=True, exist_ok=True)
    texts = {
        "hostname": plan.hostname + "\n",
        "hosts": "".join(f"{address}\t{names}\n" for address, names in plan.hosts),
        "resolv.conf": plan.resolv_conf,
    }
    own = _own_files(folder, texts, plan)
    spec = Spec(
        process=process,
        hostname=plan.hostname,
        domainname=plan.domainname,
        root_readonly=plan.readonly,
        # as in Docker the three files come last: a bound /etc does not hide them
        mounts=(
            *plan.shared,
            *_shared_memory(plan),
            *([] if "cgroup" in plan.joined else _cgroup_mounts(plan.cgroups)),
            *plan.mounts,
            *own,
        ),
        linux=Linux(
            namespaces=tuple(name for name in _NAMESPACES if name not in plan.joined),
            masked_paths=tuple(plan.masked_paths),
            readonly_paths=tuple(plan.readonly_paths),
            seccomp=plan.seccomp,
            init=reaper.PATH if plan.init else "",
            sysctl={**({} if "network" in plan.joined else _SYSCTL), **plan.sysctls},
        ),
    )
    (folder / "config.json").write_bytes(spec.to_bytes())


def _own_files(folder: Path, texts: Mapping[str, str], plan: BundlePlan) -> list[Mount]:
    """Write the container's own files; return the mounts that show them."""
    own: list[Mount] = []
    taken = {mount.destination for mount in plan.mounts}
    for name, text in texts.items():
        if plan.files is None:
            _write_owned(folder / name, text, plan.owner)
        if f"/etc/{name}" not in taken:
            path = (plan.files or folder) / name
            own.append(Mount(f"/etc/{name}", "bind", str(path), ("rbind", "own")))
    if plan.init:
        own.append(_init_program(folder, plan.owner))
    return own


def default_hosts(address: str, hostname: str, extra: Sequence[str]) -> list[tuple[str, str]]:
    """Return the lines of /etc/hosts as Docker writes them; `extra` holds `name:address`."""
    lines = [
        ("127.0.0.1", "localhost"),
        ("::1", "localhost ip6-localhost ip6-loopback"),
        ("fe00::", "ip6-localnet"),
        ("ff00::", "ip6-mcastprefix"),
        ("ff02::1", "ip6-allnodes"),
        ("ff02::2", "ip6-allrouters"),
    ]
    for entry in extra:
        name, _, target = entry.partition(":")
        lines.append((target, name))
    if address:
        lines.append((address, hostname))
    return lines


def _init_program(folder: Path, owner: int) -> Mount:
    """Write the program of `--init`; return the mount that shows it in the container."""
    path = folder / "docker-init"
    path.write_bytes(reaper.program(platform.machine()))
    path.chmod(0o755)
    os.chown(path, owner, owner)
    return Mount(reaper.PATH, "bind", str(path), ("rbind", "own", "ro"))


def _shared_memory(plan: BundlePlan) -> list[Mount]:
    """Return what shows shared memory of the container's own, if it has any."""
    if not plan.shm_bytes or "ipc" in plan.joined:
        return []
    options = ("nosuid", "nodev", "noexec", "mode=1777", f"size={plan.shm_bytes}")
    return [Mount("/dev/shm", "tmpfs", "shm", options)]


def _cgroup_mounts(hierarchies: Sequence[str]) -> list[Mount]:
    if "unified" in hierarchies:
        return [Mount("/sys/fs/cgroup", "cgroup2", "cgroup", _CGROUP_OPTIONS)]
    if not hierarchies:
        return []
    top = Mount("/sys/fs/cgroup", "tmpfs", "cgroup", ("nosuid", "nodev", "noexec", "mode=755"))
    each = [
        Mount(f"/sys/fs/cgroup/{name}", "cgroup", "cgroup", (*_CGROUP_OPTIONS, name))
        for name in hierarchies
    ]
    return [top, *each]


def _write_owned(path: Path, text: str, owner: int) -> None:
    # a file of the container's own: written anew at each start, as Docker does
    path.write_text(text)
    path.chmod(0o644)
    os.chown(path, owner, owner)
