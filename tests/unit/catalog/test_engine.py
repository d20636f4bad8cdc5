"""Tests of what the catalog asks of an engine."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.catalog.engine import BuildEngine
from lab.errors import Unavailable

from .fake_engine import FakeEngine, fake_engine


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[FakeEngine]:
    with fake_engine(tmp_path) as engine:
        yield engine


def run(fake: FakeEngine) -> tuple[list[str], bytes]:
    rootfs = iter([b"root", b"fs"])
    with (
        BuildEngine(fake.socket) as engine,
        engine.container(rootfs, ["/bin/sh", "x"], {"A": "1"}) as container,
    ):
        return list(container.lines()), b"".join(container.export())


def test_a_run(fake: FakeEngine) -> None:
    """Is the file system imported, run, exported, and is everything removed again?"""
    fake.output = lambda command: b"Unpacking a\nSetting up a\nend"
    lines, exported = run(fake)
    assert lines == ["Unpacking a", "Setting up a", "end"]
    assert exported == b"rootfs"
    made = fake.created[0]
    assert (made["Cmd"], made["Env"], made["User"]) == (["/bin/sh", "x"], ["A=1"], "0:0")
    assert made["HostConfig"] == {"NetworkMode": "none"}
    wanted = [
        "POST /images/create",
        "POST /containers/create",
        "POST /containers/c1/start",
        "GET /containers/c1/logs",
        "POST /containers/c1/wait",
        "GET /containers/c1/export",
        "DELETE /containers/c1",
        "DELETE /images/sha256:abc",
    ]
    ignored = ("GET /version", "GET /containers/c1/json")
    assert wanted == [call for call in fake.calls if call not in ignored]


def test_failed_command(fake: FakeEngine) -> None:
    """Does the error show the last lines, and is everything removed all the same?"""
    fake.output = lambda command: b"first\n" * 50 + b"dpkg: error processing package x\n"
    fake.exit_code = 1
    with pytest.raises(Unavailable, match=r"exit code 1.*dpkg: error processing package x"):
        run(fake)
    assert fake.calls[-2:] == ["DELETE /containers/c1", "DELETE /images/sha256:abc"]


def test_refused_import(fake: FakeEngine) -> None:
    """Is the engine's reason told when it takes no file system?"""
    fake.import_error = "no space left on device"
    with pytest.raises(Unavailable, match="no space left on device"):
        run(fake)


def test_error_while_the_archive_is_made(fake: FakeEngine) -> None:
    """Does an error of the caller's stream stay that error?"""

    def broken() -> Iterator[bytes]:
        yield b"x"
        raise Unavailable("a package is damaged")

    with (
        pytest.raises(Unavailable, match="a package is damaged"),
        BuildEngine(fake.socket) as engine,
        engine.container(broken(), [], {}),
    ):
        pass


# docker-py leaves a socket that could not connect to the garbage collector
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_no_engine(tmp_path: Path) -> None:
    """Is a socket that nobody listens on a readable error?"""
    with pytest.raises(Unavailable, match="the engine that makes the images failed"):
        BuildEngine(str(tmp_path / "none.sock"))
    gc.collect()
