"""How results look."""

from __future__ import annotations

from html.parser import HTMLParser

from grader import display
from grader.results import CheckResult
from grader.texts import Text

DONE = CheckResult("a", Text("Build", "빌드"), 2, 2, seen=(Text("built", "만들었다"),))
HALF = CheckResult(
    "b",
    Text("Run", "실행"),
    1,
    3,
    seen=(Text("runs", "실행 중"),),
    missing=(Text("a page <b>", "페이지 <b>"),),
    hint=Text("use <script>", "<script> 쓰기"),
)


def test_text() -> None:
    """Does the text say what is done, what is missing, and what is next?"""
    lines = display.as_text([DONE, HALF], "en").splitlines()
    assert lines == [
        "Build: 2 of 2 points",
        f"  {display.DONE} built",
        "Run: 1 of 3 points",
        f"  {display.DONE} runs",
        f"  {display.OPEN} a page <b>",
        "  Next: use <script>",
    ]


def test_all_done() -> None:
    """Is it said when all is done, and only then?"""
    assert display.as_text([DONE], "en").endswith("All done.")
    assert "All done" not in display.as_text([HALF], "en")
    assert "모두 끝났습니다" in display.as_html([DONE], "ko")


def test_html_is_escaped_and_balanced() -> None:
    """Can nothing of what was seen become markup, in either language?"""
    for language in ("en", "ko"):
        html = display.as_html([DONE, HALF], language)
        tags = Tags(html)
        assert set(tags.opened) <= {"div", "b", "i", "span"}
        assert sorted(tags.opened) == sorted(tags.closed)
        assert "&lt;script&gt;" in html
        assert f'lang="{language}"' in html


class Tags(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.opened: list[str] = []
        self.closed: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.opened.append(tag)

    def handle_endtag(self, tag: str) -> None:
        self.closed.append(tag)
