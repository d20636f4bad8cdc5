"""What a learner has done, as values; the file that keeps it is in lab.course.progress.

    {"version": 1,
     "cells": {LESSON: {CELL: {"covers": ["K01"], "first": 1.0, "last": 2.0, "times": 3}}},
     "answers": [{"at": 1.0, "lesson": LESSON, "key": KEY, "about": "quiz" | "prediction",
                  "outcome": "right" | "wrong" | "chosen" | "later", "answer": ...}]}

Times are seconds since 1970.  An answer is the number of an option, several numbers (in the order
given, for a question of order), or a typed text; null for `later`.  `chosen` is a prediction whose
command was not run yet.  Answers are only ever added, so two records of one learner can be merged.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from lab.errors import InvalidParameter, Unsupported

Json = dict[str, Any]

VERSION = 1
ABOUT = ("quiz", "prediction")
OUTCOMES = ("right", "wrong", "chosen", "later")


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a lesson that was run: which rows it covers, when, and how often."""

    covers: tuple[str, ...]
    first: float
    last: float
    times: int = 1

    def merged(self, other: Cell) -> Cell:
        return Cell(
            covers=tuple(sorted({*self.covers, *other.covers})),
            first=min(self.first, other.first),
            last=max(self.last, other.last),
            times=max(self.times, other.times),
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one question, once."""

    at: float
    lesson: str
    key: str
    about: str
    outcome: str
    answer: Any = None

    @property
    def question(self) -> tuple[str, str, str]:
        """Return what names its question."""
        return self.lesson, self.about, self.key


@dataclass(frozen=True, slots=True)
class Record:
    """All that a learner has done; the answers by their time."""

    cells: Mapping[str, Mapping[str, Cell]] = field(default_factory=dict)
    answers: tuple[Answer, ...] = ()

    def with_cell(self, lesson: str, cell_id: str, covers: Iterable[str], at: float) -> Record:
        """Return the record after a cell was run."""
        before = self.cells.get(lesson, {}).get(cell_id)
        done = Cell(tuple(sorted(set(covers))), at, at)
        if before is not None:
            done = replace(before.merged(done), times=before.times + 1)
        of_lesson = {**self.cells.get(lesson, {}), cell_id: done}
        return replace(self, cells={**self.cells, lesson: of_lesson})

    def with_answer(self, answer: Answer) -> Record:
        return replace(self, answers=_by_time((*self.answers, answer)))

    def merged(self, other: Record) -> Record:
        """Return both together; what is in both is there once, and nothing is lost."""
        cells: dict[str, dict[str, Cell]] = {name: dict(of) for name, of in self.cells.items()}
        for lesson, of_lesson in other.cells.items():
            mine = cells.setdefault(lesson, {})
            for cell_id, cell in of_lesson.items():
                mine[cell_id] = mine[cell_id].merged(cell) if cell_id in mine else cell
        known = {_line(answer) for answer in self.answers}
        new = (answer for answer in other.answers if _line(answer) not in known)
        return Record(cells, _by_time((*self.answers, *new)))

    def answers_to(self, lesson: str, about: str, key: str) -> list[Answer]:
        """Return what came of one question, the oldest first."""
        return [each for each in self.answers if each.question == (lesson, about, key)]

    def to_json(self) -> str:
        cells = {
            lesson: {cell_id: asdict(cell) for cell_id, cell in of_lesson.items()}
            for lesson, of_lesson in self.cells.items()
        }
        answers = [asdict(answer) for answer in self.answers]
        content = {"version": VERSION, "cells": cells, "answers": answers}
        return json.dumps(content, ensure_ascii=False, indent=1) + "\n"


def parse(text: str) -> Record:
    """Return the record that `text` describes.

    Raises InvalidParameter if it is none, Unsupported if a newer lab has written it.
    """
    try:
        content = json.loads(text)
        version = content["version"]
        if isinstance(version, int) and version > VERSION:
            raise Unsupported(
                f"this progress was written by a newer version of the lab (format {version})",
                hint="use that version, or a newer one",
            )
        cells = {
            str(lesson): {str(cell_id): _cell(cell) for cell_id, cell in of_lesson.items()}
            for lesson, of_lesson in content["cells"].items()
        }
        return Record(cells, _by_time(_answer(each) for each in content["answers"]))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InvalidParameter(f"this is no progress of the lab: {error!r}") from error


def _cell(value: Json) -> Cell:
    covers = tuple(sorted(str(row) for row in value["covers"]))
    return Cell(covers, float(value["first"]), float(value["last"]), int(value["times"]))


def _answer(value: Json) -> Answer:
    if value["about"] not in ABOUT or value["outcome"] not in OUTCOMES:
        raise ValueError(f"{value['about']} {value['outcome']}")
    return Answer(
        float(value["at"]),
        str(value["lesson"]),
        str(value["key"]),
        value["about"],
        value["outcome"],
        value.get("answer"),
    )


def _by_time(answers: Iterable[Answer]) -> tuple[Answer, ...]:
    return tuple(sorted(answers, key=lambda answer: answer.at))


def _line(answer: Answer) -> str:
    return json.dumps(asdict(answer), sort_keys=True)
