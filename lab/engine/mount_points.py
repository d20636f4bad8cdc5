"""What a container is to see at which place: -v, --mount and --tmpfs, read as Docker reads them.

A `MountPoint` is first what the client asked for, then what `docker inspect` shows; it is part of
the container's record.  Source: Docker Engine API, ContainerCreate, MountPoint.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass

from lab.engine.tmpfs_options import from_mount, words_of
from lab.errors import InvalidParameter, Unsupported
from lab.oci import fields
from lab.oci.fields import Json
from lab.oci.runtime_spec import Mount

BIND, VOLUME, TMPFS = "bind", "volume", "tmpfs"

_WINDOWS_DRIVE = re.compile(r"[A-Za-z]:[\\/]")
_GROUPS = (
    {"ro", "rw"},
    {"z", "Z"},
    {"private", "rprivate", "slave", "rslave", "shared", "rshared"},
    {"nocopy"},
    {"consistent", "cached", "delegated", "default"},
)
_PRIVATE = "rprivate"
_OPTIONS = {BIND: "BindOptions", VOLUME: "VolumeOptions", TMPFS: "TmpfsOptions"}


@dataclass(frozen=True, slots=True)
class MountPoint:
    """One place of a container.

    `source` is a folder or file of the host (bind), or where a volume lies, empty until it is
    known; `name` and `driver` are the volume's, empty for an anonymous one until it is made.
    `copy` asks for the image's content in an empty volume; `subpath` is the part of the volume
    that is shown; `anonymous` says that nobody gave the volume a name; `make` that a missing
    source of a bind is to be made; `words` are options of a tmpfs; `labels` and `driver_options`
    are for a volume that is made on this occasion.
    """

    type: str
    destination: str
    source: str = ""
    name: str = ""
    driver: str = ""
    mode: str = ""
    rw: bool = True
    propagation: str = ""
    copy: bool = False
    subpath: str = ""
    anonymous: bool = False
    make: bool = False
    words: tuple[str, ...] = ()
    labels: Mapping[str, str] | None = None
    driver_options: Mapping[str, str] | None = None

    @classmethod
    def from_json(cls, members: Json) -> MountPoint:
        """Read what dataclasses.asdict made of one."""
        return cls(**{**members, "words": tuple(members["words"])})

    def shown(self) -> Json:
        """Return what `docker inspect` lists under Mounts."""
        named = {"Name": self.name} if self.name else {}
        driver = {"Driver": self.driver} if self.driver else {}
        return {
            "Type": self.type,
            **named,
            "Source": self.source,
            "Destination": self.destination,
            **driver,
            "Mode": self.mode,
            "RW": self.rw,
            "Propagation": self.propagation,
        }


def parse_bind(text: str) -> MountPoint:
    """Return the place that one `-v` asks for: `source:destination[:options]`, `destination`.

    Raises InvalidParameter, in Docker's words, for what is malformed.
    """
    parts = text.split(":")
    bad = InvalidParameter(f"invalid volume specification: '{text}'")
    if not parts[0] or len(parts) > 3 or _WINDOWS_DRIVE.match(text):
        raise bad
    if len(parts) == 2 and _is_mode(parts[1]):
        raise bad
    source = parts[0] if len(parts) > 1 else ""
    destination = parts[min(len(parts) - 1, 1)]
    mode = parts[2] if len(parts) == 3 else ""
    if not _is_mode(mode):
        raise InvalidParameter(f"invalid mode: {mode}")
    kind = BIND if source.startswith("/") else VOLUME
    try:
        _check_destination(kind, destination)
    except InvalidParameter as error:
        raise InvalidParameter(f"{bad.message}: {error.message}") from None
    words = mode.split(",")
    return _bind(source, destination, mode, words) if kind == BIND else MountPoint(
        VOLUME,
        posixpath.normpath(destination),
        name=source,
        mode=mode or ("z" if source else ""),
        rw="ro" not in words,
        copy="nocopy" not in words,
        anonymous=not source,
    )  # fmt: skip


def parse_mount(spec: Json) -> MountPoint:
    """Return the place that one `--mount`, an entry of HostConfig.Mounts, asks for.

    Raises InvalidParameter for what is malformed, Unsupported for what this engine cannot do.
    """
    kind = fields.text(spec, "Type")
    for owner, key in _OPTIONS.items():
        if owner != kind and spec.get(key) is not None:
            raise _invalid(kind, f"field {key} must not be specified")
    target = fields.text(spec, "Target")
    if not target:
        raise _invalid(kind, "field Target must not be empty")
    _check_destination(kind, target)
    if kind == "image":
        raise Unsupported("this engine does not support --mount type=image yet")
    if kind not in _OPTIONS:
        raise _invalid(kind, "mount type unknown")
    options = fields.obj(spec, _OPTIONS[kind])
    readonly = fields.boolean(spec, "ReadOnly")
    destination, source = posixpath.normpath(target), fields.text(spec, "Source")
    if kind == BIND:
        return _mounted_bind(source, destination, readonly, options)
    if kind == VOLUME:
        return _mounted_volume(source, destination, readonly, options)
    if source:
        raise _invalid(kind, "field Source must not be specified")
    try:
        words = from_mount(options, readonly)
    except InvalidParameter as error:
        raise _invalid(kind, error.message) from None
    return MountPoint(TMPFS, destination, rw=not readonly, words=words)


def parse_tmpfs(path: str, options: str) -> Mount:
    """Return the mount that one `--tmpfs path[:options]` asks for."""
    if posixpath.normpath(path) == "/":
        raise InvalidParameter("invalid specification: destination can't be '/'")
    if not path.startswith("/"):
        raise InvalidParameter(f"invalid mount path: '{path}' mount path must be absolute")
    words = words_of(word for word in options.split(",") if word)
    return Mount(posixpath.normpath(path), TMPFS, TMPFS, words)


def parse_volumes_from(text: str) -> tuple[str, bool]:
    """Return the container that one `--volumes-from` names, and whether it may write there."""
    name, _, mode = text.partition(":")
    if not name:
        raise InvalidParameter("volumes-from specification cannot be an empty string")
    words = set(mode.split(",")) if mode else set()
    if not _is_mode(mode) or words & (_GROUPS[2] | _GROUPS[3]):
        raise InvalidParameter(f"invalid mode: {mode}")
    return name, "ro" not in words


def anonymous(destination: str) -> MountPoint:
    """Return the place of a volume that an image, or `-v destination`, asks for."""
    return MountPoint(VOLUME, posixpath.normpath(destination), copy=True, anonymous=True)


def _bind(source: str, destination: str, mode: str, words: list[str]) -> MountPoint:
    propagation = next((word for word in words if word in _GROUPS[2]), _PRIVATE)
    return MountPoint(
        BIND,
        posixpath.normpath(destination),
        source=_clean(source),
        mode=mode,
        rw="ro" not in words,
        propagation=_checked(propagation, source),
        make=True,
    )


def _mounted_bind(source: str, destination: str, readonly: bool, options: Json) -> MountPoint:
    if not source:
        raise _invalid(BIND, "field Source must not be empty")
    if not source.startswith("/"):
        raise _invalid(BIND, f"invalid mount path: '{source}' mount path must be absolute")
    propagation = fields.text(options, "Propagation") or _PRIVATE
    if propagation not in _GROUPS[2]:
        raise _invalid(BIND, f"invalid propagation mode: {propagation}")
    for key in ("NonRecursive", "ReadOnlyNonRecursive"):
        if fields.boolean(options, key):
            raise Unsupported(f"this engine does not support {key} of binds: they are recursive")
    return MountPoint(
        BIND,
        destination,
        source=_clean(source),
        rw=not readonly,
        propagation=_checked(propagation, source),
        make=fields.boolean(options, "CreateMountpoint"),
    )


def _mounted_volume(source: str, destination: str, readonly: bool, options: Json) -> MountPoint:
    subpath = fields.text(options, "Subpath")
    if subpath and not source:
        raise _invalid(VOLUME, "must not set Subpath when using anonymous volumes")
    if subpath and not _is_local(subpath):
        raise _invalid(VOLUME, "subpath must be a relative path within the volume")
    driver = fields.obj(options, "DriverConfig")
    return MountPoint(
        VOLUME,
        destination,
        name=source,
        driver=fields.text(driver, "Name"),
        mode="z",
        rw=not readonly,
        copy=not fields.boolean(options, "NoCopy"),
        subpath=subpath,
        anonymous=not source,
        labels=fields.text_map(options, "Labels") or None,
        driver_options=fields.text_map(driver, "Options") or None,
    )


def _check_destination(kind: str, path: str) -> None:
    if path.strip("/.") == "" and posixpath.normpath(path or "/") == "/":
        raise _invalid(kind, "invalid specification: destination can't be '/'")
    if not path.startswith("/"):
        raise _invalid(kind, f"invalid mount path: '{path}' mount path must be absolute")


def _checked(propagation: str, source: str) -> str:
    if propagation.endswith("shared"):
        # nothing of the host is shared with the sandbox
        raise InvalidParameter(f"path {source} is mounted on / but it is not a shared mount")
    return propagation


def _clean(path: str) -> str:
    # two slashes at the beginning are kept by normpath
    return "/" + posixpath.normpath(path).lstrip("/")


def _is_mode(text: str) -> bool:
    if not text:
        return True
    words = text.split(",")
    known = all(any(word in group for group in _GROUPS) for word in words)
    return known and all(sum(word in group for word in words) <= 1 for group in _GROUPS)


def _is_local(path: str) -> bool:
    return not path.startswith("/") and posixpath.normpath(path).split("/")[0] != ".."


def _invalid(kind: str, text: str) -> InvalidParameter:
    return InvalidParameter(f'invalid mount config for type "{kind}": {text}')
