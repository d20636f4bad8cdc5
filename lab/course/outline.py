"""What the lessons' notebooks have in them: how many cells are to be run, which rows they cover."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import lab


@dataclass(frozen=True, slots=True)
class Outline:
    """A lesson's code cells by their ids, with the rows that each covers."""

    cells: dict[str, tuple[str, ...]]

    @property
    def rows(self) -> set[str]:
        return {row for rows in self.cells.values() for row in rows}


@lru_cache
def outline(lesson: str) -> Outline | None:
    """Return what a lesson has in it, the same in each language; None if there is no such notebook."""
    path = Path(lab.__file__).resolve().parents[1] / "notebooks" / "en" / f"{lesson}.ipynb"
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    except FileNotFoundError:
        return None
    return Outline(
        {
            cell["id"]: tuple(cell["metadata"].get("covers", ()))
            for cell in cells
            if cell["cell_type"] == "code"
        }
    )
