"""What layers hide of those below them: bytes that stay stored, though nobody sees them.

A layer hides a file by deleting it (a whiteout), or by having another one at its path.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lab.widgets.streams import Json

LISTED = 5000
"""How many files of a layer are asked for; of a larger one only these are looked at."""

NAMED = 20
"""How many hidden files are named, the largest first."""

_KEPT = 6
"""Of how many layers the files are kept, while others are looked at."""

Files = Callable[[str, int], Json | None]
"""Answers of /lab/v1/layers/CHAIN/files, by chain and limit; None where they are not told."""


@dataclass(frozen=True, slots=True)
class _Listed:
    """A layer's files: by path, whether deleted, and bytes (of what is no file: -1)."""

    files: Mapping[str, tuple[bool, int]]
    truncated: bool


class Waste:
    """Finds out, for each layer once, what it hides; for one thread at a time."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._lists: OrderedDict[str, _Listed] = OrderedDict()
        self._found: dict[str, Json] = {}

    def of(self, chains: Sequence[str]) -> dict[str, Json]:
        """Return, for those of an image's layers (base first) that hide something, what and how much.

        {"bytes", "files": [[path, bytes, number of the layer that has it]], "more", "at_least"}
        """
        for at, chain in enumerate(chains):
            if chain not in self._found:
                self._found[chain] = self._look(chains[: at + 1])
        return {each: self._found[each] for each in chains if self._found[each]["bytes"]}

    def _look(self, chains: Sequence[str]) -> Json:
        *below, chain = chains
        own = self._list(chain)
        hidden: dict[tuple[str, int], int] = {}
        cut = own.truncated
        if below:
            for path, (deleted, size) in own.files.items():
                if deleted or size >= 0:
                    cut |= self._hidden_by(path, deleted, below, hidden)
        named = sorted(hidden.items(), key=lambda item: (-item[1], item[0]))
        return {
            "bytes": sum(hidden.values()),
            "files": [[path, size, number] for (path, number), size in named[:NAMED]],
            "more": max(0, len(named) - NAMED),
            "at_least": cut,
        }

    def _hidden_by(
        self, path: str, deleted: bool, below: Sequence[str], hidden: dict[tuple[str, int], int]
    ) -> bool:
        """Add the files that were seen at a path, or below it; tell whether some may be missing."""
        seen: set[str] = set()
        cut = False
        for at in range(len(below) - 1, -1, -1):
            listed = self._list(below[at])
            cut |= listed.truncated
            for each in _at(listed.files, path, deleted):
                gone, size = listed.files[each]
                if not _is_covered(each, seen):
                    seen.add(each) if gone or size >= 0 else None
                    if size > 0:
                        hidden[each, at + 1] = size
        return cut

    def _list(self, chain: str) -> _Listed:
        if chain in self._lists:
            self._lists.move_to_end(chain)
            return self._lists[chain]
        answer = self._files(chain, LISTED) or {"Entries": [], "Truncated": False}
        listed = _Listed(
            {each["Path"]: _told(each) for each in answer["Entries"]}, bool(answer["Truncated"])
        )
        self._lists[chain] = listed
        while len(self._lists) > _KEPT:
            self._lists.popitem(last=False)
        return listed


def _told(entry: Mapping[str, Any]) -> tuple[bool, int]:
    size = int(entry["Size"]) if entry["Kind"] in ("file", "symlink") else -1
    return entry["Change"] == "deleted", size


def _at(files: Mapping[str, tuple[bool, int]], path: str, deleted: bool) -> list[str]:
    """Return what a layer has at a path, and below it if that was deleted."""
    found = [path] if path in files else []
    if deleted:
        found += [each for each in files if each.startswith(f"{path}/")]
    return found


def _is_covered(path: str, seen: set[str]) -> bool:
    """Tell whether a layer between has the path, or has deleted a directory that it is in."""
    while path:
        if path in seen:
            return True
        path = path.rpartition("/")[0]
    return False
