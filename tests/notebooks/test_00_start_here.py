"""Lesson 00: what its cells print is what its texts say."""

from __future__ import annotations

from tests.notebooks.lessons import Ran


def test_first_container_runs_and_is_gone(ran: Ran) -> None:
    """Does hello-world speak, and does neither list show its container afterwards?"""
    assert "Hello from a container!" in ran.output("hello")
    assert "hello-world" not in ran.output("again")
    assert ran.output("again").count("CONTAINER ID") == 2


def test_the_lab_says_what_it_is(ran: Ran) -> None:
    """Are client, server and sandbox told, and what is real here?"""
    told = ran.output("version")
    assert "Client:" in told
    assert "Server:" in told
    assert "+lab" in told
    assert f"lab.sandbox={ran.variant.sandbox}" in told
    assert "namespaces" in ran.output("doctor")
    assert "Traceback" not in ran.output("doctor")
