"""Lesson 03: what its cells print is what its texts say."""

from __future__ import annotations

import re

from tests.notebooks.lessons import Ran


def test_three_clients_make_the_same_container(ran: Ran) -> None:
    """Do the command line, Python and a request by hand each make one, and does the list show all?"""
    assert re.search(r"^[0-9a-f]{64}$", ran.output("way-cli").strip())
    assert re.search(r"^[0-9a-f]{64}$", ran.output("way-python").strip())
    assert '"Id":' in ran.output("way-http")
    assert all(re.search(rf"Created\s+{name}\b", ran.output("three")) for name in ("one", "two"))
    assert re.search(r"\bthree\b", ran.output("three"))


def test_errors_are_told_by_both_sides(ran: Ran) -> None:
    """Is an error the daemon's JSON with a status, and the client's sentence?"""
    told = ran.output("http-errors")
    assert '"No such container: nosuch"' in told
    assert "HTTP status 404" in told
    assert "Error response from daemon: No such container: nosuch" in told
    assert "hello" in told


def test_second_daemon_is_another_one(ran: Ran) -> None:
    """Does a second daemon start, know no container, and give the same result?"""
    assert "ready" in ran.output("second")
    assert "echo hello" not in ran.output("second")
    sums = re.findall(r"^[0-9a-f]{64}", ran.output("same-result"), re.MULTILINE)
    assert len(sums) == 2
    assert sums[0] == sums[1]


def test_client_without_daemon_says_so(ran: Ran) -> None:
    """Does the client of the stopped daemon say that it cannot connect, while the first one goes on?"""
    told = ran.output("stopped")
    assert "exit code 0" in told
    assert "Cannot connect to the Docker daemon" in told
    assert "three" in told


def test_image_is_written_as_the_standard_says(ran: Ran) -> None:
    """Are index, layout and blobs there, and does the index name a manifest?"""
    assert {"index.json", "oci-layout", "blobs/"} <= set(ran.output("oci").split())
    assert '"application/vnd.oci.image.manifest.v1+json"' in ran.output("oci").replace("\n", "")
