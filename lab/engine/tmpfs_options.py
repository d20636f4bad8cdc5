"""Options of tmpfs mounts, as --tmpfs and --mount type=tmpfs give them.

Source: Docker Engine API, HostConfig.Tmpfs and TmpfsOptions; tmpfs(5), mount(8).
"""

from __future__ import annotations

from collections.abc import Iterable

from lab.errors import InvalidParameter
from lab.oci import fields
from lab.oci.fields import Json

_DEFAULTS = ("noexec", "nosuid", "nodev")
_OPPOSITES = {"exec": "noexec", "suid": "nosuid", "dev": "nodev", "rw": "ro"}
_PLAIN = {"rw", "noatime", "nodiratime", "relatime", "strictatime", "atime", "diratime"}
_DATA = ("mode", "uid", "gid", "size", "nr_inodes", "nr_blocks", "mpol")
_SUFFIXES = ((1 << 30, "g"), (1 << 20, "m"), (1 << 10, "k"))


def words_of(given: Iterable[str]) -> tuple[str, ...]:
    """Return mount(8) words: Docker's defaults, changed by what was given.

    Raises InvalidParameter for what tmpfs does not know.
    """
    words = list(_DEFAULTS)
    wrong = []
    for word in given:
        name, equals, _ = word.partition("=")
        if word in _OPPOSITES:
            words = [each for each in words if each != _OPPOSITES[word]]
        elif word in _OPPOSITES.values():
            words = [*(each for each in words if each != word), word]
        elif equals and name in _DATA:
            words.append(word)
        elif word not in _PLAIN:
            wrong.append(word)
    if wrong:
        quoted = " ".join(f'"{word}"' for word in wrong)
        raise InvalidParameter(f"Invalid tmpfs option [{quoted}]")
    return tuple(words)


def from_mount(options: Json, readonly: bool) -> tuple[str, ...]:
    """Return the words that TmpfsOptions of a --mount mean; InvalidParameter for wrong ones."""
    given = ["ro"] if readonly else []
    mode, size = fields.integer(options, "Mode"), fields.integer(options, "SizeBytes")
    if mode:
        given.append(f"mode={mode & 0o7777:o}")
    if size:
        given.append(f"size={_with_suffix(size)}")
    for option in options.get("Options") or ():
        if not isinstance(option, list) or not 1 <= len(option) <= 2:
            raise InvalidParameter("invalid option array length")
        if option[0] not in ("exec", "noexec"):
            raise InvalidParameter(f"invalid option: {option[0]}")
        given.append("=".join(map(str, option)))
    return words_of(given)


def _with_suffix(size: int) -> str:
    for unit, letter in _SUFFIXES:
        if size % unit == 0:
            return f"{size // unit}{letter}"
    return str(size)
