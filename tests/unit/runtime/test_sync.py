"""The report pipe between a container's set-up and the spawner."""

from __future__ import annotations

import os

from lab.runtime import sync


def test_lines_are_merged() -> None:
    """Does one record come out of what two processes wrote?"""
    reader, writer = os.pipe()
    sync.report(writer, pid=7)
    sync.report(writer, go=True)
    sync.report(writer, error="no", exit_code=126)
    os.close(writer)
    with open(reader, "rb") as file:
        assert sync.read_report(file.read()) == {
            "pid": 7,
            "go": True,
            "error": "no",
            "exit_code": 126,
        }


def test_a_writer_that_was_killed() -> None:
    """Does half a line count as a failure, without hiding a reason that is there?"""
    assert "killed" in sync.read_report(b'{"pid": 7}\n{"go": tr')["error"]
    assert sync.read_report(b'{"error": "why"}\n{"go"')["error"] == "why"
    assert sync.read_report(b"") == {}
