"""A file before and after a layer, or a container's writing, as lines that came and went."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from lab.widgets.streams import Json

MAX_LINES = 1500
"""Longer texts are not compared: that could take long."""

SHOWN = 300
"""How many lines are shown."""

_CONTEXT = 2


def describe(change: Mapping[str, Any]) -> Json:
    """Return what to show of an answer of `.../content`.

    {"path", "before", "after": {"kind", "size"} or None, "note", "lines": [[sign, text]], "more"}
    `sign` is "+", "-", " " or "@" (lines were left out); `note` says why there are no lines:
    binary, long or same.
    """
    before, after = change["Before"], change["After"]
    texts = [_text(side) for side in (before, after)]
    lines: list[list[str]] = []
    note = ""
    if None in texts:
        note = "binary"
    elif any(len(text or ()) > MAX_LINES for text in texts):
        note = "long"
    else:
        lines = _compare(texts[0] or [], texts[1] or [])
        note = "" if lines else "same"
    return {
        "path": change["Path"],
        "before": _side(before),
        "after": _side(after),
        "note": note,
        "lines": lines[:SHOWN],
        "more": max(0, len(lines) - SHOWN),
    }


def _side(content: Mapping[str, Any] | None) -> Json | None:
    return None if content is None else {"kind": content["Kind"], "size": content["Size"]}


def _text(content: Mapping[str, Any] | None) -> list[str] | None:
    """Return a side's lines; none for what is not there, None for what is no text."""
    if content is None:
        return []
    return None if content["Text"] is None else str(content["Text"]).splitlines()


def _compare(before: list[str], after: list[str]) -> list[list[str]]:
    found: list[list[str]] = []
    for line in difflib.unified_diff(before, after, n=_CONTEXT, lineterm=""):
        if line.startswith(("--- ", "+++ ")) and not found:
            continue
        if line.startswith("@@"):
            # what is left out before the first lines is not worth a line
            found.append(["@", line])
        else:
            found.append([line[0], line[1:]])
    return found
