"""Tests of the stamp that says whether the catalog is there."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from lab.catalog import stamp
from lab.catalog.layout import LayoutWriter
from lab.catalog.stamp import Made, fingerprint, is_complete, read_images, write_stamp

IMAGE = Made("nginx", "sha256:0", ["latest"], 10, 5)


@pytest.fixture
def made(tmp_path: Path) -> Path:
    layout = LayoutWriter(tmp_path)
    layout.add_layer([b"layer"])
    layout.finish()
    write_stamp(tmp_path, {"nginx": "1.22.1-9"}, [IMAGE])
    return tmp_path


def blob(folder: Path) -> Path:
    return next((folder / "blobs/sha256").iterdir())


def test_whole_catalog(made: Path) -> None:
    """Is a whole catalog recognized, and are its images known?"""
    assert is_complete(made)
    assert read_images(made) == [IMAGE]


def test_the_check_is_quick() -> None:
    """Does reading all recipes, the slowest part of the check, take under 50 ms?"""
    times = []
    for _ in range(5):
        start = time.perf_counter()
        fingerprint()
        times.append(time.perf_counter() - start)
    assert min(times) < 0.05


def test_nothing_there(tmp_path: Path) -> None:
    """Is an absent catalog no error?"""
    (tmp_path / "file").touch()
    for target in (tmp_path, tmp_path / "absent", tmp_path / "file"):
        assert not is_complete(target)
        assert read_images(target) == []


def test_missing_blob(made: Path) -> None:
    """Is a catalog without one of its blobs not whole?"""
    blob(made).unlink()
    assert not is_complete(made)


def test_shortened_blob(made: Path) -> None:
    """Is a catalog with a cut blob not whole?"""
    blob(made).write_bytes(b"")
    assert not is_complete(made)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"recipes": 1', '{"blobs": []}'])
def test_damaged_stamp(made: Path, text: str) -> None:
    """Is a stamp that cannot be read as good as none?"""
    (made / "catalog.json").write_text(text)
    assert not is_complete(made)
    assert read_images(made) == []


def test_changed_recipe(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is a catalog that other recipes made out of date?"""
    monkeypatch.setattr(stamp, "fingerprint", lambda: "another")
    assert not is_complete(made)


def test_fingerprint_sees_every_file(tmp_path: Path) -> None:
    """Does a change of content or of a name change the fingerprint, and compiled code not?"""
    (tmp_path / "files").mkdir()
    (tmp_path / "files/a").write_text("1")
    seen = {fingerprint(tmp_path)}
    (tmp_path / "files/a").write_text("2")
    seen.add(fingerprint(tmp_path))
    (tmp_path / "files/a").rename(tmp_path / "files/b")
    seen.add(fingerprint(tmp_path))
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__/a.pyc").touch()
    seen.add(fingerprint(tmp_path))
    assert len(seen) == 3
