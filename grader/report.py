"""The result of one submission, as JSON and as text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from grader import display
from grader.replay import Failure
from grader.results import CheckResult, tidy
from grader.texts import Text

_TOTAL = Text("{student}: {score} of {max} points", "{student}: {max}점 중 {score}점")
_FAILED = Text("Cells that failed: {cells}", "실패한 셀: {cells}")


@dataclass(frozen=True, slots=True)
class Report:
    """What was graded, and with which engine; `seconds` is how long it took."""

    assignment: str
    student: str
    results: tuple[CheckResult, ...]
    failures: tuple[Failure, ...]
    engine: Mapping[str, str]
    seconds: float

    @property
    def score(self) -> float:
        return sum(result.points for result in self.results)

    @property
    def max_score(self) -> float:
        return sum(result.max for result in self.results)

    def to_json(self, language: str) -> dict[str, Any]:
        return {
            "assignment": self.assignment,
            "student": self.student,
            "score": tidy(self.score),
            "max_score": tidy(self.max_score),
            "tasks": [result.to_json(language) for result in self.results],
            "cells_failed": [failure.to_json() for failure in self.failures],
            "engine": dict(self.engine),
            "seconds": round(self.seconds, 2),
        }

    def as_text(self, language: str) -> str:
        total = _TOTAL.within(language)
        lines = [
            total.format(student=self.student, score=tidy(self.score), max=tidy(self.max_score)),
            display.as_text(self.results, language),
        ]
        if self.failures:
            cells = ", ".join(f"{each.place} ({each.error})" for each in self.failures)
            lines.append(_FAILED.within(language).format(cells=cells))
        return "\n".join(lines)
