"""What checks say: findings, checks worth points, tasks, and the result of a task.

Task --evaluate(evidence)--> Check, Check, ... --each a Finding--> CheckResult
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from grader.errors import BadExercise
from grader.evidence import Evidence
from grader.texts import Text


@dataclass(frozen=True, slots=True)
class Finding:
    """The answer to one question about what was done.

    `goal` is what should be; `seen` tells what there is in its place, when that says more;
    `hint` is the next thing to do in the present state, where the goal is not reached.  `available`
    is false where this engine cannot tell, because it is not the lab's own.
    """

    reached: bool
    goal: Text
    hint: Text | None = None
    seen: Text | None = None
    available: bool = True

    def __bool__(self) -> bool:
        return self.reached


def not_available(goal: Text) -> Finding:
    """Return the answer to a question that only the lab's own engine could answer."""
    return Finding(False, goal, available=False)


def all_of(first: Finding, *others: Finding) -> Finding:
    """Return a finding that is reached if all are; what is told is the first that is not."""
    findings = (first, *others)
    # what is known to be missing can be mended; what is not known comes after it
    for finding in sorted(findings, key=lambda each: not each.available):
        if not finding:
            return finding
    told = [finding.seen or finding.goal for finding in findings]
    seen = Text("; ".join(text.en for text in told), "; ".join(text.ko for text in told))
    return Finding(True, first.goal, seen=seen)


@dataclass(frozen=True, slots=True)
class Check:
    """A finding and the points that it is worth."""

    points: float
    finding: Finding


Checks = Iterable[Check]
"""What an exercise's function for a task yields."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """A task evaluated: points, what was seen, what is missing, and one hint.

    `unavailable` is what this engine cannot tell, because it is not the lab's own.
    """

    task: str
    title: Text
    points: float
    max: float
    seen: tuple[Text, ...] = ()
    missing: tuple[Text, ...] = ()
    hint: Text | None = None
    unavailable: tuple[Text, ...] = ()

    @property
    def complete(self) -> bool:
        return self.points >= self.max

    def to_json(self, language: str) -> dict[str, Any]:
        """Return the members that `grader grade --json` prints for a task."""
        return {
            "name": self.task,
            "title": self.title.within(language),
            "points": tidy(self.points),
            "max": tidy(self.max),
            "seen": [text.within(language) for text in self.seen],
            "missing": [text.within(language) for text in self.missing],
            "hint": self.hint.within(language) if self.hint else None,
        }


@dataclass(frozen=True, slots=True)
class Task:
    """A part of an exercise, with a graded cell of its own.

    `checks` asks the questions; their points add up to `max` whatever the answers are.
    """

    name: str
    max: float
    title: Text
    checks: Callable[[Evidence], Checks]

    def evaluate(self, evidence: Evidence) -> CheckResult:
        """Ask all questions.  Raises EngineUnreachable; BadExercise if points do not add up."""
        checks = list(self.checks(evidence))
        if sum(check.points for check in checks) != self.max:
            raise BadExercise(f"the checks of task {self.name} do not add up to {self.max} points")
        reached = [check for check in checks if check.finding]
        missing = [each.finding for each in checks if not each.finding and each.finding.available]
        unknown = [each.finding for each in checks if not each.finding.available]
        return CheckResult(
            self.name,
            self.title,
            sum(check.points for check in reached),
            self.max,
            seen=tuple(check.finding.seen or check.finding.goal for check in reached),
            missing=tuple(finding.goal for finding in missing),
            hint=next((finding.hint for finding in missing if finding.hint), None),
            unavailable=tuple(finding.goal for finding in unknown),
        )

    def unevaluated(self, hint: Text) -> CheckResult:
        """Return the result of a task that could not be looked at: no points, and why."""
        return CheckResult(self.name, self.title, 0, self.max, missing=(self.title,), hint=hint)


def tidy(points: float) -> float | int:
    """Return points as people write them: 3 instead of 3.0."""
    return int(points) if points == int(points) else points
