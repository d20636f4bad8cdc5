"""Fixtures of the tests of images."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.image.blobs import BlobStore


@pytest.fixture
def blobs(tmp_path: Path) -> BlobStore:
    return BlobStore(tmp_path / "store")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """An empty directory to unpack into or to pack."""
    path = tmp_path / "tree"
    path.mkdir()
    return path
