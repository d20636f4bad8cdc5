"""What a container of the sandbox `namespaces` gets, looked at from inside of a throw-away one."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

from lab.kernel import nftables, procfs
from lab.kernel.netlink import NETFILTER, Netlink
from lab.sandbox import probes
from lab.sandbox.probes_place import NAMESPACES, use_seccomp

_TALK_LIMIT, _TALK_PAUSE = 3.0, 0.05
_PORT = 9


def try_thoroughly(root: Path) -> probes.Trial:
    """Try a sandbox as `probes.try_sandbox` does, with a closer look.

    Further steps: `own` (seen: the namespaces that the container has for itself), `talk`, `out`,
    `filter`.
    """
    outside = {name: procfs.namespace("self", name) for name in NAMESPACES if _exists(name)}
    extra = probes.Extra(
        between={"out": _redirect},
        inside={
            "own": lambda: [
                name for name, number in outside.items() if procfs.namespace("self", name) != number
            ],
            "talk": _talk_to_bridge,
            "filter": use_seccomp,
        },
    )
    return probes.try_sandbox(root, extra)


def _exists(name: str) -> bool:
    return os.path.exists(f"/proc/self/ns/{name}")


def _talk_to_bridge() -> None:
    """Reach the bridge: that nobody listens there is an answer too.

    The first packets may be lost, since a cable counts as plugged in a moment after it is.
    """
    end = time.monotonic() + _TALK_LIMIT
    while True:
        with socket.socket() as trial:
            trial.settimeout(_TALK_PAUSE)
            try:
                return trial.connect((probes.BRIDGE_ADDRESS, _PORT))
            except ConnectionRefusedError:
                return None
            except TimeoutError:
                if time.monotonic() > end:
                    raise


def _redirect() -> None:
    """Have connections to the outside handed to a listener here, as the way out does."""
    rule = [*nftables.carries(socket.IPPROTO_TCP), *nftables.redirect(_PORT)]
    chain = nftables.Chain("trial", "nat", nftables.PREROUTING, nftables.DSTNAT, [rule])
    with Netlink(protocol=NETFILTER) as netlink:
        nftables.replace_table(netlink, "trial", [chain])
