"""Fixtures of the tests of the builder."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.kernel.idmap import IdMap

from .fake import FakeBackend
from .helpers import Build


@pytest.fixture
def ids() -> IdMap:
    """Ids as the sandbox has them: shifted where we may give files away, else our own."""
    return IdMap(100_000) if os.geteuid() == 0 else IdMap(os.geteuid())


@pytest.fixture
def backend(tmp_path: Path, ids: IdMap) -> FakeBackend:
    folder = tmp_path / "images"
    folder.mkdir()
    return FakeBackend(folder, ids)


@pytest.fixture
def build(tmp_path: Path, backend: FakeBackend, ids: IdMap) -> Callable[..., Build]:
    """Runs a build with the fake backend: `build(text, {name: content}, option=...)`."""

    def run(text: str, files: dict[str, str] | None = None, **options: object) -> Build:
        attempt = Build(backend, ids, tmp_path / "scratch")
        attempt.run(text, files or {}, **options)
        return attempt

    return run
