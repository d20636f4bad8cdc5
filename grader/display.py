"""Results as a learner sees them: plain text, and HTML for a notebook."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from grader.results import CheckResult, tidy
from grader.texts import Text

DONE, OPEN, UNKNOWN = "\u2713", "\u2717", "\u2013"

_POINTS = Text("{points} of {max} points", "{max}점 중 {points}점")
_NEXT = Text("Next: ", "다음: ")
_ALL = Text("All done.", "모두 끝났습니다.")
_LINE = "margin:0 0 0 1.2em;padding:0"
_UNKNOWN = Text("not available here", "여기서는 확인할 수 없음")
_SPOKEN = {DONE: Text("done", "됨"), OPEN: Text("missing", "빠짐"), UNKNOWN: _UNKNOWN}
_COLOURS = {DONE: "#1a7f37", OPEN: "#b35900", UNKNOWN: "#6e7781"}
_WHY_UNKNOWN = Text(
    "This is a Docker Engine of your own. What is not available here only the lab's own engine tells:"
    " start the lab without --docker-host to have it checked.",
    "직접 연결한 Docker Engine을 쓰고 있습니다. 여기서 확인할 수 없는 것은 랩의 엔진만 알려 줍니다."
    " 확인하려면 --docker-host 없이 랩을 시작하세요.",
)


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
    if _any_unknown(results):
        lines.append(_WHY_UNKNOWN.within(language))
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
    if _any_unknown(results):
        parts.append(f"<div>{escape(_WHY_UNKNOWN.within(language))}</div>")
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
    missing = [(OPEN, text.within(language)) for text in result.missing]
    told = _UNKNOWN.within(language)
    return [
        *seen,
        *missing,
        *((UNKNOWN, f"{told}: {text.within(language)}") for text in result.unavailable),
    ]


def _any_unknown(results: Sequence[CheckResult]) -> bool:
    return any(result.unavailable for result in results)


def _complete(results: Sequence[CheckResult]) -> bool:
    return bool(results) and all(result.complete for result in results)
