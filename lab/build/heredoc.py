"""Here-documents: text of several lines that stands in the Dockerfile itself.

    RUN <<EOF                    the text is run by the shell, or by what its first line names
    RUN python3 <<EOF            the shell gives the text to the command
    COPY <<EOF /etc/motd         the text becomes a file
    COPY <<a.txt <<b.txt /dir/   several files, called as the words that end them

Docker's own classic builder leaves them to BuildKit; here they work, since everyone writes them.
Source: Dockerfile reference, section Here-Documents.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from lab.build import lines
from lab.errors import BuildError

KEYWORDS = frozenset(("run", "copy", "add"))
"""The instructions that may have here-documents."""

_OPENING = re.compile(r"(\d*)<<(-?)([^<]*)")
_QUOTED = re.compile(r"""(["'])(.*)\1""")


@dataclass(frozen=True, slots=True)
class Document:
    """One here-document.

    `word` is how it was opened (`<<EOF`), `name` the word that ends it, `text` what is between,
    each line with its end; variables are put in if `expand`.
    """

    word: str
    name: str
    text: str
    expand: bool
    chomp: bool


Numbered = Iterator[tuple[int, str]]


def read(text: str, escape: str, number: int, more: Numbered) -> tuple[Document, ...]:
    """Return the documents that the arguments `text` open; `more` yields the lines after them.

    Raises BuildError if one does not end.
    """
    return tuple(_filled(opened, number, more) for opened in _opened(text, escape))


def _opened(text: str, escape: str) -> Iterator[Document]:
    for word in lines.words(text, escape):
        found = _OPENING.fullmatch(word)
        if found is None or not found[3] or any(map(str.isspace, found[3].strip("\"'"))):
            continue
        quoted = _QUOTED.fullmatch(found[3])
        name = quoted[2] if quoted else found[3]
        yield Document(word, name, "", quoted is None, bool(found[2]))


def _filled(opened: Document, number: int, more: Numbered) -> Document:
    found: list[str] = []
    for _, line in more:
        kept = line.lstrip("\t") if opened.chomp else line
        if kept == opened.name:
            return Document(opened.word, opened.name, "".join(found), opened.expand, opened.chomp)
        found.append(kept + "\n")
    raise BuildError("unterminated heredoc", number)


def command(argument: str, documents: Iterable[Document]) -> str:
    """Return the text that the shell gets for a RUN with here-documents."""
    documents = tuple(documents)
    if len(documents) == 1 and argument == documents[0].word and documents[0].text:
        return _script(documents[0].text)
    bodies = "".join(f"{each.text}{each.name}\n" for each in documents)
    return f"{argument}\n{bodies}"


def _script(text: str) -> str:
    """Return a script as it is; one that names its interpreter is given to that one."""
    if not text.startswith("#!"):
        return text
    interpreter = text.partition("\n")[0][2:].strip()
    end = "EOF"
    while f"\n{end}\n" in text:
        end += "_"
    return f"{interpreter} /dev/fd/3 3<<'{end}'\n{text}{end}\n"
