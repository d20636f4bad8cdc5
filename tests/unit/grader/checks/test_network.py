"""What is published, and what answers."""

from __future__ import annotations

import pytest

from grader.checks import container as containers
from grader.checks import dockerfile, network

from ..helpers import NAME, STUDENT, FakeEvidence, complete, container


def of(evidence: FakeEvidence) -> containers.Run:
    return containers.of(dockerfile.built(evidence, NAME))


def with_ports(ports: dict[str, list[dict[str, str]] | None]) -> containers.Run:
    return of(complete(containers=(container(ports=ports),)))


def test_published() -> None:
    """Does any port of the host count?"""
    finding = network.publishes(of(complete()), 80)
    assert finding
    assert finding.seen is not None and "8080" in finding.seen.en


@pytest.mark.parametrize(
    "ports",
    [
        {},
        {"80/tcp": None},
        {"80/udp": [{"HostIp": "", "HostPort": "8080"}]},
        {"81/tcp": [{"HostIp": "", "HostPort": "8080"}]},
    ],
)
def test_not_published(ports: dict[str, list[dict[str, str]] | None]) -> None:
    """Is one told of -p, with one's own port, if this port is not published?"""
    finding = network.publishes(with_ports(ports), 80)
    assert not finding
    assert finding.hint is not None and f"-p {STUDENT.port}:80" in finding.hint.en
    assert network.answers(with_ports(ports), 80, "x").hint == finding.hint


def test_answers() -> None:
    """Does a page with the text count, wherever it is published?"""
    assert network.answers(of(complete()), 80, STUDENT.account)
    ports = {"80/tcp": [{"HostIp": "127.0.0.2", "HostPort": "9000"}]}
    evidence = complete(
        containers=(container(ports=ports),), pages={("127.0.0.2", 9000): STUDENT.account}
    )
    assert network.answers(of(evidence), 80, STUDENT.account)


@pytest.mark.parametrize(
    ("pages", "told"), [({}, "docker logs web"), ({("127.0.0.1", 8080): "Welcome"}, "index.html")]
)
def test_wrong_answer(pages: dict[tuple[str, int], str], told: str) -> None:
    """Is silence told apart from another page?"""
    finding = network.answers(of(complete(pages=pages)), 80, STUDENT.account)
    assert not finding
    assert finding.hint is not None and told in finding.hint.en


def test_nothing_runs() -> None:
    """Are both questions answered with no if nothing runs?"""
    nothing = of(complete(containers=()))
    assert not network.publishes(nothing, 80)
    assert not network.answers(nothing, 80, "")
