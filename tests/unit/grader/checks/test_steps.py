"""What was pushed."""

from __future__ import annotations

from grader.checks import dockerfile, steps

from ..helpers import (
    NAME,
    NGINX,
    FakeEvidence,
    built,
    complete,
    nginx,
    pulled,
    pushed,
    site,
)


def told(evidence: FakeEvidence) -> str:
    finding = steps.pushed(dockerfile.built(evidence, NAME))
    assert not finding
    assert finding.hint is not None
    return finding.hint.en


def test_pushed() -> None:
    """Does the push of this very image count, with its digest told?"""
    finding = steps.pushed(dockerfile.built(complete(), NAME))
    assert finding
    assert finding.seen is not None and "sha256:333333333333" in finding.seen.en


def test_never_pushed() -> None:
    """Is one told to log in and push, if nothing arrived?"""
    assert "docker login" in told(complete(events=(pulled(), built())))
    elsewhere = pushed(name="someone/site")
    assert "docker login" in told(complete(events=(pulled(), built(), elsewhere)))


def test_another_image_pushed() -> None:
    """Does a push of another image to this repository not count?"""
    events = (pulled(), built(), pushed(id=NGINX))
    assert "push again" in told(complete(events=events))


def test_digest_that_is_not_the_images() -> None:
    """Does a push not count whose digest the image is not known by?"""
    assert "push again" in told(complete(images=(site(digests=()), nginx())))
