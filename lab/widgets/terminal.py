"""A true transcript of a terminal, for notebooks, which have none of their own."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable

import pexpect

CTRL_C = "\x03"
"""What the keyboard sends for an interrupt."""

DETACH = "\x10\x11"
"""Ctrl-P Ctrl-Q: the docker CLI leaves the container and lets it run."""

_KEYS = {CTRL_C: "^C", DETACH: "^P^Q"}
_PROMPT = r"[$#] $"
_LIMIT = 30.0
_COLUMNS = 100
_CONTROL = re.compile(r"\x1b\[\?2004l\r|\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07]*\x07|\r(?=\n)|\x07")
"""Sequences that move a cursor or ring a bell: notebooks' output has neither."""


def type_in_terminal(
    command: str, *lines: str, show: Callable[[str], object] | None = None
) -> int | None:
    """Run a command in a real terminal and type lines into it, each at the next prompt.

    A line of CTRL_C or DETACH is keys, sent without Enter, and told as `^C` or `^P^Q`.
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
            if line in _KEYS:
                tell(f"{_KEYS[line]}\n")
                child.send(line)
            else:
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
