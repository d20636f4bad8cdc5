"""Is the catalog there, whole, and made by today's recipes?  Answered without opening a blob.

The stamp lies in the layout's folder, beside what it speaks of, and is written last.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from lab.errors import InvalidParameter
from lab.oci import fields

_STAMP = "catalog.json"
_RECIPES = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Made:
    """One image of the catalog.  `size` is in bytes, of all its layers unpacked; `added` of its own.

    `key` changes with what the image is made from (see lab.catalog.earlier).
    """

    name: str
    id: str
    tags: list[str]
    size: int
    added: int
    key: str = ""


def is_complete(target: Path) -> bool:
    """Say whether `target` holds all images of today's recipes, every blob with its full size."""
    stamp = _read(target)
    if stamp is None or stamp.get("recipes") != fingerprint():
        return False
    blobs = stamp.get("blobs")
    return isinstance(blobs, dict) and whole_blobs(target) == set(blobs)


def read_images(target: Path) -> list[Made]:
    """Return what the catalog in `target` holds; nothing if there is none."""
    stamp = _read(target) or {}
    return [Made(**row) for row in fields.objects(stamp, "images")]


def write_stamp(layout: Path, packages: Mapping[str, str], images: Sequence[Made]) -> None:
    """Write the stamp of a finished layout; `packages` are versions by name."""
    blobs = {path.name: path.stat().st_size for path in sorted((layout / "blobs/sha256").iterdir())}
    record = {
        "recipes": fingerprint(),
        "packages": dict(packages),
        "images": [asdict(image) for image in images],
        "blobs": blobs,
    }
    (layout / _STAMP).write_text(json.dumps(record, indent=1), encoding="utf-8")


def whole_blobs(target: Path) -> set[str]:
    """Return the digests, in hex, of the blobs in `target` that have the size they were made with."""
    blobs = (_read(target) or {}).get("blobs")
    known = blobs.items() if isinstance(blobs, dict) else ()
    return {name for name, size in known if _size(target / "blobs" / "sha256" / name) == size}


def fingerprint(path: Path = _RECIPES) -> str:
    """Return what changes whenever a file at or below `path` does: the recipes, by default."""
    return _fingerprint(path, sorted(path.rglob("*")) if path.is_dir() else [path])


@cache
def machinery() -> str:
    """Return what changes with the programs that make images, whatever the images are."""
    return _fingerprint(_RECIPES, sorted(set(_RECIPES.glob("*.py")) - {_RECIPES / "recipes.py"}))


def _fingerprint(folder: Path, paths: Iterable[Path]) -> str:
    running = hashlib.sha256()
    for path in paths:
        if path.is_file() and "__pycache__" not in path.parts:
            running.update(path.relative_to(folder).as_posix().encode() + b"\0")
            running.update(hashlib.sha256(path.read_bytes()).digest())
    return running.hexdigest()


def _read(target: Path) -> fields.Json | None:
    try:
        return fields.load_object((target / _STAMP).read_bytes(), _STAMP)
    except (FileNotFoundError, NotADirectoryError, InvalidParameter):
        return None


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return -1
