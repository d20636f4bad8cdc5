"""Extended attributes of files: which ones layers carry, and file capabilities across id maps.

Carried are `user.*` (but not overlay's own marks) and `security.capability`.  Everything else
belongs to one host (labels, access lists with its ids) and is neither written nor read.
"""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Mapping

from lab.kernel.idmap import IdMap

CAPABILITY = "security.capability"
_OVERLAY = "user.overlay."
_REVISION_MASK, _REVISION_2, _REVISION_3 = 0xFF000000, 0x02000000, 0x03000000
_SIZE_2 = 20
_UNSUPPORTED = (errno.ENOTSUP, errno.EPERM)


def write(fd: int, attributes: Mapping[bytes, bytes], ids: IdMap) -> None:
    """Set those attributes of an open file that layers carry.

    What the file system does not support, or this user may not set, is left out, as in Docker.
    """
    for key, value in attributes.items():
        name = os.fsdecode(key)
        if not _is_carried(name):
            continue
        try:
            os.setxattr(fd, name, capability_on_disk(value, ids) if name == CAPABILITY else value)
        except OSError as error:
            if error.errno not in _UNSUPPORTED:
                raise


def read(fd: int) -> dict[bytes, bytes]:
    """Return those attributes of an open file that layers carry, as a layer holds them."""
    try:
        names = os.listxattr(fd)
    except OSError as error:
        if error.errno in _UNSUPPORTED:
            return {}
        raise
    found = {}
    for name in names:
        # `=` ends the key of a pax record
        if not _is_carried(name) or "=" in name:
            continue
        value = os.getxattr(fd, name)
        found[os.fsencode(name)] = capability_in_layer(value) if name == CAPABILITY else value
    return found


def capability_on_disk(value: bytes, ids: IdMap) -> bytes:
    """Return a layer's file capability bound to containers' root.

    Without the id it would count for the sandbox's root too, who is the launcher on the host.
    Source: capabilities(7), Namespaced file capabilities.
    """
    if ids.base == 0 or len(value) != _SIZE_2 or _revision(value) != _REVISION_2:
        return value
    (magic,) = struct.unpack_from("<I", value)
    head = struct.pack("<I", magic & ~_REVISION_MASK | _REVISION_3)
    return head + value[4:] + struct.pack("<I", ids.to_sandbox(0))


def capability_in_layer(value: bytes) -> bytes:
    """Return a file capability without the id of this place's root, as Docker writes it."""
    if len(value) <= _SIZE_2 or _revision(value) != _REVISION_3:
        return value
    (magic,) = struct.unpack_from("<I", value)
    return struct.pack("<I", magic & ~_REVISION_MASK | _REVISION_2) + value[4:_SIZE_2]


def _revision(value: bytes) -> int:
    return int(struct.unpack_from("<I", value)[0]) & _REVISION_MASK


def _is_carried(name: str) -> bool:
    return name == CAPABILITY or (name.startswith("user.") and not name.startswith(_OVERLAY))
