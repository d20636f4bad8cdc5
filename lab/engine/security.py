"""What a container may do to the kernel: `--privileged`, `--security-opt`, `--sysctl`, `--device`.

Source: Docker Engine API, HostConfig; the wording of refusals is Docker's where Docker refuses.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from lab.errors import InvalidParameter, LabError, Unsupported
from lab.oci import fields
from lab.oci.fields import Json
from lab.runtime import capabilities

BUILTIN, UNCONFINED = "builtin", "unconfined"
"""Words for a seccomp profile; anything else is the profile itself, as JSON."""

PRIVILEGED_WARNING = (
    "a privileged container has all capabilities of its own user namespace here, "
    "not those of the host, and none of the host's devices"
)
_TRUE, _FALSE = ("1", "t", "T", "TRUE", "true", "True"), ("0", "f", "F", "FALSE", "false", "False")
_KERNEL_SYSCTLS = frozenset(
    "kernel.msgmax kernel.msgmnb kernel.msgmni kernel.sem kernel.shmall kernel.shmmax"
    " kernel.shmmni kernel.shm_rmid_forced".split()
)
_OWN_DEVICES = frozenset(f"/dev/{name}" for name in "full null random tty urandom zero".split())
"""What every container has; the sandbox gives away no other device."""


@dataclass(frozen=True, slots=True)
class Security:
    """The parsed options; `seccomp` is BUILTIN, UNCONFINED or a profile."""

    privileged: bool = False
    seccomp: str = BUILTIN
    no_new_privileges: bool = False
    sysctls: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @classmethod
    def of(cls, host: Json) -> Security:
        """Read a HostConfig.

        Raises InvalidParameter in Docker's words, Unsupported for devices of the host.
        """
        privileged = fields.boolean(host, "Privileged")
        seccomp, no_new, warnings = UNCONFINED if privileged else BUILTIN, False, []
        for option in fields.texts(host, "SecurityOpt"):
            key, value = _split(option)
            if key == "seccomp":
                seccomp = _profile(value)
            elif key == "no-new-privileges":
                no_new = _boolean(option, value)
            elif key == "apparmor" and value != UNCONFINED:
                warnings.append(f"AppArmor is not used here: the profile {value} has no effect")
        if privileged:
            warnings.append(PRIVILEGED_WARNING)
        _check_devices(host)
        return cls(privileged, seccomp, no_new, _sysctls(host), tuple(warnings))

    def capabilities(self, host: Json) -> tuple[str, ...]:
        """Return what a container's processes may have at most."""
        if self.privileged:
            return tuple(capabilities.NAMES)
        return effective_capabilities(fields.texts(host, "CapAdd"), fields.texts(host, "CapDrop"))


def effective_capabilities(added: list[str], dropped: list[str]) -> tuple[str, ...]:
    """Return Docker's default set with additions and removals; names with or without `CAP_`."""
    result = list(capabilities.DEFAULT)
    drop, add = _names(dropped, "CapDrop"), _names(added, "CapAdd")
    if "ALL" in add:
        result = list(capabilities.NAMES)
    if "ALL" in drop:
        result = []
    result += [name for name in add if name != "ALL" and name not in result]
    return tuple(name for name in result if name not in drop)


def _names(given: list[str], key: str) -> list[str]:
    names = []
    for text in given:
        upper = text.upper()
        name = upper if upper == "ALL" or upper.startswith("CAP_") else f"CAP_{upper}"
        if name != "ALL" and name not in capabilities.NAMES:
            raise InvalidParameter(f'invalid {key}: unknown capability: "{text}"')
        names.append(name)
    return names


def _split(option: str) -> tuple[str, str]:
    if option in ("no-new-privileges", "disable"):
        return option, "true"
    separator = "=" if "=" in option else ":"
    key, found, value = option.partition(separator)
    if not found:
        raise InvalidParameter(f'invalid --security-opt 1: "{option}"')
    if key not in ("label", "apparmor", "seccomp", "no-new-privileges"):
        raise InvalidParameter(f'invalid --security-opt 2: "{option}"')
    return key, value


def _boolean(option: str, value: str) -> bool:
    if value not in (*_TRUE, *_FALSE):
        raise InvalidParameter(f'invalid --security-opt 2: "{option}"')
    return value in _TRUE


def _profile(value: str) -> str:
    if value not in (BUILTIN, UNCONFINED):
        try:
            profile = json.loads(value)
        except ValueError as error:
            raise InvalidParameter(f"Decoding seccomp profile failed: {error}") from None
        if not isinstance(profile, dict):
            raise InvalidParameter("Decoding seccomp profile failed: it must be an object")
    return value


def _sysctls(host: Json) -> dict[str, str]:
    found = fields.text_map(host, "Sysctls")
    for name in found:
        if name.startswith("net.") and host.get("NetworkMode") == "host":
            raise InvalidParameter(f"sysctl '{name}' not allowed in host network namespace")
        if not (name in _KERNEL_SYSCTLS or name.startswith(("net.", "fs.mqueue."))):
            raise InvalidParameter(f'sysctl "{name}" is not in a separate kernel namespace')
        if not all(part and part != ".." for part in name.replace("/", ".").split(".")):
            raise InvalidParameter(f"sysctl '{name}' is not allowed")
    return found


def _check_devices(host: Json) -> None:
    if requests := fields.objects(host, "DeviceRequests"):
        wanted = requests[0]
        names = wanted.get("Capabilities") or []
        shown = " ".join(f"[{' '.join(map(str, each))}]" for each in names)
        driver = fields.text(wanted, "Driver")
        raise LabError(f'could not select device driver "{driver}" with capabilities: [{shown}]')
    for device in fields.objects(host, "Devices"):
        path, inside = fields.text(device, "PathOnHost"), fields.text(device, "PathInContainer")
        if path in _OWN_DEVICES and inside in (path, ""):
            continue
        if not os.path.exists(path):
            raise InvalidParameter(
                f'error gathering device information while adding custom device "{path}": '
                "no such file or directory"
            )
        raise Unsupported(
            f"this engine cannot hand out devices of the host ({path}): a container's user "
            "namespace may not open them; run without --device"
        )
