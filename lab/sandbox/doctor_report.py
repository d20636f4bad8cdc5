"""The isolation meter's report: its records, and how they are written as JSON.

The JSON (`lab doctor --json`) is stable: members are added, never renamed; `format` says which form
it has.  Every sentence is there in each language of the lab.

    {"format": 1, "lab": VERSION, "works": BOOL, "chosen": KIND or null, "asked": KIND or "auto",
     "running": {"kind": KIND, "kernel": RELEASE, ...} or null,
     "sandboxes": [{"kind": KIND, "works": BOOL, "why": TEXT or null, "help": TEXT or null}],
     "sections": [{"key": KEY, "title": TEXT, "about": TEXT,
                   "findings": [{"key": KEY, "grade": "real" | "limited" | "absent", "label": TEXT,
                                 "about": TEXT, "seen": TEXT or null, "why": TEXT or null,
                                 "help": TEXT or null}]}]}
    TEXT is {"en": SENTENCE, "ko": SENTENCE}; KIND is "namespaces" or "vm".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from lab.sandbox.doctor_texts_en import EN
from lab.sandbox.doctor_texts_ko import KO

FORMAT = 1
LANGUAGES: Mapping[str, Mapping[str, str]] = {"en": EN, "ko": KO}


class Grade(StrEnum):
    """How much of a thing there is."""

    REAL = "real"
    LIMITED = "limited"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class Phrase:
    """A sentence that can be said in each language: its code, and what is filled in."""

    code: str
    values: Mapping[str, object] = field(default_factory=dict)

    def text(self, language: str) -> str:
        return LANGUAGES[language][self.code].format(**self.values)

    def to_json(self) -> dict[str, str]:
        return {language: self.text(language) for language in LANGUAGES}


def quote(text: str) -> Phrase:
    """Return a phrase for a sentence that somebody else said; it is the same in each language."""
    return Phrase("quote", {"text": text})


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was tried: how much of it there is, what was seen, why not, what would help."""

    key: str
    grade: Grade
    seen: Phrase | None = None
    why: Phrase | None = None
    help: Phrase | None = None

    @property
    def label(self) -> Phrase:
        return Phrase(f"label.{self.key}")

    @property
    def about(self) -> Phrase:
        return Phrase(f"about.{self.key}")

    def to_json(self) -> dict[str, Any]:
        return {
            "key": self.key,
            "grade": self.grade.value,
            "label": self.label.to_json(),
            "about": self.about.to_json(),
            **{name: _optional(getattr(self, name)) for name in ("seen", "why", "help")},
        }


@dataclass(frozen=True, slots=True)
class Section:
    """Findings about one thing: `place` (this machine), `namespaces`, `vm`, `running`."""

    key: str
    findings: list[Finding]

    @property
    def title(self) -> Phrase:
        return Phrase(f"title.{self.key}")

    @property
    def about(self) -> Phrase:
        return Phrase(f"intro.{self.key}")

    def to_json(self) -> dict[str, Any]:
        return {
            "key": self.key,
            "title": self.title.to_json(),
            "about": self.about.to_json(),
            "findings": [finding.to_json() for finding in self.findings],
        }


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a kind of sandbox works here; if not, why not and what would help."""

    kind: str
    why: Phrase | None = None
    help: Phrase | None = None

    @property
    def works(self) -> bool:
        return self.why is None

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "works": self.works,
            "why": _optional(self.why),
            "help": _optional(self.help),
        }


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that `lab doctor` found.

    `version` is the lab's, `asked` the kind that the settings ask for.
    """

    version: str
    asked: str
    verdicts: list[Verdict]
    sections: list[Section]
    running: Mapping[str, Any] | None = None

    @property
    def chosen(self) -> str | None:
        """The kind that the engine would take here; None if it would refuse to start."""
        for verdict in self.verdicts:
            if verdict.works and self.asked in ("auto", verdict.kind):
                return verdict.kind
        return None

    @property
    def works(self) -> bool:
        return any(verdict.works for verdict in self.verdicts)

    def to_json(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "lab": self.version,
            "works": self.works,
            "chosen": self.chosen,
            "asked": self.asked,
            "running": self.running,
            "sandboxes": [verdict.to_json() for verdict in self.verdicts],
            "sections": [section.to_json() for section in self.sections],
        }


def _optional(phrase: Phrase | None) -> dict[str, str] | None:
    return None if phrase is None else phrase.to_json()
