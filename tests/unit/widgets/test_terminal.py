"""Transcripts of real terminals."""

from __future__ import annotations

import pexpect
import pytest

from lab.widgets import CTRL_C, type_in_terminal

SHELL = "env PS1=shell#\\  sh"


def test_transcript_is_what_the_terminal_showed() -> None:
    """Are the prompt, what was typed and what came back all there, in order, as plain text?"""
    shown: list[str] = []
    code = type_in_terminal(
        SHELL, "echo one; tty > /dev/null && echo terminal", "exit 3", show=shown.append
    )
    assert "".join(shown).splitlines() == [
        f"$ {SHELL}",
        "shell# echo one; tty > /dev/null && echo terminal",
        "one",
        "terminal",
        "shell# exit 3",
    ]
    assert code == 3


def test_colours_and_bells_are_left_out() -> None:
    """Are control sequences, which a notebook cannot show, removed?"""
    shown: list[str] = []
    type_in_terminal(
        SHELL, r"printf '\033[31mred\033[0m\007\033]0;title\007\n'", "exit", show=shown.append
    )
    assert "red\n" in "".join(shown)
    assert "\x1b" not in "".join(shown)


def test_output_goes_to_the_notebook(capsys: pytest.CaptureFixture[str]) -> None:
    """Without `show`, is it printed?"""
    type_in_terminal("echo hello")
    assert capsys.readouterr().out == "$ echo hello\nhello\n"


def test_program_that_ends_too_early() -> None:
    """Is it an error if lines are left to be typed?"""
    with pytest.raises(pexpect.EOF):
        type_in_terminal("true", "echo never", show=lambda text: None)


def test_keys_are_sent_without_enter() -> None:
    """Does Ctrl-C reach the program as the key does, and is it told as one sees it?"""
    shown: list[str] = []
    code = type_in_terminal(SHELL, CTRL_C, "exit 4", show=shown.append)
    assert "shell# ^C\n" in "".join(shown)
    assert code == 4
