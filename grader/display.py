"""Results as a learner sees them: plain text, and HTML for a notebook."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from grader.results import CheckResult, tidy
from grader.texts import Text

DONE, OPEN = "\u2713", "\u2717"

_POINTS = Text("{points} of {max} points", "{max}점 중 {points}점")
_NEXT = Text("Next: ", "다음: ")
_ALL = Text("All done.", "모두 끝났습니다.")
_LINE = "margin:0 0 0 1.2em;padding:0"
_SPOKEN = {DONE: Text("done", "됨"), OPEN: Text("missing", "빠짐")}
_COLOURS = {DONE: "#1a7f37", OPEN: "#b35900"}


def as_text(results: Sequence[CheckResult], language: str) -> str:
    """Return results as lines of text."""
    lines: list[str] = []
    for result in results:
        lines.append(f"{result.title.within(language)}: {_points(result, language)}")
        lines += [f"  {mark} {line}" for mark, line in _findings(result, language)]
        if result.hint:
            lines.append(f"  {_NEXT.within(language)}{result.hint.within(language)}")
    if _complete(results):
        lines.append(_ALL.within(language))
    return "\n".join(lines)


def as_html(results: Sequence[CheckResult], language: str) -> str:
    """Return results as HTML that brings its own few styles; all texts in it are escaped."""
    parts: list[str] = []
    for result in results:
        mark = DONE if result.complete else OPEN
        parts.append(
            f'<div style="margin:.4em 0"><b>{_sign(mark, language)}'
            f" {escape(result.title.within(language))}</b>"
            f' <span style="opacity:.7">{escape(_points(result, language))}</span>'
        )
        parts += [
            f'<div style="{_LINE}">{_sign(sign, language)} {escape(line)}</div>'
            for sign, line in _findings(result, language)
        ]
        if result.hint:
            hint = escape(result.hint.within(language))
            parts.append(f'<div style="{_LINE}"><i>{_NEXT.within(language)}</i>{hint}</div>')
        parts.append("</div>")
    if _complete(results):
        parts.append(f"<div><b>{escape(_ALL.within(language))}</b></div>")
    return f'<div lang="{language}">{"".join(parts)}</div>'


def note_as_html(text: str, language: str) -> str:
    """Return one plain sentence, or a few lines, as HTML."""
    return f'<div lang="{language}">{escape(text).replace(chr(10), "<br>")}</div>'


def _sign(mark: str, language: str) -> str:
    spoken = _SPOKEN[mark].within(language)
    return f'<span role="img" aria-label="{spoken}" style="color:{_COLOURS[mark]}">{mark}</span>'


def _points(result: CheckResult, language: str) -> str:
    points = _POINTS.within(language)
    return points.format(points=tidy(result.points), max=tidy(result.max))


def _findings(result: CheckResult, language: str) -> list[tuple[str, str]]:
    seen = [(DONE, text.within(language)) for text in result.seen]
    return seen + [(OPEN, text.within(language)) for text in result.missing]


def _complete(results: Sequence[CheckResult]) -> bool:
    return bool(results) and all(result.complete for result in results)
