"""Patterns of `.dockerignore`: which files of a context are left out.

One pattern a line; `#` begins a comment, `!` takes back an earlier exclusion, and the last
pattern that matches decides.  `*` and `?` stop at slashes, `**` does not.  A pattern that
matches a directory matches all in it.  Source: Dockerfile reference, .dockerignore files.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from lab.build.golang import WHITESPACE, character_class, clean, match
from lab.errors import InvalidParameter


@dataclass(frozen=True, slots=True)
class _Pattern:
    excludes: bool
    expression: re.Pattern[str]


class IgnoreRules:
    """The patterns of one file, in order."""

    def __init__(self, patterns: Iterable[str]) -> None:
        """Compile the patterns; InvalidParameter if one is malformed."""
        self._patterns = [_compiled(pattern) for pattern in patterns]

    @classmethod
    def parse(cls, content: bytes) -> IgnoreRules:
        """Return the rules that a `.dockerignore` spells."""
        return cls(patterns_of(content))

    def ignores(self, path: str) -> bool:
        """Whether the file at `path`, relative to the context, is left out."""
        path = clean(path)
        if path == ".":
            return False
        parts = path.split("/")
        paths = ["/".join(parts[:count]) for count in range(len(parts), 0, -1)]
        ignored = False
        for pattern in self._patterns:
            # only a pattern that would change the answer needs a look
            if pattern.excludes is not ignored and any(map(pattern.expression.fullmatch, paths)):
                ignored = pattern.excludes
        return ignored


def patterns_of(content: bytes) -> list[str]:
    """Return the patterns of a `.dockerignore`, each in its shortest form, `!` in front."""
    patterns = []
    for line in content.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace").split("\n"):
        pattern = line.strip(WHITESPACE)
        if line.startswith("#") or not pattern:
            continue
        taken_back = pattern.startswith("!")
        if taken_back:
            pattern = pattern[1:].strip(WHITESPACE)
        if pattern:
            pattern = clean(pattern)
            pattern = pattern.removeprefix("/") or pattern
        patterns.append(("!" if taken_back else "") + pattern)
    return patterns


def _compiled(pattern: str) -> _Pattern:
    pattern = clean(pattern)
    excludes = not pattern.startswith("!")
    bare = pattern if excludes else pattern[1:]
    if not bare:
        raise InvalidParameter('illegal exclusion pattern: "!"')
    try:
        match(bare, ".")
    except ValueError as error:
        raise InvalidParameter(f"{error}: {pattern}") from None
    return _Pattern(excludes, re.compile(_translated(bare), re.DOTALL))


def _translated(pattern: str) -> str:
    if pattern.startswith("**") and not re.search(r"[*?\[\\]", pattern[2:]):
        # Docker looks only at the end of the path then: `**foo` matches `barfoo`
        end = re.escape(pattern[2:])
        return f"(.*{end}|{end[1:]})" if pattern[2:3] == "/" else f".*{end}"
    parts = []
    at = 0
    while at < len(pattern):
        part, at = _next(pattern, at)
        parts.append(part)
    return "".join(parts)


def _next(pattern: str, at: int) -> tuple[str, int]:
    """Translate what begins at `at`; return it with the position after it."""
    char = pattern[at]
    if pattern.startswith("**", at):
        at += 3 if pattern.startswith("/", at + 2) else 2
        return (".*" if at == len(pattern) else "(?:.*/)?"), at
    if char == "[":
        return character_class(pattern, at)
    if char == "\\":
        return re.escape(pattern[at + 1]), at + 2
    return {"*": "[^/]*", "?": "[^/]"}.get(char) or re.escape(char), at + 1
