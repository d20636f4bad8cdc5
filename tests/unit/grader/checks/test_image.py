"""What an image holds of one's own."""

from __future__ import annotations

from grader.checks import dockerfile, image

from ..helpers import NAME, NGINX, PAGE, SITE, FakeEvidence, complete, nginx, site


def of(evidence: FakeEvidence) -> dockerfile.Built:
    return dockerfile.built(evidence, NAME)


def test_label() -> None:
    """Does a label of one's own count, whatever its text?"""
    assert image.has_label(of(complete()), "author")
    assert not image.has_label(of(complete()), "version")


def test_empty_label() -> None:
    """Does a label with nothing in it not count?"""
    assert not image.has_label(
        of(complete(images=(site(labels={"author": " "}), nginx()))), "author"
    )


def test_label_of_the_base() -> None:
    """Does a label not count that came with the base?"""
    images = (site(), nginx(labels={"author": "Ann"}))
    assert not image.has_label(of(complete(images=images)), "author")


def test_file_in_a_layer_of_ones_own() -> None:
    """Does a file count that a layer above the base brings?"""
    finding = image.brings_file(of(complete()), PAGE)
    assert finding
    assert finding.seen is not None and "layer 2" in finding.seen.en


def test_file_of_the_base() -> None:
    """Does a file not count that only the base has?"""
    files = {(SITE, 1): (PAGE,), (NGINX, 1): (PAGE,)}
    finding = image.brings_file(of(complete(files=files)), PAGE)
    assert not finding
    assert finding.hint is not None and "COPY" in finding.hint.en


def test_no_image() -> None:
    """Are both questions answered with no, and the way to an image, where there is none?"""
    nothing = of(FakeEvidence())
    for finding in (image.has_label(nothing, "author"), image.brings_file(nothing, PAGE)):
        assert not finding
        assert finding.hint == nothing.hint
