"""Reading and writing the tar format, against the standard library and against garbage."""

from __future__ import annotations

import io
import tarfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.image.tar import Kind, Member, number
from lab.image.tar_reader import TarReader
from lab.image.tar_writer import END, header, padding

from .helpers import archive, directory, file, info, read, symlink

FORMATS = {"ustar": tarfile.USTAR_FORMAT, "gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}


component = st.text(
    st.characters(blacklist_characters="/\0", blacklist_categories=("Cs",)), min_size=1, max_size=80
).filter(lambda part: part not in (".", ".."))
paths = st.lists(component, min_size=1, max_size=6).map("/".join)


@settings(max_examples=60, deadline=None)
@given(
    form=st.sampled_from(["gnu", "pax"]),
    entries=st.lists(
        st.tuples(
            paths,
            st.binary(max_size=1500),
            st.integers(0, 0o7777),
            st.integers(0, 1 << 40),
            st.integers(0, 1 << 40),
            st.integers(0, 1 << 33),
        ),
        max_size=5,
    ),
    size=st.sampled_from([1, 7, 511, 512, 513, 4096, 1 << 20]),
)
def test_reads_what_the_standard_library_wrote(
    form: str, entries: list[tuple[str, bytes, int, int, int, int]], size: int
) -> None:
    """Do all fields and contents come back, in any format and however the stream is cut?"""
    members = [
        file(name, content, mode=mode, uid=uid, gid=gid, mtime=mtime)
        for name, content, mode, uid, gid, mtime in entries
    ]
    found = read(archive(*members, form=FORMATS[form]), size)
    assert [(m.name.decode(), data, m.mode, m.uid, m.gid) for m, data in found] == [
        entry[:5] for entry in entries
    ]
    assert [m.mtime_ns for m, _ in found] == [entry[5] * 10**9 for entry in entries]


names_as_bytes = st.binary(min_size=1, max_size=300).filter(
    lambda name: b"\0" not in name and not name.endswith(b"/")
)


@settings(max_examples=80, deadline=None)
@given(
    st.builds(
        Member,
        name=names_as_bytes,
        size=st.just(0),
        device=st.just((0, 0)),
        kind=st.sampled_from([Kind.FILE, Kind.SYMLINK, Kind.HARDLINK, Kind.FIFO]),
        mode=st.integers(0, 0o7777),
        uid=st.integers(0, 1 << 40),
        gid=st.integers(0, 1 << 40),
        mtime_ns=st.integers(0, 1 << 33).map(lambda seconds: seconds * 10**9),
        link=names_as_bytes,
        xattrs=st.dictionaries(
            st.sampled_from([b"user.a", b"security.capability"]), st.binary(min_size=1)
        ),
    ),
    st.binary(max_size=1000),
)
def test_reads_what_the_writer_wrote(member: Member, content: bytes) -> None:
    """Is writing the inverse of reading, for names that are no text and for any attribute?"""
    if member.kind is Kind.FILE:
        member = member._replace(size=len(content))
    else:
        content = b""
    written = header(member) + content + padding(len(content)) + END
    assert read(written) == [(member, content)]


def test_writer_is_understood_by_the_standard_library() -> None:
    """Does another reader see long names, big ids and attributes?"""
    long = b"d/" * 120 + b"name"
    member = Member(long, Kind.FILE, 3, 0o4755, 3_000_000, 7, 10**18, xattrs={b"user.x": b"\xff="})
    link = Member(b"link", Kind.SYMLINK, link=long)
    with tarfile.open(
        fileobj=io.BytesIO(header(member) + b"abc" + padding(3) + header(link) + END)
    ) as tar:
        first, second = tar.getmembers()
        assert tar.extractfile(first).read() == b"abc"  # type: ignore[union-attr]
    assert (first.name, first.mode, first.uid, first.mtime) == (
        long.decode(),
        0o4755,
        3_000_000,
        10**9,
    )
    assert first.pax_headers["SCHILY.xattr.user.x"] == "\udcff="
    assert (second.linkname, second.issym()) == (long.decode(), True)


@pytest.mark.parametrize("form", FORMATS)
def test_knows_all_kinds(form: str) -> None:
    """Is every kind of member recognised, with its device number and link?"""
    content = archive(
        directory("d/"),
        symlink("s", "/target"),
        info("h", tarfile.LNKTYPE, linkname="s"),
        info("c", tarfile.CHRTYPE, devmajor=1, devminor=3),
        info("b", tarfile.BLKTYPE, devmajor=8, devminor=1),
        info("p", tarfile.FIFOTYPE),
        info("r", tarfile.CONTTYPE),
        info("old/", tarfile.AREGTYPE),
        form=FORMATS[form],
    )
    found = [member for member, _ in read(content)]
    assert [member.kind for member in found] == [
        Kind.DIRECTORY,
        Kind.SYMLINK,
        Kind.HARDLINK,
        Kind.CHARACTER,
        Kind.BLOCK,
        Kind.FIFO,
        Kind.FILE,
        Kind.DIRECTORY,
    ]
    assert (found[1].link, found[3].device, found[4].device) == (b"/target", (1, 3), (8, 1))


def test_a_missing_end_is_accepted_between_members() -> None:
    """Is an archive without end blocks read, as Docker does?"""
    content = archive(file("name", b"x" * 512))
    assert len(read(content[:1024])) == 1
    assert len(read(content[: 1024 + 512])) == 1
    assert read(b"") == []


def test_global_headers_are_ignored() -> None:
    """Is a pax global header passed over, as in Docker?"""
    buffer = io.BytesIO()
    with tarfile.open(
        fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT, pax_headers={"path": "evil"}
    ) as tar:
        tar.addfile(tarfile.TarInfo("good"))
    assert [member.name for member, _ in read(buffer.getvalue())] == [b"good"]


def test_unread_content_is_skipped_and_the_rest_is_given() -> None:
    """Can members be skipped, and the bytes behind the archive still be had?"""
    reader = TarReader(iter([archive(file("a", b"x" * 3000), file("b", b"y")), b"tail"]))
    assert [member.name for member in reader] == [b"a", b"b"]
    assert b"".join(reader.rest()).lstrip(b"\0") == b"tail"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b"0000644\0", 0o644),
        (b"   644 \0", 0o644),
        (b"\0" * 8, 0),
        (b"\x80" + b"\0" * 6 + b"\x05", 5),
        (b"\xff" * 8, -1),
    ],
)
def test_numbers(text: bytes, value: int) -> None:
    """Are octal, blank and base-256 numbers understood?"""
    assert number(text) == value
