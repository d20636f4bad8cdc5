"""Small parts of Go's standard library whose exact results show in what Docker does and says.

Sources: Go's packages `strconv` (Quote), `path` (Clean), `path/filepath` (Match), `unicode`
(IsSpace).
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from functools import lru_cache

WHITESPACE = (
    "\t\n\v\f\r \x85\xa0\u1680"
    + "".join(map(chr, range(0x2000, 0x200B)))
    + ("\u2028\u2029\u202f\u205f\u3000")
)
"""What Go calls space; Python's `str.strip()` would also take the separators \\x1c to \\x1f."""

_ESCAPES = {
    '"': '\\"',
    "\\": "\\\\",
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
}


def is_space(char: str) -> bool:
    """Whether Go takes this character for white space; the empty string is none."""
    return char != "" and char in WHITESPACE


def quote(text: str) -> str:
    """Return `text` as Go's `%q` writes it."""
    return '"' + "".join(map(_quoted, text)) + '"'


def quote_list(texts: Iterable[str]) -> str:
    """Return a list of strings as Go's `%q` writes it: `["nginx" "-g" "daemon off;"]`."""
    return "[" + " ".join(map(quote, texts)) + "]"


def clean(path: str) -> str:
    """Return the shortest path that means the same; the empty path becomes `.`."""
    shortest = posixpath.normpath(path) if path else "."
    return shortest[1:] if shortest.startswith("//") else shortest


def scalar(text: str) -> str:
    """Join escaped surrogate pairs and replace half ones, as Go's JSON reader does."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def match(pattern: str, name: str) -> bool:
    """Whether the whole `name` matches the shell pattern; `*` and `?` do not match a slash.

    Raises ValueError if the pattern is malformed.
    """
    return _compiled(pattern).fullmatch(name) is not None


def character_class(pattern: str, start: int) -> tuple[str, int]:
    """Translate the class whose `[` is at `start` into a regular expression.

    Return it with the position after the closing bracket.  Only `^` negates.  Raises ValueError
    if the class is malformed.
    """
    at = start + 1
    negated = pattern[at : at + 1] == "^"
    at += negated
    ranges: list[tuple[str, str]] = []
    while not (ranges and pattern[at : at + 1] == "]"):
        low, at = _class_member(pattern, at)
        high = low
        if pattern[at] == "-":
            high, at = _class_member(pattern, at + 1)
        ranges.append((low, high))
    members = "".join(f"{re.escape(a)}-{re.escape(b)}" for a, b in ranges if a <= b)
    if not members:
        return (r"[\s\S]" if negated else r"(?!)"), at + 1
    return f"[{'^' if negated else ''}{members}]", at + 1


def _class_member(pattern: str, at: int) -> tuple[str, int]:
    if pattern[at : at + 1] == "\\":
        at += 1
    elif pattern[at : at + 1] in ("", "-", "]"):
        raise ValueError("syntax error in pattern")
    if at + 1 >= len(pattern):
        raise ValueError("syntax error in pattern")
    return pattern[at], at + 1


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    """Translate the pattern; as in Go, a star takes as little as it can and never reconsiders."""
    chunks = [""]
    at = 0
    while at < len(pattern):
        if pattern[at] == "*":
            chunks.append("")
            at += 1
        else:
            part, at = _single(pattern, at)
            chunks[-1] += part
    first, *others = chunks
    last = [f"[^/]*?{others.pop()}"] if others else []
    return re.compile(
        "".join([first, *(f"(?>[^/]*?{chunk})" for chunk in others), *last]), re.DOTALL
    )


def _single(pattern: str, at: int) -> tuple[str, int]:
    """Translate what matches one character; return it with the position after it."""
    char = pattern[at]
    if char == "[":
        return character_class(pattern, at)
    if char == "?":
        return "[^/]", at + 1
    if char == "\\":
        at += 1
        if at == len(pattern):
            raise ValueError("syntax error in pattern")
        char = pattern[at]
    return re.escape(char), at + 1


def _quoted(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    if char.isprintable():
        return char
    code = ord(char)
    if code < 0x20 or code == 0x7F:
        return f"\\x{code:02x}"
    if 0xD800 <= code < 0xE000:
        return "\ufffd"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
