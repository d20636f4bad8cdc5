"""What Docker can do with a container and this engine cannot yet: refused by the option's name."""

from __future__ import annotations

from lab.errors import InvalidParameter, Unsupported
from lab.oci import fields
from lab.oci.fields import Json

_HOST = {
    "DeviceCgroupRules": "--device-cgroup-rule",
    "StorageOpt": "--storage-opt",
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
    for key, option in _HOST.items():
        if host.get(key):
            raise _refusal(option)
    for key, known in _MODES.items():
        if fields.text(host, key) not in known:
            raise Unsupported(f"this engine does not support {key} {host[key]!r} yet")
    driver = fields.text(fields.obj(host, "LogConfig"), "Type")
    if driver not in ("", "json-file", "none"):
        raise InvalidParameter(f"logger: no log driver named '{driver}' is registered")
    for option in fields.obj(fields.obj(host, "LogConfig"), "Config"):
        if driver != "none" and option not in _LOG_OPTIONS:
            raise InvalidParameter(f"unknown log opt '{option}' for json-file log driver")
    runtime = fields.text(host, "Runtime")
    if runtime not in ("", "lab"):
        raise InvalidParameter(f"unknown or invalid runtime name: {runtime}")


_LOG_OPTIONS = frozenset("max-file max-size compress env env-regex labels labels-regex tag".split())


def _refusal(option: str) -> Unsupported:
    return Unsupported(f"this engine does not support {option} yet")
