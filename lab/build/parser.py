"""Bytes of a Dockerfile -> nodes: one for each instruction, with the line that it starts on.

Handled here: parser directives (`# escape=`, `# syntax=`), comments (also inside a continued
line), continuation lines, empty continuation lines (a warning), CRLF, a byte order mark.

Source: Dockerfile reference, sections Format, Parser directives, Environment replacement.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from lab.build import heredoc, lines
from lab.build.golang import WHITESPACE
from lab.build.heredoc import Document
from lab.errors import BuildError

MAX_LINE = 65535
"""Bytes in one line of a Dockerfile, Docker's limit."""

_BOM = b"\xef\xbb\xbf"
_DIRECTIVE = re.compile(r"#\s*([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.+?)\s*", re.ASCII)
_DIRECTIVES = ("escape", "syntax")
_CONTINUED = {
    "\\": re.compile(r"([^\\])\\[ \t]*\Z|^\\[ \t]*\Z"),
    "`": re.compile(r"([^`])`[ \t]*\Z|^`[ \t]*\Z"),
}


@dataclass(frozen=True, slots=True)
class Node:
    """One instruction, cut into pieces and not yet understood.

    `keyword` is in lower case; `args` are what is left without keyword and `flags`, `is_json`
    tells that they came from a JSON array; `text` is the instruction with its continuation
    lines joined; `line` is the first line's number, from 1; `documents` are its here-documents.
    """

    keyword: str
    flags: tuple[str, ...]
    args: tuple[str, ...]
    is_json: bool
    text: str
    line: int
    documents: tuple[Document, ...] = ()


@dataclass(frozen=True, slots=True)
class ParsedFile:
    """The nodes of a Dockerfile; `escape` is its escape character, `warnings` Docker's."""

    nodes: tuple[Node, ...]
    escape: str
    warnings: tuple[str, ...] = ()


def parse(content: bytes, name: str = "Dockerfile") -> ParsedFile:
    """Return the instructions of the Dockerfile that the context calls `name`.

    Raises BuildError in Docker's words, with the line.
    """
    if not content:
        raise BuildError(f"the Dockerfile ({name}) cannot be empty")
    try:
        return _Parser(content).run()
    except BuildError as error:
        raise BuildError(f"failed to parse {name}: {error.message}", error.line) from None


class _Parser:
    """One pass over the lines."""

    def __init__(self, content: bytes) -> None:
        self._lines = _numbered(content)
        self._escape = "\\"
        self._seen: set[str] = set()
        self._directives_over = False
        self._warnings: list[str] = []

    def run(self) -> ParsedFile:
        nodes = []
        number = 0
        for number, raw in self._lines:
            line = self._strip(number, raw.lstrip(WHITESPACE))
            text, continued = self._without_continuation(line)
            if text or continued:
                nodes.append(self._node(number, self._join(text) if continued else text))
        if not nodes:
            raise BuildError("file with no instructions", number)
        if self._warnings:
            self._warnings.append(
                "[WARNING]: Empty continuation lines will become errors in a future release."
            )
        return ParsedFile(tuple(nodes), self._escape, tuple(self._warnings))

    def _strip(self, number: int, line: str) -> str:
        """Read a parser directive, if this is one; return the line, or nothing for a comment."""
        if not self._directives_over:
            self._directive(number, line)
        return "" if line.startswith("#") else line

    def _directive(self, number: int, line: str) -> None:
        found = _DIRECTIVE.fullmatch(line)
        key = found[1].lower() if found else ""
        if found is None or key not in _DIRECTIVES:
            self._directives_over = True
            return
        if key in self._seen:
            raise BuildError(f"only one {key} parser directive can be used", number)
        self._seen.add(key)
        if key == "escape":
            if found[2] not in _CONTINUED:
                raise BuildError(
                    f"invalid escape token '{found[2]}' does not match ` or \\", number
                )
            self._escape = found[2]

    def _without_continuation(self, line: str) -> tuple[str, bool]:
        text, count = _CONTINUED[self._escape].subn(lambda found: found[1] or "", line)
        return text, count > 0

    def _join(self, text: str) -> str:
        """Append the lines that continue an instruction; comments among them are left out."""
        has_empty = False
        for number, raw in self._lines:
            line = self._strip(number, raw)
            if raw.lstrip(WHITESPACE).startswith("#"):
                continue
            if not line.strip(WHITESPACE):
                has_empty = True
                continue
            more, continued = self._without_continuation(line)
            text += more
            if not continued:
                break
        if has_empty:
            self._warnings.append(f"[WARNING]: Empty continuation line found in:\n    {text}")
        return text

    def _node(self, number: int, text: str) -> Node:
        keyword, flags, rest = lines.split_command(text)
        try:
            args, is_json = lines.CUTTERS.get(keyword, lines.ignored)(rest, self._escape)
        except BuildError as error:
            raise BuildError(error.message, number) from None
        documents: tuple[Document, ...] = ()
        if keyword in heredoc.KEYWORDS and not is_json:
            documents = heredoc.read(rest, self._escape, number, self._lines)
        shown = text.strip(WHITESPACE)
        return Node(keyword, tuple(flags), tuple(args), is_json, shown, number, documents)


def _numbered(content: bytes) -> Iterator[tuple[int, str]]:
    """Yield the lines with their numbers, without line ends; what is not UTF-8 is replaced."""
    raw_lines = content.removeprefix(_BOM).split(b"\n")
    if not raw_lines[-1]:
        raw_lines.pop()
    for number, line in enumerate(raw_lines, 1):
        if len(line) > MAX_LINE:
            raise BuildError(f"dockerfile line greater than max allowed size of {MAX_LINE}", number)
        yield number, line.removesuffix(b"\r").decode("utf-8", "replace")
