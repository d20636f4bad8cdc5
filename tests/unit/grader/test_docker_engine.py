"""Exercises against a learner's own Docker Engine: what it tells is judged, the rest is left open."""

from __future__ import annotations

from typing import Any

import pytest

from grader import display
from grader.results import CheckResult, Finding, all_of, not_available
from grader.texts import Text

from .helpers import NGINX, FakeEvidence, complete, container, nginx, site
from .test_exercise_02 import results

YES, NO = Finding(True, Text("yes", "yes")), Finding(False, Text("no", "no"))
OPEN = not_available(Text("open", "open"))


def found(**changes: Any) -> dict[str, CheckResult]:
    """The tasks' results, on an engine that tells neither builds nor pushes nor files of layers."""
    return results(complete(**{"events": (), "files": {}, "is_lab": False, **changes}))


def test_what_docker_tells_is_judged() -> None:
    """Do label, container, port and page count, while files of layers and pushes are left open?"""
    told = found()
    assert {name: each.points for name, each in told.items()} == {"build": 1, "run": 3, "push": 0}
    assert [len(told[name].unavailable) for name in ("build", "run", "push")] == [1, 0, 1]
    assert not any(each.missing or each.hint for each in told.values())
    assert not told["build"].complete


@pytest.mark.parametrize(
    ("image", "word"),
    [(site(layers=("x", "b")), "FROM nginx"), (site(id=NGINX, layers=("a",)), "adds nothing")],
)
def test_base_is_seen_in_the_layers(image: Any, word: str) -> None:
    """Is another base, or nothing on it, told as with the lab's engine?"""
    told = found(images=(image, nginx()), containers=(container(image=image.id),))
    assert told["build"].hint is not None
    assert word in told["build"].hint.en
    assert told["run"].points == 0


def test_base_that_is_not_here() -> None:
    """Is the base left open where the official image is not in the engine any more?"""
    told = found(images=(site(),))
    assert told["build"].unavailable
    assert not told["build"].missing


def test_hints_as_ever() -> None:
    """Does one who has done nothing hear what to do, and one without a port that it is missing?"""
    nothing = results(FakeEvidence(is_lab=False))
    assert all(result.hint for result in nothing.values())
    closed = found(containers=(container(ports={}),))
    assert closed["run"].hint is not None and "-p" in closed["run"].hint.en


def test_container_of_a_changed_page() -> None:
    """Does the page that was changed in the container, not in the image, count as on the lab's?"""
    changed = complete(events=(), files={}, is_lab=False)
    changed._written = ("/usr/share/nginx/html/index.html",)
    assert results(changed)["run"].points == 2


@pytest.mark.parametrize(
    ("findings", "expected"),
    [((YES, OPEN), OPEN), ((OPEN, YES), OPEN), ((OPEN, NO), NO), ((NO, OPEN), NO), ((YES,), YES)],
)
def test_all_of(findings: tuple[Finding, ...], expected: Finding) -> None:
    """Is what is known to be missing told before what is not known?"""
    assert all_of(*findings).goal == expected.goal
    assert all_of(*findings).available == expected.available


@pytest.mark.parametrize(
    ("language", "words"), [("en", "not available here: "), ("ko", "여기서는 확인할 수 없음: ")]
)
def test_shown(language: str, words: str) -> None:
    """Is "not available here" said with what and why, and never that all is done?"""
    told = list(found().values())
    for text in (display.as_text(told, language), display.as_html(told, language)):
        assert words in text
        assert "--docker-host" in text
        assert "All done" not in text and "모두 끝났습니다" not in text
    assert "--docker-host" not in display.as_text(list(results(complete()).values()), language)
