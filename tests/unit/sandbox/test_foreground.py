"""What the launcher makes sure of before it starts anything."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.errors import Conflict, InvalidParameter, LabError, Unavailable
from lab.sandbox import base, foreground
from lab.sandbox.base import Launch


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    # pytest's own folders may be too long for a socket
    yield Path(f"/tmp/lab-unit-{os.getpid()}.sock")
    Path(f"/tmp/lab-unit-{os.getpid()}.sock").unlink(missing_ok=True)


def test_the_lock(tmp_path: Path) -> None:
    """Is a folder one engine's at a time, and free again when that has ended?"""
    held = foreground.lock_root(tmp_path)
    with pytest.raises(Conflict, match="another engine is already running on"):
        foreground.lock_root(tmp_path)
    os.close(held)
    os.close(foreground.lock_root(tmp_path))


@pytest.mark.parametrize("place", ["file", "file/below", "proc"])
def test_folders_that_are_of_no_use(tmp_path: Path, place: str) -> None:
    """Is a folder that cannot be made or written to refused in one sentence?"""
    (tmp_path / "file").touch()
    root = Path("/proc/nowhere") if place == "proc" else tmp_path / place
    with pytest.raises(InvalidParameter, match=f"cannot use {root} for the engine's state: "):
        foreground.lock_root(foreground.make_root(root))


def test_the_socket(path: Path) -> None:
    """Is it the owner's alone, in the way of no stale one, and never taken from a live one?"""
    first = foreground.listen(path)
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(Conflict, match="something already listens"):
        foreground.listen(path)
    first.close()
    # what a killed engine leaves
    second = foreground.listen(path)
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
    second.close()


def test_a_folder_for_the_socket(tmp_path: Path) -> None:
    """Is a folder that is not there made, so that it can be entered?"""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(foreground, "check_socket_path", lambda path: path)
        patch.setattr(foreground, "_bind_private", lambda listener, path: listener.bind(b""))
        foreground.listen(tmp_path / "a" / "b" / "s").close()
    assert (tmp_path / "a" / "b").stat().st_mode & 0o700 == 0o700


def test_a_file_in_the_socket_s_place(path: Path) -> None:
    """Is somebody's file left alone?"""
    path.write_text("precious")
    with pytest.raises(LabError, match="cannot listen on"):
        foreground.listen(path)
    assert path.read_text() == "precious"


def test_no_place_for_a_socket() -> None:
    """Is a folder that does not take sockets refused in one sentence?"""
    with pytest.raises(LabError, match="cannot listen on"):
        foreground.listen(Path("/proc/lab.sock"))
    with pytest.raises(InvalidParameter, match="longer than 107 bytes"):
        foreground.listen(Path("/" + "x" * 107))


def test_closed_standard_files() -> None:
    """Are closed standard input and output filled, so that nothing else gets their numbers?"""
    pid = os.fork()
    if pid == 0:
        os.close(0)
        os.close(1)
        foreground.fill_standard_fds()
        same = os.fstat(0).st_rdev == os.fstat(1).st_rdev == os.stat("/dev/null").st_rdev
        os._exit(0 if same and os.get_inheritable(0) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_kinds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Are an unknown kind of sandbox, and one that is not set up, refused with what to do?"""
    launch = Launch(tmp_path / "root", tmp_path / "s", None)
    with pytest.raises(InvalidParameter, match="choose one of auto, namespaces, vm"):
        base.run("cloud", launch, print)
    monkeypatch.setenv("LAB_HOME", str(tmp_path / "nothing"))
    with pytest.raises(Unavailable, match="parts have not been made") as raised:
        base.run("vm", launch, print)
    assert raised.value.hint == "run: lab setup"
    assert not (tmp_path / "s").exists()
