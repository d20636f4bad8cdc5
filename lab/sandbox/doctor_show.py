"""The isolation meter's report for a terminal: aligned, and readable without colours."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

from lab.sandbox.doctor_report import Finding, Grade, Phrase, Report, Section, Verdict

MARKS = {Grade.REAL: "+", Grade.LIMITED: "~", Grade.ABSENT: "-"}
"""What stands before a line, so that a glance suffices."""

_COLOURS = {Grade.REAL: "32", Grade.LIMITED: "33", Grade.ABSENT: "31"}
_NARROW, _WIDE = 60, 120
_TEXT = 44
"""Columns that sentences need beside the names; with fewer they go below."""


def lines(report: Report, language: str, width: int, colours: bool) -> Iterator[str]:
    """Yield the lines of the report, none wider than `width` columns if that is at all possible."""
    page = _Page(report, language, min(max(width, _NARROW), _WIDE), colours)
    yield page.word("title")
    yield page.word("lead")
    yield ""
    for verdict in report.verdicts:
        yield from page.verdict(verdict)
    if not report.works:
        yield page.word("none")
    for section in report.sections:
        if section.findings:
            yield ""
            yield from page.section(section)


class _Page:
    def __init__(self, report: Report, language: str, width: int, colours: bool) -> None:
        self._report = report
        self._language = language
        self._width = width
        self._colours = colours
        findings = [each for section in report.sections for each in section.findings]
        self._labels = max((columns(self._say(each.label)) for each in findings), default=0)
        self._grades = max(columns(self.word(grade)) for grade in Grade)

    def word(self, name: str) -> str:
        return self._say(Phrase(f"word.{name}"))

    def verdict(self, verdict: Verdict) -> Iterator[str]:
        grade = Grade.REAL if verdict.works else Grade.ABSENT
        words = [self.word("works" if verdict.works else "refused")]
        if verdict.kind == self._report.chosen:
            words.append(self.word("chosen"))
        if self._report.running and self._report.running["kind"] == verdict.kind:
            words.append(self.word("running"))
        yield f"{self._paint(MARKS[grade], grade)} {pad(verdict.kind, 12)}{', '.join(words)}"
        yield from self._reasons(verdict.why, verdict.help, " " * 14)

    def section(self, section: Section) -> Iterator[str]:
        yield self._bold(self._say(section.title))
        yield from wrap(self._say(section.about), self._width, "")
        for finding in section.findings:
            yield from self._finding(finding)

    def _finding(self, finding: Finding) -> Iterator[str]:
        label = pad(self._say(finding.label), self._labels)
        word = self.word(finding.grade)
        start = f"{self._paint(MARKS[finding.grade], finding.grade)} {label}  "
        start += self._paint(word, finding.grade)
        gap = " " * (self._grades - columns(word) + 2)
        beside = self._labels + self._grades + 6
        narrow = self._width - beside < _TEXT
        indent = " " * (4 if narrow else beside)
        seen = finding.seen or finding.why
        lines = list(wrap(self._say(seen), self._width, indent)) if seen else []
        if narrow or not lines:
            yield start
            yield from lines
        else:
            yield f"{start}{gap}{lines[0][beside:]}"
            yield from lines[1:]
        why = finding.why if finding.seen else None
        yield from self._reasons(why, finding.help, indent)

    def _reasons(self, why: Phrase | None, help: Phrase | None, indent: str) -> Iterator[str]:
        for name, phrase in (("why", why), ("help", help)):
            if phrase:
                text = f"{self.word(name)}: {self._say(phrase)}"
                yield from wrap(text, self._width, indent, hanging="  ")

    def _say(self, phrase: Phrase) -> str:
        return phrase.text(self._language)

    def _paint(self, text: str, grade: Grade) -> str:
        return f"\x1b[{_COLOURS[grade]}m{text}\x1b[0m" if self._colours else text

    def _bold(self, text: str) -> str:
        return f"\x1b[1m{text}\x1b[0m" if self._colours else text


def columns(text: str) -> int:
    """Return how many columns a terminal needs: Korean characters take two."""
    return sum(2 if unicodedata.east_asian_width(each) in "WF" else 1 for each in text)


def pad(text: str, width: int) -> str:
    """Return the text with spaces after it, `width` columns wide."""
    return text + " " * (width - columns(text))


def wrap(text: str, width: int, indent: str, hanging: str = "") -> Iterator[str]:
    """Yield the text in lines of at most `width` columns; words are never broken."""
    line, filled = indent, False
    for word in text.split():
        if filled and columns(line) + 1 + columns(word) > width:
            yield line
            line, filled = indent + hanging, False
        line += f" {word}" if filled else word
        filled = True
    if filled:
        yield line
