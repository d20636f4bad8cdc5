"""Lineage: who made an image, and on what."""

from __future__ import annotations

import pytest

from grader.checks import dockerfile

from ..helpers import (
    NAME,
    NGINX,
    SITE,
    FakeEvidence,
    built,
    complete,
    nginx,
    pulled,
    site,
)


def found(evidence: FakeEvidence) -> dockerfile.Built:
    return dockerfile.built(evidence, NAME)


def hint(evidence: FakeEvidence) -> str:
    finding = dockerfile.starts_from(found(evidence), "nginx")
    assert not finding
    assert finding.hint is not None
    return finding.hint.en


def test_built_on_the_official_image() -> None:
    """Does an image count that was built here, on what was pulled as nginx?"""
    finding = dockerfile.starts_from(found(complete()), "nginx")
    assert finding
    assert finding.seen is not None and NAME in finding.seen.en


def test_nothing_done() -> None:
    """Is one told to write a Dockerfile as long as nothing was built?"""
    assert "Write a Dockerfile" in hint(FakeEvidence())


@pytest.mark.parametrize(
    ("tags", "told"),
    [("", "-t"), ("site:latest", "-t"), ("lesson:latest", "Write a Dockerfile")],
)
def test_built_under_another_name(tags: str, told: str) -> None:
    """Is one told of the name if an image was built without it, but not of other lessons' builds?"""
    events = (pulled(), built(tags=tags))
    assert told in hint(complete(events=events, images=(site(tags=("other:latest",)), nginx())))


def test_tagged_image_was_not_built() -> None:
    """Does a pulled image that was given the name not count?"""
    tagged = nginx(tags=("nginx:latest", f"{NAME}:latest"))
    assert "pulled or tagged" in hint(FakeEvidence([pulled()], [tagged]))


def test_base_is_not_what_it_is_called() -> None:
    """Does an image not count whose base was only tagged nginx?"""
    friend = "sha256:" + "9" * 64
    events = (pulled(friend, "docker.io/friend/site"), built(base=friend))
    assert "FROM nginx" in hint(complete(events=events))


def test_dockerfile_that_adds_nothing() -> None:
    """Does a Dockerfile with nothing but FROM not count?"""
    tagged = nginx(tags=("nginx:latest", f"{NAME}:latest"))
    evidence = complete(events=(pulled(), built(NGINX, NGINX)), images=(tagged,))
    assert "adds nothing" in hint(evidence)


def test_any_tag_will_do() -> None:
    """Is an image found whose name has a tag of its own, and not one of a longer name?"""
    assert found(complete(images=(site(tags=(f"{NAME}:1.0",)), nginx()))).image is not None
    assert found(complete(images=(site(tags=(f"{NAME}s:1.0",)), nginx()))).image is None


def test_own_layers_are_those_above_the_base() -> None:
    """Do the layers of the base not count as one's own?"""
    assert list(found(complete()).own_layers) == [2]
    assert not found(FakeEvidence()).own_layers


def test_provided() -> None:
    """Is an image withheld, with the hint, as long as a condition is not met?"""
    base = found(complete())
    missing = dockerfile.starts_from(found(FakeEvidence()), "nginx")
    assert base.provided(dockerfile.starts_from(base, "nginx")) is base
    withheld = base.provided(missing)
    assert withheld.image is None and withheld.hint == missing.hint
    assert base.image is not None and base.image.id == SITE
