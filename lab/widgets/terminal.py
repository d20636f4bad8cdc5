"""A true transcript of a terminal, for notebooks, which have none of their own."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable

import pexpect

_PROMPT = r"[$#] $"
_LIMIT = 30.0
_COLUMNS = 100
_CONTROL = re.compile(r"\x1b\[\?2004l\r|\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07]*\x07|\r(?=\n)|\x07")
"""Sequences that move a cursor or ring a bell: notebooks' output has neither."""


def type_in_terminal(
    command: str, *lines: str, show: Callable[[str], object] | None = None
) -> int | None:
    """Run a command in a real terminal and type lines into it, each at the next prompt.

    Prints all that the terminal shows, through `show` if one is given.  Returns the exit code,
    None if the command was killed.  Raises pexpect.TIMEOUT if no prompt comes, pexpect.EOF if the
    command ends with lines still to be typed.
    """
    tell = show or _print
    tell(f"$ {command}\n")
    child = pexpect.spawn(
        command, encoding="utf-8", codec_errors="replace", timeout=_LIMIT, dimensions=(24, _COLUMNS)
    )
    try:
        for line in lines:
            child.expect(_PROMPT)
            tell(_plain(child.before + child.after))
            child.sendline(line)
        child.expect(pexpect.EOF)
        tell(_plain(child.before))
    finally:
        child.close()
    code: int | None = child.exitstatus
    return code


def _plain(text: str) -> str:
    return _CONTROL.sub("", text)


def _print(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
