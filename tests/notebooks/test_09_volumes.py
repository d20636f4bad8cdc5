"""Lesson 09: what its cells print is what its texts say."""

from __future__ import annotations

import re

from tests.notebooks.lessons import Ran


def test_layer_is_lost_and_volume_is_not(ran: Ran) -> None:
    """Is the note gone with its container, and kept in the volume?"""
    assert "/notes.txt: No such file or directory" in ran.output("lost")
    assert ran.output("use").strip() == "buy milk"
    assert '"Mountpoint":' in ran.output("create")


def test_database_outlives_its_container(ran: Ran) -> None:
    """Does a new container on the same volume have the old one's number?"""
    assert ran.output("database").split()[-2:] == ["42", "db"]
    assert ran.output("database-again").split()[-1] == "42"
    assert "volume is in use" in ran.output("in-use")
    assert "no such volume" in ran.output("in-use")
    assert re.search(r"local\s+data", ran.output("in-use"))


def test_what_containers_see_of_volumes_and_folders(ran: Ran) -> None:
    """Is a new volume filled from the image, `:ro` refused, and a folder seen from both sides?"""
    assert "50x.html" in ran.output("copied")
    assert "changed by another container" in ran.output("copied")
    assert "Read-only file system" in ran.output("read-only")
    assert "from a folder of mine" in ran.output("bind")
    assert "changed in my editor" in ran.output("bind")


def test_errors_of_mounts(ran: Ran) -> None:
    """Are both messages as the text quotes them?"""
    assert "bind source path does not exist" in ran.output("mount")
    assert "includes invalid characters for a local volume name" in ran.output("mount")
    assert ran.output("tmpfs").split() == ["tmpfs", "/scratch", "tmpfs"]


def test_anonymous_volume_goes_with_its_container(ran: Ran) -> None:
    """Is there a volume of 64 digits, and none after `rm -v`?"""
    before, after = re.split(r"cache\r?\n", ran.output("anonymous"))
    assert re.search(r"local\s+[0-9a-f]{64}", before)
    assert not re.search(r"[0-9a-f]{64}", after)
    assert "notes.txt" in ran.output("backup")
    assert "Local Volumes" in ran.output("backup")
