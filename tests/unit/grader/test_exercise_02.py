"""The exercise's points: what is worth what, and what is worth nothing."""

from __future__ import annotations

import os

from grader import exercise
from grader.results import CheckResult

from .helpers import (
    NAME,
    NGINX,
    PAGE,
    SITE,
    STUDENT,
    FakeEvidence,
    built,
    complete,
    container,
    nginx,
    pulled,
    pushed,
    site,
)


def results(evidence: FakeEvidence) -> dict[str, CheckResult]:
    folder = exercise.folder_of_exercises({k: v for k, v in os.environ.items() if k == "PATH"})
    tasks = exercise.load(folder, STUDENT.exercise).tasks
    return {task.name: task.evaluate(evidence) for task in tasks}


def points(evidence: FakeEvidence) -> tuple[float, float, float]:
    found = results(evidence)
    return found["build"].points, found["run"].points, found["push"].points


def test_all() -> None:
    """Do all tasks done give all points?"""
    assert points(complete()) == (4, 3, 3)


def test_nothing() -> None:
    """Does nothing done give nothing, and a hint for each task?"""
    found = results(FakeEvidence())
    assert all(result.points == 0 and result.hint and result.missing for result in found.values())


def test_no_label() -> None:
    """Does a missing label cost its one point only?"""
    assert points(complete(images=(site(labels={}), nginx()))) == (3, 3, 3)


def test_no_page() -> None:
    """Is an image without a page of one's own worth no more than its label?"""
    assert points(complete(files={(SITE, 1): (PAGE,)})) == (1, 0, 0)


def test_no_port() -> None:
    """Does a container without a published port get the point for running?"""
    assert points(complete(containers=(container(ports={"80/tcp": None}),))) == (4, 1, 3)


def test_pulled_tagged_pushed() -> None:
    """Is a pulled image under the right name worth nothing, though it runs and was pushed?"""
    tagged = nginx(tags=(f"{NAME}:latest",), digests=site().digests, labels={"author": "Ann"})
    evidence = complete(
        events=(pulled(), pushed(id=NGINX)), images=(tagged,), containers=(container(image=NGINX),)
    )
    assert points(evidence) == (0, 0, 0)


def test_other_base() -> None:
    """Is an image on another base worth nothing?"""
    events = (pulled(), built(base="sha256:" + "7" * 64), pushed())
    assert points(complete(events=events)) == (0, 0, 0)
