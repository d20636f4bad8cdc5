"""What Docker can do with a container and this engine cannot yet: refused by the option's name."""

from __future__ import annotations

from lab.errors import InvalidParameter, Unsupported
from lab.oci import fields
from lab.oci.fields import Json

_HOST = {
    "DeviceCgroupRules": "--device-cgroup-rule",
    "CpuRealtimePeriod": "--cpu-rt-period",
    "CpuRealtimeRuntime": "--cpu-rt-runtime",
    "CgroupParent": "--cgroup-parent",
}
_MODES = {
    "UsernsMode": ("",),
    "CgroupnsMode": ("", "private"),
    "Isolation": ("", "default"),
}


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
    for key, known in _MODES.items():
        if fields.text(host, key) not in known:
            raise Unsupported(f"this engine does not support {key} {host[key]!r} yet")
    runtime = fields.text(host, "Runtime")
    if runtime not in ("", "lab"):
        raise InvalidParameter(f"unknown or invalid runtime name: {runtime}")


def _refusal(option: str) -> Unsupported:
    return Unsupported(f"this engine does not support {option} yet")
