"""What runs, and of which image."""

from __future__ import annotations

import pytest

from grader.checks import container as containers
from grader.checks import dockerfile

from ..helpers import (
    NAME,
    PAGE,
    FakeEvidence,
    built,
    complete,
    container,
    pulled,
)

OLDER = "sha256:" + "8" * 64


def of(evidence: FakeEvidence) -> containers.Run:
    return containers.of(dockerfile.built(evidence, NAME))


def hint(evidence: FakeEvidence) -> str:
    finding = containers.is_running(of(evidence))
    assert not finding
    assert finding.hint is not None
    return finding.hint.en


def test_running() -> None:
    """Does a running container of the image count?"""
    assert containers.is_running(of(complete()))


def test_none_yet() -> None:
    """Is one told to run the image as long as nothing of it runs?"""
    assert "docker run" in hint(complete(containers=()))
    assert "docker run" in hint(complete(containers=(container(image="sha256:other"),)))


def test_ended() -> None:
    """Is one told of the exit code and of the logs if the container has ended?"""
    told = hint(complete(containers=(container(running=False, exit_code=3),)))
    assert "exit code 3" in told and "docker logs web" in told


def test_running_one_before_ended_one() -> None:
    """Is a running container found behind a later one that has ended?"""
    both = (container(name="late", running=False), container())
    assert containers.is_running(of(complete(containers=both)))


def test_older_build() -> None:
    """Is one told that what runs is of an earlier build?"""
    evidence = complete(
        events=(pulled(), built(OLDER), built()), containers=(container(image=OLDER),)
    )
    assert "earlier build" in hint(evidence)


@pytest.mark.parametrize("written", [PAGE, "/usr/share/nginx/html", "/usr/share/nginx/"])
def test_file_written_in_the_container(written: str) -> None:
    """Does a page not count that was put into the container, not into the image?"""
    finding = containers.shows_file_of_image(of(complete(written=(written,))), PAGE)
    assert not finding
    assert finding.hint is not None and "changed in the container" in finding.hint.en


@pytest.mark.parametrize("mount", [PAGE, "/usr/share/nginx/html", "/"])
def test_file_hidden_by_a_mount(mount: str) -> None:
    """Does a page not count that was mounted over the image's?"""
    evidence = complete(containers=(container(mounts=(mount,)),))
    finding = containers.shows_file_of_image(of(evidence), PAGE)
    assert not finding
    assert finding.hint is not None and "-v" in finding.hint.en


def test_other_files_do_not_matter() -> None:
    """May the container write, and mount, elsewhere?"""
    evidence = complete(
        written=("/var/cache/nginx", f"{PAGE}.bak"), containers=(container(mounts=("/data",)),)
    )
    assert containers.shows_file_of_image(of(evidence), PAGE)
