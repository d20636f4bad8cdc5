"""What Docker can do with a container and this engine cannot: refused by the option's name."""

from __future__ import annotations

import re

from lab.errors import InvalidParameter, Unsupported
from lab.oci import fields
from lab.oci.fields import Json

_HOST = {
    "CpuRealtimePeriod": "--cpu-rt-period",
    "CpuRealtimeRuntime": "--cpu-rt-runtime",
    "CgroupParent": "--cgroup-parent",
}
_RULE = re.compile(r"[acb] (?:[0-9]+|\*):(?:[0-9]+|\*) [rwm]{1,3}")


def refuse_unsupported(host: Json) -> None:
    """Raise Unsupported, naming the CLI's option, if HostConfig asks for what is not done yet.

    Raises InvalidParameter for what Docker does not know either.
    """
    if host.get("StorageOpt"):
        raise InvalidParameter(
            "--storage-opt is supported only for overlay over xfs with 'pquota' mount option"
        )
    for key, option in _HOST.items():
        if host.get(key):
            raise _refusal(option)
    _check_modes(host)
    for rule in fields.texts(host, "DeviceCgroupRules"):
        if not _RULE.fullmatch(rule):
            raise InvalidParameter(f"invalid device cgroup rule format: '{rule}'")
    runtime = fields.text(host, "Runtime")
    if runtime not in ("", "lab"):
        raise InvalidParameter(f"unknown or invalid runtime name: {runtime}")


def _check_modes(host: Json) -> None:
    users, groups = fields.text(host, "UsernsMode"), fields.text(host, "CgroupnsMode")
    if users not in ("", "host"):
        raise InvalidParameter(f"invalid USER mode: {users}")
    if users:
        raise Unsupported(
            "this engine does not support --userns host: it keeps the users of every container "
            "apart from those of the host"
        )
    if groups not in ("", "private", "host"):
        raise InvalidParameter(f"invalid cgroup namespace mode: {groups}")
    isolation = fields.text(host, "Isolation")
    if isolation not in ("", "default"):
        raise InvalidParameter(f"invalid isolation ({isolation}): linux only supports 'default'")


def _refusal(option: str) -> Unsupported:
    return Unsupported(f"this engine does not support {option} yet")
