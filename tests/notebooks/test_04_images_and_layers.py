"""Lesson 04: what its cells print is what its texts say."""

from __future__ import annotations

import re

from tests.notebooks.lessons import Ran


def test_images_share_their_first_layer(ran: Ran) -> None:
    """Do debian, nginx and redis begin with one layer, as the text says?"""
    blocks = re.split(r"^\w+:$", ran.output("same-base"), flags=re.MULTILINE)[1:]
    first = [block.split()[0] for block in blocks]
    assert len(first) == 3
    assert len(set(first)) == 1
    assert "<missing>" in ran.output("history")


def test_one_container_writes_and_nothing_else_changes(ran: Ran) -> None:
    """Are the three kinds of change in `one` only, and is the image's id the same after it?"""
    told = ran.output("write")
    assert re.search(r"before: (\S+)\s+after:  \1", told)
    one, two = told.split("--- two:")
    assert "A /usr/share/nginx/html/mine.html" in one.replace("\n", "")
    assert "D /usr/share/nginx/html/50x.html" in one
    assert "/usr/share" not in two.split("--- the pages")[0]
    assert "50x.html" in two


def test_deleted_file_stays_in_its_layer(ran: Ran) -> None:
    """Is the file hidden, its layer still 5 MB, and a flat copy without it?"""
    told = ran.output("waste").replace("\n", "")
    assert "5MB" in told
    assert "/big: No such file" in told
    assert "Imported from -" in ran.output("files")


def test_images_in_use_are_not_removed(ran: Ran) -> None:
    """Are conflict, missing image, untagging and dangling images as the texts say?"""
    assert "conflict: unable to remove repository reference" in ran.output("rmi")
    assert "No such image: nosuch" in ran.output("rmi")
    assert "Untagged: mine:2" in ran.output("rmi")
    assert "Deleted: sha256:" in ran.output("rmi")
    assert ran.output("untag").startswith("Untagged: mine:spare")
    assert "<none>" in ran.output("dangling")
    assert "Loaded image: mine:2" in ran.output("load")
