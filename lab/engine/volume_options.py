"""Options of volumes of the `local` driver: what `docker volume create -o` may ask for.

Source: Docker's local driver; its words for what is wrong.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from lab.errors import InvalidParameter, Unsupported
from lab.ids import NAME_PATTERN
from lab.kernel.flags import MS
from lab.runtime.rootfs import split_options

_KNOWN = ("type", "o", "device", "size")
_NEEDED = {"device": ("type",), "type": ("device",), "o": ("device", "type")}
_BIND = ("bind", "rbind")
_ALLOWED = '"[a-zA-Z0-9][a-zA-Z0-9_.-]"'


def check_name(name: str) -> None:
    """Raise InvalidParameter if no volume can be called so."""
    if len(name) == 1:
        raise InvalidParameter(
            f"create {name}: volume name is too short, names should be at least two alphanumeric "
            "characters"
        )
    if not NAME_PATTERN.fullmatch(name) or len(name) > 255:
        quoted = json.dumps(name, ensure_ascii=False)
        raise InvalidParameter(
            f"create {name}: {quoted} includes invalid characters for a local volume name, only "
            f"{_ALLOWED} are allowed. If you intended to pass a host directory, use absolute path"
        )


def check_options(name: str, options: Mapping[str, str]) -> None:
    """Raise InvalidParameter for impossible options, Unsupported for those not to be had here."""
    for option in options:
        if option not in _KNOWN:
            raise InvalidParameter(f'create {name}: invalid option: "{option}"')
    if options.get("size", "0") not in ("", "0"):
        raise InvalidParameter(f"create {name}: quota size requested but no quota support")
    for option, needed in _NEEDED.items():
        for other in needed if option in options else ():
            if other not in options:
                raise InvalidParameter(f'create {name}: missing required option: "{other}"')
    if options.get("device") and not (is_tmpfs(options) or is_bind(options)):
        raise Unsupported(
            f"create {name}: this engine mounts volumes of type=tmpfs, and folders of the host "
            f"(type=none, o=bind); it cannot mount type={options.get('type')}"
        )


def is_tmpfs(options: Mapping[str, str]) -> bool:
    """Whether the volume lives in memory, as long as a container uses it."""
    return options.get("type") == "tmpfs"


def is_bind(options: Mapping[str, str]) -> bool:
    """Whether the volume stands for a folder of the host."""
    words = options.get("o", "").split(",")
    return options.get("type") in ("none", "bind") and any(word in _BIND for word in words)


def mount_failure(options: Mapping[str, str], path: Path, reason: str) -> str:
    """Return Docker's words for a folder of the host that cannot be mounted at `path`."""
    words = [word for word in options.get("o", "").split(",") if word]
    flags, data = split_options(tuple(word for word in words if word not in _BIND))
    flags |= MS.BIND | (MS.REC if "rbind" in words else MS(0))
    what = f"mount {options['device']}:{path}, flags: {int(flags):#x}"
    return f"failed to mount local volume: {what}{f', data: {data}' if data else ''}: {reason}"


def is_readonly(options: Mapping[str, str]) -> bool:
    """Whether the volume's own options keep everybody from writing to it."""
    return "ro" in options.get("o", "").split(",")


def tmpfs_words(options: Mapping[str, str], to_sandbox: Callable[[int], int]) -> tuple[str, ...]:
    """Return the mount(8) words of a volume in memory.

    It belongs to the container's root if `uid` and `gid` are not given; `to_sandbox` translates
    the container's ids into those that the mount is to name.
    """
    words = [word for word in options.get("o", "").split(",") if word]
    owner = {"uid": "0", "gid": "0"}
    others = []
    for word in words:
        name, _, value = word.partition("=")
        if name in owner and value.isdecimal():
            owner[name] = value
        else:
            others.append(word)
    return (*(f"{name}={to_sandbox(int(value))}" for name, value in owner.items()), *others)
