"""What all pages have: the head, the bar on top, tables, code."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lab.registry.page.html import Child, Html, join, tag
from lab.registry.page.visit import Visit
from lab.registry.page.words import LANGUAGES

_NAMES = {"en": "English", "ko": "한국어"}


def page(visit: Visit, title: str, *content: Child) -> Html:
    """Return a whole document."""
    name = visit.say("title")
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", f"{title} - {name}" if title else name),
        tag("link", rel="stylesheet", href="style.css"),
    )
    body = tag("body", _bar(visit), tag("main", *content), _foot(visit))
    return join(Html("<!doctype html>"), tag("html", head, body, lang=visit.language))


def table(heads: Sequence[str], rows: Iterable[Sequence[Child]]) -> Html:
    """Return a table that scrolls by itself where the window is narrow."""
    head = tag("tr", *(tag("th", each, scope="col") for each in heads))
    body = [tag("tr", *(tag("td", cell) for cell in row)) for row in rows]
    return tag("div", tag("table", tag("thead", head), tag("tbody", *body)), class_="wide")


def facts(pairs: Iterable[tuple[str, str]]) -> Html:
    """Return names with their values."""
    return tag("dl", *(join(tag("dt", name), tag("dd", value)) for name, value in pairs))


def code(text: str) -> Html:
    """Return what is to be typed."""
    return tag("pre", tag("code", text))


def _bar(visit: Visit) -> Html:
    search = tag(
        "form",
        tag(
            "input",
            type="search",
            name="q",
            value=visit.query.get("q", ""),
            placeholder=visit.say("search"),
            aria_label=visit.say("search"),
        ),
        tag("button", visit.say("find")),
        action="./",
        role="search",
    )
    return tag(
        "header", tag("a", visit.say("title"), href="./", class_="brand"), search, _who(visit)
    )


def _who(visit: Visit) -> Html:
    if visit.account:
        leave = tag(
            "form",
            visit.proof(),
            tag("button", visit.say("sign-out")),
            method="post",
            action="sign-out",
        )
        return tag("nav", tag("strong", visit.account), leave)
    return tag(
        "nav",
        tag("a", visit.say("sign-in"), href="sign-in"),
        tag("a", visit.say("sign-up"), href="sign-up", class_="primary"),
    )


def _foot(visit: Visit) -> Html:
    links = [
        tag("strong", _NAMES[each], lang=each)
        if each == visit.language
        else tag("a", _NAMES[each], href=f"./?lang={each}", lang=each)
        for each in LANGUAGES
    ]
    return tag("footer", *links)
