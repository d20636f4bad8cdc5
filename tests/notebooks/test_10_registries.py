"""Lesson 10: what its cells print is what its texts say."""

from __future__ import annotations

import re

from tests.notebooks.lessons import Ran


def test_pulling(ran: Ran) -> None:
    """Are digest, search and both errors as the texts say?"""
    assert "Digest: sha256:" in ran.output("pull")
    assert "[OK]" in ran.output("pull")
    assert "nginx@sha256:" in ran.output("by-digest")
    assert "manifest for nginx:nosuchtag not found" in ran.output("pull-errors")
    assert "pull access denied for learner/nosuchimage" in ran.output("pull-errors")


def test_pushing_needs_the_right_account(ran: Ran) -> None:
    """Is a push denied without login and for another's name, and does it work for one's own?"""
    assert "denied: requested access to the resource is denied" in ran.output("push-denied")
    assert "unauthorized: incorrect username or password" in ran.output("login")
    assert "Login Succeeded" in ran.output("login")
    assert re.search(r"^1: digest: sha256:[0-9a-f]{64} size: \d+", ran.output("push"), re.MULTILINE)
    assert "denied" in ran.output("push-foreign")
    assert "denied" in ran.output("logout")


def test_image_comes_back(ran: Ran) -> None:
    """Is the deleted image fetched by `docker run`, and does it speak?"""
    told = ran.output("back")
    assert "Deleted: sha256:" in told
    assert "Unable to find image 'learner/hello:1' locally" in told
    assert "hello from learner" in told


def test_private_registry_wants_a_login(ran: Ran) -> None:
    """Is a push refused without login and with a wrong password, and fine with the right one?"""
    assert "no basic auth credentials" in ran.output("store-denied")
    assert "unauthorized" in ran.output("store-denied")
    assert "Login Succeeded" in ran.output("store-push")
    assert "digest: sha256:" in ran.output("store-push")
    assert "Status: Downloaded newer image for localhost:5000/hello:1" in ran.output("store-push")


def test_registry_over_http(ran: Ran) -> None:
    """Does the registry speak as the text says, and is a blob named for its content?"""
    told = ran.output("http")
    assert '"UNAUTHORIZED"' in told
    assert '{"repositories":["hello"]}' in told
    assert '"layers": [' in told
    digest, named = re.findall(r"[0-9a-f]{64}", ran.output("blob"))
    assert digest == named
    assert "['echo', 'hello from learner']" in ran.output("blob")
