"""Unpacking what a client sends as a build context."""

from __future__ import annotations

import bz2
import errno
import gzip
import io
import lzma
import os
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.build import unpack as module
from lab.build.context import Context
from lab.build.selection import files_of, select
from lab.build.unpack import unpack
from lab.errors import BuildError, InvalidParameter, LabError

Tar = list[tuple[str, bytes, str]]
"""Members: name, type flag, content or target."""

FILE, DIRECTORY, LINK, HARD, FIFO, DEVICE = b"0", b"5", b"2", b"1", b"6", b"3"


def tar(members: Tar, **header: object) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as writer:
        for name, kind, what in members:
            member = tarfile.TarInfo(name)
            member.type = kind
            for key, value in header.items():
                setattr(member, key, value)
            if kind in (LINK, HARD):
                member.linkname = what
            else:
                member.size = len(what.encode())
            writer.addfile(member, io.BytesIO(what.encode()))
    return buffer.getvalue()


def unpacked(content: bytes, tmp_path: Path, limit: int = module.MAX_BYTES) -> Context:
    return unpack(io.BytesIO(content), tmp_path / "scratch", limit)


def names(context: Context) -> list[str]:
    return [name for name in context.walk() if name]


def read(context: Context, path: str) -> bytes:
    entry = context.get(context.resolve(path))
    assert entry is not None
    with context.open(entry) as file:
        return file.read()


@pytest.mark.parametrize(
    ("name", "inside"),
    [
        ("../x", "x"),
        ("a/../../x", "x"),
        ("/etc/x", "etc/x"),
        ("./x", "x"),
        ("p/q/r", "p/q/r"),
        ("..", None),
    ],
)
def test_names_that_climb_out_are_contained(name: str, inside: str | None, tmp_path: Path) -> None:
    """Does every name land inside the context, as in Docker?"""
    if inside is None:
        with pytest.raises(InvalidParameter):
            unpacked(tar([(name, FILE, "1")]), tmp_path)
        return
    large = "1" * 100_000
    context = unpacked(tar([(name, FILE, large)]), tmp_path)
    assert read(context, inside) == large.encode()
    assert sorted(os.listdir(tmp_path)) == ["scratch"]
    assert os.listdir(tmp_path / "scratch") == ["1"]


def test_small_contents_stay_in_memory_while_there_is_room(tmp_path: Path) -> None:
    """Do many small files make no files of ours, and are those beyond the limit as they were?"""
    few = unpacked(tar([(f"f{number}", FILE, f"{number}") for number in range(20)]), tmp_path)
    assert os.listdir(tmp_path / "scratch") == []
    assert [read(few, f"f{number}") for number in range(20)] == [b"%d" % n for n in range(20)]
    few.close()
    members = [(f"f{number}", FILE, f"{number:060000}") for number in range(80)]
    many = unpacked(tar(members), tmp_path)
    kept = len(os.listdir(tmp_path / "scratch"))
    assert 0 < kept < 80
    assert [read(many, name).decode() for name, _, _ in members] == [text for *_, text in members]


@pytest.mark.parametrize("target", ["/", "../../..", "/etc"])
def test_members_behind_a_link_stay_inside(target: str, tmp_path: Path) -> None:
    """Is a file whose folder is a link that leads out put into the context?"""
    content = tar([("l", LINK, target), ("l/passwd", FILE, "mine")])
    context = unpacked(content, tmp_path)
    assert read(context, "l/passwd") == b"mine"
    inside = "etc/passwd" if target == "/etc" else "passwd"
    assert context.get(inside) is not None


def test_link_in_the_context_to_a_file_of_the_machine(tmp_path: Path) -> None:
    """Does an absolute link mean a file of the context and never one of the machine?"""
    context = unpacked(tar([("l", LINK, "/etc/passwd")]), tmp_path)
    with pytest.raises(BuildError, match="file not found in build context"):
        select(context, ["l"])


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([("h", HARD, "../x")], "link /x /h: no such file or directory"),
        ([("h", HARD, "/etc/passwd")], "link /etc/passwd /h: no such file or directory"),
        ([("d", DIRECTORY, ""), ("h", HARD, "d")], "link /d /h: operation not permitted"),
        ([("f", FILE, "1"), ("f/x", FILE, "2")], "open /f: not a directory"),
        ([("f", b"Z", "1")], "unhandled tar header type 'Z' of 'f'"),
        ([("n" * 5000, FILE, "1")], "file name too long"),
        ([("l", LINK, "t" * 5000)], "file name too long"),
    ],
)
def test_impossible_members_are_refused(members: Tar, message: str, tmp_path: Path) -> None:
    """Is the reason told in Docker's form, and nothing left?"""
    with pytest.raises(InvalidParameter) as caught:
        unpacked(tar(members), tmp_path)
    assert caught.value.message.startswith("Error processing tar file(exit status 1): ")
    assert message in caught.value.message
    assert os.listdir(tmp_path) == []


def test_later_members_replace_earlier_ones(tmp_path: Path) -> None:
    """Are files and directories of one name merged or replaced as in Docker?"""
    content = tar(
        [
            ("f", FILE, "1"),
            ("./f", FILE, "2"),
            ("d", DIRECTORY, ""),
            ("d/x", FILE, "3"),
            ("d", FILE, "4"),
            ("e", FILE, "5"),
            ("e", DIRECTORY, ""),
            ("e/x", FILE, "6"),
        ]
    )
    context = unpacked(content, tmp_path)
    assert names(context) == ["d", "e", "e/x", "f"]
    assert (read(context, "f"), read(context, "d")) == (b"2", b"4")


def test_devices_are_left_out_and_pipes_kept(tmp_path: Path) -> None:
    """Is a device skipped, as in rootless Docker?"""
    context = unpacked(tar([("dev", DEVICE, ""), ("pipe", FIFO, "")]), tmp_path)
    assert names(context) == ["pipe"]


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, lzma.compress])
def test_compressed_contexts(pack: object, tmp_path: Path) -> None:
    """Is every compression that Docker accepts accepted?"""
    content = pack(tar([("f", FILE, "x" * 5000)]))  # type: ignore[operator]
    assert read(unpacked(content, tmp_path), "f") == b"x" * 5000


def test_stream_may_come_in_small_pieces(tmp_path: Path) -> None:
    """Is a socket that returns a few bytes at a time read to its end?"""

    class Slow(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            return super().read(min(7, size if size and size > 0 else 7))

    context = unpack(Slow(tar([("f", FILE, "x" * 1000)])), tmp_path / "scratch")
    assert read(context, "f") == b"x" * 1000


@pytest.mark.parametrize("cut", [700, 1000, 1500, 2000, 5300])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_truncated_context_is_refused(cut: int, pack: object, tmp_path: Path) -> None:
    """Does a stream that ends too early leave nothing but an error?"""
    content: bytes = pack(tar([("f", FILE, "x" * 5000)]))  # type: ignore[operator]
    cut = cut if pack is bytes else len(content) * cut // 10240
    with pytest.raises(InvalidParameter, match=r"Error processing tar file.*(EOF|damaged)"):
        unpacked(content[:cut], tmp_path)
    assert os.listdir(tmp_path) == []


def test_broken_connection_leaves_nothing(tmp_path: Path) -> None:
    """Is the scratch folder gone when the client hangs up?"""

    class Broken(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        unpack(Broken(), tmp_path / "scratch")
    assert os.listdir(tmp_path) == []


def test_size_is_limited(tmp_path: Path) -> None:
    """Does a small archive that unpacks to much stop at the limit?"""
    bomb = gzip.compress(tar([("f", FILE, "\0" * 3_000_000)]))
    with pytest.raises(InvalidParameter, match="larger than 1000000 bytes"):
        unpacked(bomb, tmp_path, 1_000_000)
    assert os.listdir(tmp_path) == []


def test_number_of_names_is_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Do folders that are only implied count?"""
    monkeypatch.setattr(module, "MAX_NAMES", 100_000)
    with pytest.raises(InvalidParameter, match="too many files"):
        unpacked(tar([("a/" * 1000, DIRECTORY, "")]), tmp_path)


def test_full_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Does a full disk become a clear error, with nothing left?"""

    def full(fd: int, piece: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(module.os, "write", full)
    with pytest.raises(LabError) as caught:
        unpacked(tar([("d/f", FILE, "1" * 100_000)]), tmp_path)
    assert caught.value.message == (
        "Error processing tar file(exit status 1): write /d/f: no space left on device"
    )
    assert os.listdir(tmp_path) == []


def test_checksum_follows_content_mode_and_owner_and_not_the_time(tmp_path: Path) -> None:
    """Is the checksum of a file what the cache needs it to be?"""

    def checksum(content: str, **header: object) -> str:
        context = unpacked(tar([("f", FILE, content)], **header), tmp_path)
        context.close()
        return select(context, ["f"])[0].checksum

    plain = checksum("1")
    assert checksum("1", mtime=77) == plain
    different = [
        checksum("2"),
        checksum("1", mode=0o600),
        checksum("1", uid=7),
        checksum("1", gid=7),
        checksum("1", pax_headers={"SCHILY.xattr.security.capability": "x"}),
    ]
    assert len({plain, *different}) == 6


def test_hard_link_has_content_and_a_checksum_of_its_own(tmp_path: Path) -> None:
    """Does a second name of a file read the same, and count as another member?"""
    context = unpacked(tar([("f", FILE, "1"), ("h", HARD, "f")]), tmp_path)
    assert read(context, "h") == b"1"
    f, h = select(context, ["f", "h"])
    assert f.checksum != h.checksum


def test_record_lists_every_file_below_the_sources(tmp_path: Path) -> None:
    """Are all paths there, links and names that are not UTF-8 included?"""
    odd = os.fsdecode(b"d/\xff")
    content = tar([("d/x", FILE, "1"), ("d/l", LINK, "x"), (odd, FILE, "2"), ("e", FILE, "3")])
    context = unpacked(content, tmp_path)
    assert sorted(files_of(select(context, ["d"]))) == ["d", "d/?", "d/l", "d/x"]


def test_changed_target_of_a_dangling_link_changes_the_record(tmp_path: Path) -> None:
    """Does the cache see a link whose target is not in the context?"""
    records = []
    for target in ("/usr/bin/a", "/usr/bin/b"):
        context = unpacked(tar([("d/l", LINK, target)]), tmp_path)
        records.append(files_of(select(context, ["d"])))
        context.close()
    assert records[0] != records[1]


@given(noise=st.binary(max_size=2000), at=st.integers(0, 3000))
def test_garbage_is_refused_or_read(
    noise: bytes, at: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Does damage anywhere in an archive lead to an error of ours or to a context, never more?"""
    good = tar([("d", DIRECTORY, ""), ("d/f", FILE, "1" * 600), ("l", LINK, "d")])
    content = good[:at] + noise + good[at + len(noise) :]
    folder = tmp_path_factory.mktemp("garbage")
    try:
        unpack(io.BytesIO(content), folder / "scratch").close()
    except LabError as error:
        assert error.message
    assert os.listdir(folder) == []
