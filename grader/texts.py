"""Sentences in the course's two languages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

LANGUAGES = ("en", "ko")


@dataclass(frozen=True, slots=True)
class Text:
    """One sentence, in English and in Korean."""

    en: str
    ko: str

    def within(self, language: str) -> str:
        """Return the sentence in that language; in English for one that the course lacks."""
        return self.ko if language == "ko" else self.en


def language_of(metadata: object) -> str:
    """Return the language that a notebook's own metadata name, `en` if they name none.

    It is the member `lab.language`; nbgrader and Jupyter leave it alone.
    """
    own = metadata.get("lab") if isinstance(metadata, Mapping) else None
    named = own.get("language") if isinstance(own, Mapping) else None
    return named if named in LANGUAGES else "en"
