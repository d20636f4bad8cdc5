"""What transfers say: bars, units, and not too much of it."""

from __future__ import annotations

import pytest

from lab.engine.progress import Progress, bar, error_message, human_size
from lab.errors import BuildError, NotFound
from lab.oci.digest import Digest

LAYER = Digest.of(b"layer")


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0B"),
        (999, "999B"),
        (1000, "1kB"),
        (1234, "1.234kB"),
        (12345, "12.35kB"),
        (2_000_000, "2MB"),
        (91_642_193, "91.64MB"),
        (3_200_000_000, "3.2GB"),
        (5 * 10**15, "5000TB"),
    ],
)
def test_sizes_are_written_as_docker_writes_them(size: int, text: str) -> None:
    """Are there four digits and decimal units?"""
    assert human_size(size) == text


@pytest.mark.parametrize(
    ("current", "total", "text"),
    [
        (0, 0, ""),
        (500, 0, "    500B"),
        (50, 100, "[" + "=" * 25 + ">" + " " * 25 + "]      50B/100B"),
        (100, 100, "[" + "=" * 50 + ">]     100B/100B"),
        (300, 100, "[" + "=" * 50 + ">]     300B"),
    ],
)
def test_bars_are_drawn_as_docker_draws_them(current: int, total: int, text: str) -> None:
    """Is the bar fifty characters wide, with numbers behind it?"""
    assert bar(current, total) == text


def test_progress_is_told_at_intervals_and_at_the_end() -> None:
    """Are steps in quick succession left out, but never the last one, for each work by itself?"""
    times = iter((0.0, 0.05, 0.11, 0.12, 0.13, 0.14, 0.15))
    said: list[int] = []
    progress = Progress(
        lambda each: said.append(each["progressDetail"]["current"]), lambda: next(times)
    )
    for current in (1, 2, 3, 4, 10):
        progress.advance(LAYER, "Downloading", current, 10)
    assert said == [1, 3, 10]
    progress.advance(LAYER, "Extracting", 1, 10)
    progress.advance(Digest.of(b"other"), "Extracting", 2, 10)
    assert said == [1, 3, 10, 1, 2]


def test_messages_have_dockers_form() -> None:
    """Are status, id and details where clients look for them?"""
    said: list[object] = []
    progress = Progress(said.append)
    progress.say("Pulling from library/nginx", "latest")
    progress.say("Digest: x")
    progress.state(LAYER, "Waiting")
    progress.aux({"Tag": "1"})
    assert said == [
        {"status": "Pulling from library/nginx", "id": "latest"},
        {"status": "Digest: x"},
        {"status": "Waiting", "progressDetail": {}, "id": LAYER.short},
        {"progressDetail": {}, "aux": {"Tag": "1"}},
    ]


def test_the_error_message_has_both_forms() -> None:
    """Do old and new clients find the error, and the exit code of a failed command?"""
    assert error_message(NotFound("gone"), "gone") == {
        "errorDetail": {"message": "gone"},
        "error": "gone",
    }
    failed = error_message(BuildError("failed", 3, 7), "failed")
    assert failed["errorDetail"] == {"code": 7, "message": "failed"}
