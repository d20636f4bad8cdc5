"""Namespaces by the runtime specification's names, and the id maps of a new user namespace.

Source: OCI runtime-spec, config-linux.md; namespaces(7), user_namespaces(7).
"""

from __future__ import annotations

from lab.kernel import observed
from lab.kernel.flags import CLONE

FLAGS = {
    "user": CLONE.NEWUSER,
    "mount": CLONE.NEWNS,
    "pid": CLONE.NEWPID,
    "uts": CLONE.NEWUTS,
    "ipc": CLONE.NEWIPC,
    "network": CLONE.NEWNET,
    "cgroup": CLONE.NEWCGROUP,
}

PROC_FILES = {
    "user": "user",
    "mount": "mnt",
    "pid": "pid",
    "uts": "uts",
    "ipc": "ipc",
    "network": "net",
    "cgroup": "cgroup",
}
"""Their files in /proc/PID/ns.  Source: namespaces(7)."""

ALL = CLONE(sum(FLAGS.values()))


def flags_of(names: tuple[str, ...]) -> CLONE:
    """Return the clone flags that make these namespaces new; KeyError for an unknown name."""
    flags = CLONE(0)
    for name in names:
        flags |= FLAGS[name]
    return flags


def write_id_maps(pid: int, base: int, size: int) -> None:
    """Map ids 0.. of process `pid`'s user namespace to `base`.. of this process's, `size` ids.

    The process must be dumpable, and this one privileged in the parent user namespace.
    """
    # a row may not span two rows of the parent's map, which has one for id 0 alone
    text = f"0 {base} 1\n1 {base + 1} {size - 1}\n"
    for kind in ("uid_map", "gid_map"):
        observed.write(f"/proc/{pid}/{kind}", text)


def forward_nothing() -> None:
    """Route no packet from one bridge to another: networks are kept apart.

    A new network namespace has the host's settings, not the kernel's defaults.  Source: kernel
    docs, sysctl/net, devconf_inherit_init_net.
    """
    with open("/proc/sys/net/ipv4/ip_forward", "w") as file:
        file.write("0")


def let_containers_listen() -> None:
    """Let containers with `--network host` listen at any port: they do not rule the sandbox's."""
    with open("/proc/sys/net/ipv4/ip_unprivileged_port_start", "w") as file:
        file.write("0")
