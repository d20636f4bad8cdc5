"""Tests of using the images of the earlier catalog again."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from lab.catalog import images, kitchen, recipes

from .making import Setup, image


def test_only_what_changed_is_made_again(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    """Does a second set-up with a new recipe make that image alone, on the base that is there?"""
    before = {row.name: row for row in setup.build()}
    settings = replace(recipes.RECIPES[2].settings, stop_signal="SIGINT")
    changed = replace(recipes.RECIPES[2], settings=settings)
    made = (*recipes.RECIPES[:2], changed, *recipes.RECIPES[3:])
    monkeypatch.setattr(kitchen, "RECIPES", made)
    monkeypatch.setattr(images, "is_complete", lambda target: False)
    setup.steps.clear()
    after = {row.name: row for row in setup.build()}
    assert {name for name, _ in setup.steps if name.startswith("making")} == {"making registry"}
    assert {name for name, row in after.items() if row != before[name]} == {"registry"}
    config, layers = image(setup.target, "registry:2")
    assert config["config"]["StopSignal"] == "SIGINT"
    assert layers == image(setup.target, "registry:2")[1]
    base, _ = image(setup.target, "debian:12")
    assert config["rootfs"]["diff_ids"][0] == base["rootfs"]["diff_ids"][0]
    assert is_whole(setup.target)


def test_a_damaged_image_is_not_taken_over(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is an image whose layer was cut short made again?"""
    before = setup.build()
    largest = max((setup.target / "blobs" / "sha256").iterdir(), key=lambda p: p.stat().st_size)
    largest.write_bytes(largest.read_bytes()[:100])
    assert before == setup.build()
    assert is_whole(setup.target)


def is_whole(target: Path) -> bool:
    return all(
        hashlib.sha256(path.read_bytes()).hexdigest() == path.name
        for path in (target / "blobs" / "sha256").iterdir()
    )
