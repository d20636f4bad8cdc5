"""Folders of the host that binds name, where the host's `/` is a folder here."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lab.engine.host_folders import HostFolders
from lab.errors import InvalidParameter

STATE = "/home/ann/.lab/engine"


@pytest.fixture
def host(tmp_path: Path) -> Path:
    """The host's tree, with links that would lead elsewhere if they were followed from here."""
    root = tmp_path / "host"
    (root / "home/ann/.lab/engine/content").mkdir(parents=True)
    (root / "home/ann/work").mkdir()
    (root / "home/ann/work/file").write_text("")
    (root / "absolute").symlink_to("/home/ann/work")
    (root / "sly").symlink_to("home/ann/work/../.lab")
    (root / "up").symlink_to("../../../../../../../../home")
    (root / "round").symlink_to("round")
    (root / "nowhere").symlink_to("/not/there")
    return root


@pytest.fixture
def folders(host: Path) -> HostFolders:
    return HostFolders(host, [Path(STATE)])


@pytest.mark.parametrize(
    "source",
    [
        STATE,
        f"{STATE}/",
        f"{STATE}/content",
        f"{STATE}/not/yet",
        "/home/ann/work/../.lab/engine",
        "/absolute/../.lab/engine/content",
        "/sly/engine",
        "/up/ann/.lab/./engine",
        "/../home/ann/.lab/engine",
    ],
)
def test_the_engines_state(folders: HostFolders, source: str) -> None:
    """Is every way into the engine's own folder refused?"""
    with pytest.raises(InvalidParameter, match="holds the engine's own state") as raised:
        folders.check(source)
    assert source in raised.value.message


@pytest.mark.parametrize(
    "source", ["/", "/home", "/home/ann/.lab", "/home/ann/.lab/engine2", "/absolute", "/round"]
)
def test_what_is_no_state(folders: HostFolders, source: str) -> None:
    """Are other folders let through, those above the state too?"""
    folders.check(source)


def test_a_state_behind_a_link(host: Path) -> None:
    """Is the state known by where it is, when it was named by way of a link?"""
    folders = HostFolders(host, [Path("/absolute/deep")])
    with pytest.raises(InvalidParameter):
        folders.check("/home/ann/work/deep/x")


@pytest.mark.parametrize(
    ("source", "place"),
    [
        ("/new", "new"),
        ("/new/deep/er", "new/deep/er"),
        ("/absolute/made", "home/ann/work/made"),
        ("/up/bob/x", "home/bob/x"),
        ("/home/ann/gone/../other", "home/ann/other"),
    ],
)
def test_missing_folders_are_made(
    folders: HostFolders, host: Path, source: str, place: str
) -> None:
    """Are they made where the host would have them, however links lead there?"""
    folders.provide(source)
    made = host / place
    assert made.is_dir()
    umask = os.umask(0)
    os.umask(umask)
    assert made.stat().st_mode & 0o777 == 0o777 & ~umask
    assert made.stat().st_uid == os.geteuid()
    folders.provide(source)


@pytest.mark.parametrize("source", ["/home/ann/work/file", "/absolute", "/"])
def test_what_is_there_stays(folders: HostFolders, host: Path, source: str) -> None:
    """Is nothing made where there is something, a file or a link to a folder?"""
    before = sorted(host.rglob("*"))
    folders.provide(source)
    assert sorted(host.rglob("*")) == before


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("/home/ann/work/file/deep", "Not a directory"),
        ("/nowhere", "No such file"),
        ("/home/" + "x" * 300, "File name too long"),
    ],
)
def test_what_cannot_be_made(folders: HostFolders, host: Path, source: str, reason: str) -> None:
    """Is the reason told in Docker's words, with nothing made anywhere?"""
    before = sorted(host.rglob("*"))
    with pytest.raises(InvalidParameter, match="error while creating mount source path") as raised:
        folders.provide(source)
    assert reason in raised.value.message
    assert sorted(host.rglob("*")) == before
    assert not Path("/not/there").exists()


def test_a_circle_is_left_to_the_start(folders: HostFolders) -> None:
    """Is a path that cannot be followed no error yet?"""
    folders.provide("/round")


def test_the_hosts_own_root(tmp_path: Path) -> None:
    """Is it the same where the host's `/` is this process's, magic links included?"""
    state = tmp_path / "state"
    state.mkdir()
    folders = HostFolders(Path("/"), [state])
    for source in (state, f"/proc/self/root{state}/x", tmp_path / "x" / ".." / "state"):
        with pytest.raises(InvalidParameter):
            folders.check(str(source))
    folders.check("/proc/self/root/etc")
    folders.provide("/proc/self/root/etc")
    folders.provide(str(tmp_path / "a" / "b"))
    assert (tmp_path / "a" / "b").is_dir()
