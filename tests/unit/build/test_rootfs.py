"""Writing into a layer: what links there, owners and modes lead to."""

from __future__ import annotations

import io
import os
import stat
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.build.context import Context
from lab.build.copying import Copier, make_workdir, owner_of
from lab.build.rootfs import ROOT, RootFs
from lab.build.selection import select
from lab.build.unpack import unpack
from lab.errors import BuildError, LabError
from lab.kernel.idmap import IdMap


@pytest.fixture
def layer(tmp_path: Path) -> Path:
    """A root file system, beside a folder that must never be touched."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("secret")
    path = tmp_path / "layer"
    (path / "etc").mkdir(parents=True)
    return path


@pytest.fixture
def root(layer: Path, ids: IdMap) -> Iterator[RootFs]:
    with RootFs(layer, ids) as opened:
        yield opened


def context_of(tmp_path: Path, *members: tarfile.TarInfo) -> Context:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as writer:
        for member in members:
            writer.addfile(member, io.BytesIO(b"new"[: member.size]))
    buffer.seek(0)
    return unpack(buffer, tmp_path / "scratch")


def file(name: str, mode: int = 0o644) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.mode, member.mtime = 3, mode, 1_700_000_000
    return member


def copy(context: Context, root: RootFs, source: str, destination: str) -> None:
    Copier(root, ROOT, lambda: None).copy(select(context, [source]), destination)


@pytest.mark.parametrize(
    ("link", "path", "expected"),
    [
        ("/data", "/in/x", "/data/x"),
        ("data", "/in/x", "/data/x"),
        ("../../../outside", "/in/secret", "/outside/secret"),
        ("/", "/in/in/x", "/x"),
        ("/gone/../y", "/in/x", "/y/x"),
        (".", "/in/../x", "/x"),
    ],
)
def test_links_of_the_image_mean_the_image(
    link: str, path: str, expected: str, layer: Path, root: RootFs
) -> None:
    """Is every link followed as if the layer were the whole world?"""
    (layer / "in").symlink_to(link)
    assert root.resolve(path) == expected


def test_links_in_a_circle_end(layer: Path, root: RootFs) -> None:
    """Is a loop an error of the step, not of the machine?"""
    (layer / "a").symlink_to("b")
    (layer / "b").symlink_to("a")
    with pytest.raises(BuildError, match="too many levels of symbolic links"):
        make_workdir(root, "/a/x")


@pytest.mark.parametrize("destination", ["/out", "/out/", "/out/secret", "/etc/out/x"])
def test_nothing_outside_is_written(
    destination: str, layer: Path, root: RootFs, tmp_path: Path
) -> None:
    """Does a COPY through a link that leads out of the image stay in it?"""
    (layer / "out").symlink_to(tmp_path / "outside")
    (layer / "etc/out").symlink_to("../../../../../../.." + str(tmp_path / "outside"))
    copy(context_of(tmp_path, file("f")), root, "f", destination)
    assert [path.name for path in (tmp_path / "outside").iterdir()] == ["secret"]
    assert (tmp_path / "outside/secret").read_text() == "secret"
    assert len([path for path in layer.rglob("*") if path.is_file()]) == 1


def test_file_takes_the_place_of_a_directory(layer: Path, root: RootFs, tmp_path: Path) -> None:
    """Is a directory in the way removed with all in it, and a link in it not followed?"""
    (layer / "x/f/deep").mkdir(parents=True)
    (layer / "x/f/deep/link").symlink_to(tmp_path / "outside")
    copy(context_of(tmp_path, file("f")), root, "f", "/x/")
    assert (layer / "x/f").read_text() == "new"
    assert (tmp_path / "outside/secret").exists()


def test_mode_time_and_owner(layer: Path, root: RootFs, ids: IdMap, tmp_path: Path) -> None:
    """Does a copied file have the context's mode and time, and belong to the container's root?"""
    context = context_of(tmp_path, file("f", 0o640))
    before = os.umask(0o077)
    try:
        copy(context, root, "f", "/a/b/")
    finally:
        os.umask(before)
    status = (layer / "a/b/f").stat()
    assert (stat.S_IMODE(status.st_mode), status.st_mtime) == (0o640, 1_700_000_000)
    for path in ("a", "a/b", "a/b/f"):
        made = (layer / path).stat()
        assert (made.st_uid, made.st_gid) == (ids.base, ids.base)
    assert stat.S_IMODE((layer / "a").stat().st_mode) == 0o755


def test_read_only_sources_can_be_copied(layer: Path, root: RootFs, tmp_path: Path) -> None:
    """Is a file that nobody may read, and a directory nobody may enter, copied as it is?"""
    folder = tarfile.TarInfo("d")
    folder.type, folder.mode = tarfile.DIRTYPE, 0o700
    copy(context_of(tmp_path, folder, file("d/f", 0o000)), root, "d", "/d")
    assert stat.S_IMODE((layer / "d/f").lstat().st_mode) == 0


def test_large_file_is_whole(layer: Path, root: RootFs, tmp_path: Path) -> None:
    """Is more than one system call's worth of content copied?"""
    content = os.urandom(1 << 20) * 40
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as writer:
        member = tarfile.TarInfo("f")
        member.size = len(content)
        writer.addfile(member, io.BytesIO(content))
    buffer.seek(0)
    copy(unpack(buffer, tmp_path / "scratch"), root, "f", "/f")
    assert (layer / "f").read_bytes() == content


@pytest.mark.parametrize(
    ("destination", "message"),
    [
        (
            "/file/",
            "failed to copy files: failed to create new directory: mkdir /file: not a directory",
        ),
        ("/file/x", "failed to copy files: lstat /file/x: not a directory"),
        (
            "/" + "n" * 300,
            f"failed to copy files: lstat /{'n' * 300}: file name too long",
        ),
    ],
)
def test_impossible_destination(
    destination: str, message: str, layer: Path, root: RootFs, tmp_path: Path
) -> None:
    """Is the reason told with the container's path, not the machine's?"""
    (layer / "file").touch()
    with pytest.raises(BuildError) as caught:
        copy(context_of(tmp_path, file("f")), root, "f", destination)
    assert caught.value.message == message


def test_copy_can_be_stopped_between_files(root: RootFs, tmp_path: Path) -> None:
    """Does the checkpoint end the copying?"""

    def stop() -> None:
        raise LabError("Build cancelled")

    context = context_of(tmp_path, file("d/f"))
    with pytest.raises(LabError, match="Build cancelled"):
        Copier(root, ROOT, stop).copy(select(context, ["d"]), "/d")


@pytest.mark.parametrize(
    ("chown", "owner"),
    [
        ("", (0, 0)),
        ("5", (5, 5)),
        ("5:6", (5, 6)),
        ("www", (33, 34)),
        ("www:6", (33, 6)),
        ("5:www", (5, 34)),
    ],
)
def test_owner_is_looked_up_in_the_image(
    chown: str, owner: tuple[int, int], layer: Path, root: RootFs
) -> None:
    """Are names those of the image's own files, even through a link?"""
    (layer / "passwd").write_text("broken\nwww:x:33:33::/:/bin/sh\nwww:x:99:99::/:/bin/sh\n")
    (layer / "etc/passwd").symlink_to("/passwd")
    (layer / "etc/group").write_text("www:x:34:\n")
    assert owner_of(root, chown) == owner


@pytest.mark.parametrize(
    ("chown", "message"),
    [
        ("www", "can't find uid for user www: open /etc/passwd: no such file or directory"),
        ("0:x", "can't find gid for group x: open /etc/group: no such file or directory"),
        ("1:", "can't find gid for group : open /etc/group: no such file or directory"),
        ("a:b:c", "invalid chown string format: a:b:c"),
        (
            "70000",
            "unable to convert uid/gid to host mapping: Container ID 70000 cannot be mapped to a"
            " host ID",
        ),
        (
            "9" * 20,
            f"can't find uid for user {'9' * 20}: open /etc/passwd: no such file or directory",
        ),
    ],
)
def test_unknown_owner(chown: str, message: str, root: RootFs) -> None:
    """Is the refusal Docker's?"""
    with pytest.raises(BuildError) as caught:
        owner_of(root, chown)
    assert caught.value.message == (
        f"unable to convert uid/gid chown string to host mapping: {message}"
    )


def test_users_are_never_read_from_the_machine(layer: Path, root: RootFs, tmp_path: Path) -> None:
    """Does a link to a file outside the image find nothing there?"""
    (tmp_path / "outside/passwd").write_text("me:x:7:7::/:/bin/sh\n")
    (layer / "etc/passwd").symlink_to(tmp_path / "outside/passwd")
    with pytest.raises(BuildError, match="no such file or directory"):
        owner_of(root, "me")


def test_pipe_in_place_of_the_user_list_does_not_block(layer: Path, root: RootFs) -> None:
    """Is a named pipe refused instead of waited for?"""
    os.mkfifo(layer / "etc/passwd")
    with pytest.raises(BuildError, match="open /etc/passwd: invalid argument"):
        owner_of(root, "me")
