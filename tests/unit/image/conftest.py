"""Fixtures of the tests of images."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.database import Database
from lab.image.blobs import BlobStore
from lab.image.store import ImageStore


@pytest.fixture
def blobs(tmp_path: Path) -> BlobStore:
    return BlobStore(tmp_path / "store")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """An empty directory to unpack into or to pack."""
    path = tmp_path / "tree"
    path.mkdir()
    return path


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(tmp_path / "lab.db")


@pytest.fixture
def images(database: Database, blobs: BlobStore) -> ImageStore:
    return ImageStore(database, blobs)
