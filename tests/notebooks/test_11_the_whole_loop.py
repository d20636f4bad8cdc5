"""Lesson 11: what its cells print is what its texts say."""

from __future__ import annotations

import re

from tests.notebooks.lessons import Ran


def test_build_push_run(ran: Ran) -> None:
    """Is the image built, only its own layer sent, and fetched again where it is missing?"""
    assert "Successfully tagged learner/shop:1" in ran.output("build")
    assert "1: digest: sha256:" in ran.output("push")
    assert "Unable to find image 'learner/shop:1' locally" in ran.output("run")
    assert "My shop, version 1" in ran.output("run")


def test_looked_after(ran: Ran) -> None:
    """Does it become healthy, and come back by itself when its program ends?"""
    assert "(healthy)" in ran.output("manage").replace("\n", "")
    assert "restarted 1 time, now running" in ran.output("manage")


def test_new_version_and_back(ran: Ran) -> None:
    """Does the new image replace the old one, and the old one the new?"""
    assert "My shop, version 2" in ran.output("new-page")
    assert "My shop, version 1" in ran.output("back")


def test_lineage(ran: Ran) -> None:
    """Do the container and the name mean the same image, and does history know the push?"""
    told = ran.output("lineage").replace("\n", "")
    runs, named, pushed = re.findall(r"sha256:[0-9a-f]{64}", told)
    assert runs == named
    assert pushed != named
    assert "push learner/shop" in told
