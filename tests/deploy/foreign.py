"""The two Docker Engines that are not the lab's: one that plays it, and a real one."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from lab.sandbox.process import EngineProcess

from .dockerd import NoDocker, docker_engine
from .stand_in import without_extension


@dataclass(frozen=True)
class Foreign:
    """Where it listens, what it calls itself, and how to run words where its ports are."""

    host: str
    name: str
    beside: Callable[..., list[str]]

    @property
    def socket(self) -> Path:
        return Path(self.host.removeprefix("unix://"))


@contextlib.contextmanager
def stand_in(engine: EngineProcess, folder: Path) -> Iterator[Foreign]:
    with without_extension(engine.socket, folder / "stand-in.sock") as host:
        yield Foreign(host, "27.3.1", lambda *words: list(words))


@contextlib.contextmanager
def real(catalog: Path, folder: Path) -> Iterator[Foreign]:
    """The real one; the test is skipped, and says why, where there is none."""
    folder.mkdir()
    with contextlib.ExitStack() as stack:
        try:
            engine = stack.enter_context(docker_engine(folder, catalog))
        except NoDocker as reason:
            pytest.skip(f"no real Docker Engine: {reason}")
        yield Foreign(engine.host, "Docker Engine", engine.beside)
