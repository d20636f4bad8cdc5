"""The messages of a build."""

from __future__ import annotations

from lab.build.stream import CommandOutput, Progress, Withheld, error_message
from lab.errors import BuildError, NotFound


def test_withheld_output_is_bounded() -> None:
    """Are the oldest messages dropped when a quiet command writes without end?"""
    withheld = Withheld(limit=1000)
    for number in range(100):
        withheld({"stream": f"{number}".ljust(50)})
    shown: list[dict[str, object]] = []
    withheld.release(shown.append)
    assert 0 < len(shown) < 20 and str(shown[-1]["stream"]).startswith("99")


def test_output_is_decoded_across_writes() -> None:
    """Are characters whole that a write cut in two, and broken ones replaced?"""
    said: list[dict[str, object]] = []
    output = CommandOutput(Progress(said.append))
    for stream, data in (("stdout", b"\xed\x95"), ("stderr", b"e"), ("stdout", b"\x9c\xff")):
        output(stream, data)
    output("stdout", b"\xed")
    output.finish()
    assert [message["stream"] for message in said] == ["\033[91me\033[0m", "한\ufffd", "\ufffd"]


def test_error_message_has_a_code_only_for_commands() -> None:
    """Is the last message shaped as Docker's?"""
    assert error_message(BuildError("a", 3, 7)) == {
        "errorDetail": {"code": 7, "message": "a"},
        "error": "a",
    }
    assert error_message(NotFound("b")) == {"errorDetail": {"message": "b"}, "error": "b"}
