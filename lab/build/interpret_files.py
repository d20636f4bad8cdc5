"""What FROM, COPY and ADD say: images, stages, files.

Source: Dockerfile reference; wording of errors: Docker's classic builder, and BuildKit's for what
only that has (`--chmod`).
"""

from __future__ import annotations

import re

from lab.build import options
from lab.build.golang import quote
from lab.build.instructions import Copy, From, Instruction
from lab.build.parser import Node
from lab.errors import BuildError

_STAGE_NAME = re.compile(r"[a-z][a-z0-9-_.]*")


def from_(node: Node) -> Instruction:
    """Return the record of a FROM."""
    name = ""
    if len(node.args) == 3 and node.args[1].lower() == "as":
        name = node.args[2].lower()
        if not _STAGE_NAME.fullmatch(name):
            raise BuildError(
                f"invalid name for build stage: {quote(node.args[2])}, name can't start with a"
                " number or contain symbols"
            )
    elif len(node.args) != 1:
        raise BuildError("FROM requires either one or three arguments")
    given = options.values(node, "platform")
    return From(node.line, node.text, node.args[0], name, given.get("platform", ""))


def copy(node: Node) -> Instruction:
    """Return the record of a COPY."""
    return _copy(node, "chown", "chmod", "from")


def add(node: Node) -> Instruction:
    """Return the record of an ADD."""
    return _copy(node, "chown", "chmod")


def _copy(node: Node, *known: str) -> Instruction:
    verb = node.keyword.upper()
    if len(node.args) < 2:
        raise BuildError(
            f"{verb} requires at least two arguments, but only one was provided. Destination could"
            " not be determined"
        )
    given = options.values(node, *known)
    *sources, destination = node.args
    words = {document.word for document in node.documents}
    if destination in words:
        raise BuildError(f"{verb} cannot accept a heredoc as a destination")
    return Copy(
        node.line,
        node.text,
        tuple(source for source in sources if source not in words),
        destination,
        given.get("chown", ""),
        given.get("chmod", ""),
        given.get("from", ""),
        node.documents,
        verb,
    )
