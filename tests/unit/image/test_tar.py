"""Reading and writing the tar format, against the standard library and against garbage."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.errors import InvalidParameter, UnsafePath
from lab.image.tar import Kind, Member, number, parse_pax, safe_parts
from lab.image.tar_reader import TarReader
from lab.image.tar_writer import END, header, padding

from .helpers import archive, directory, file, info, symlink

FORMATS = {"ustar": tarfile.USTAR_FORMAT, "gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}


def pieces(content: bytes, size: int) -> Iterator[bytes]:
    return (content[start : start + size] for start in range(0, len(content), size))


def read(content: bytes, size: int = 1 << 20) -> list[tuple[Member, bytes]]:
    reader = TarReader(pieces(content, size))
    return [(member, b"".join(reader.data())) for member in reader]


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


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=3000), st.sampled_from([1, 100, 512, 4096]))
def test_garbage_is_refused_in_one_way(content: bytes, size: int) -> None:
    """Does arbitrary input end in members or in InvalidParameter, and in nothing else?"""
    try:
        read(content, size)
    except InvalidParameter:
        pass


fields = st.one_of(
    st.binary(min_size=1, max_size=12),
    st.sampled_from([b"0000644\0", b"\x80" + b"\xff" * 7, b"\xff" * 8, b"-1", b"1_0", b"0o7", b""]),
)


@settings(max_examples=300, deadline=None)
@given(
    name=st.binary(max_size=100),
    numbers=st.lists(fields, min_size=7, max_size=7),
    flag=st.sampled_from([b"0", b"5", b"x", b"g", b"L", b"K", b"S", b"1", b"2", b"3", b"7", b"Z"]),
    magic=st.sampled_from([b"ustar\x0000", b"ustar  \0", b"\0" * 8]),
    body=st.binary(max_size=2000),
)
def test_lying_headers_are_refused_in_one_way(
    name: bytes, numbers: list[bytes], flag: bytes, magic: bytes, body: bytes
) -> None:
    """Do headers with a right checksum and wrong fields end in InvalidParameter at worst?"""
    block = bytearray(512)
    block[0 : len(name)] = name
    places = [(100, 8), (108, 8), (116, 8), (124, 12), (136, 12), (329, 8), (337, 8)]
    for (start, width), value in zip(places, numbers, strict=True):
        block[start : start + width] = value[:width].ljust(width, b"\0")
    block[156:157] = flag
    block[257:265] = magic
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    for member, _ in _until_refused(bytes(block) + body):
        assert member.size >= 0
        assert 0 <= member.mtime_ns < 1 << 63


def _until_refused(content: bytes) -> list[tuple[Member, bytes]]:
    try:
        return read(content)
    except InvalidParameter:
        return []


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=40),
            st.sampled_from([b"path", b"size", b"mtime", b"uid", b"GNU.sparse.major"]).flatmap(
                lambda key: st.binary(max_size=12).map(
                    lambda value: b"%d %b=%b\n" % (len(key) + len(value) + 5, key, value)
                )
            ),
        ),
        max_size=4,
    ).map(b"".join)
)
def test_extended_headers_are_checked(content: bytes) -> None:
    """Do malformed pax records end in InvalidParameter, in a whole archive too?"""
    extension = Member(b"x", Kind.FILE, len(content))
    block = header(extension).replace(b"0" + bytes(100) + b"ustar", b"x" + bytes(100) + b"ustar")
    total = sum(block) - sum(block[148:156]) + 256
    block = block[:148] + b"%06o\0 " % total + block[156:]
    whole = block + content + padding(len(content)) + header(Member(b"f", Kind.FILE)) + END
    for member, _ in _until_refused(whole):
        assert b"\0" not in member.name
    try:
        parse_pax(content)
    except InvalidParameter:
        pass


@pytest.mark.parametrize("cut", [1, 511, 512 + 100, 512 + 600, 512 + 700, 512 + 1023])
def test_a_truncated_archive_is_refused(cut: int) -> None:
    """Is an archive that ends inside a header, a content or its padding an error?"""
    content = archive(file("name", b"x" * 700))
    with pytest.raises(InvalidParameter, match="unexpected EOF"):
        read(content[:cut])


def test_a_missing_end_is_accepted_between_members() -> None:
    """Is an archive without end blocks read, as Docker does?"""
    content = archive(file("name", b"x" * 512))
    assert len(read(content[:1024])) == 1
    assert len(read(content[: 1024 + 512])) == 1
    assert read(b"") == []


@pytest.mark.parametrize(
    "content",
    [
        archive(file("a")).replace(b"0000644", b"0000645"),
        bytes(512) + b"x" * 512,
        archive(info("sparse", b"S")),
        archive(file("a", pax_headers={"GNU.sparse.major": "1"})),
        archive(info("volume", b"V")),
        archive(file("a" * 200), form=tarfile.GNU_FORMAT)[:1024] + bytes(1024),
    ],
    ids=["checksum", "data after end", "sparse", "pax sparse", "unknown kind", "lone extension"],
)
def test_what_is_no_archive_is_refused(content: bytes) -> None:
    """Are damaged and unsupported archives refused rather than half read?"""
    with pytest.raises(InvalidParameter):
        read(content)


def test_a_long_extension_is_refused() -> None:
    """Can an archive make the reader hold more than a limit in memory?"""
    with pytest.raises(InvalidParameter, match="too long"):
        read(archive(file("a" * (2 << 20)), form=tarfile.GNU_FORMAT))


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


@pytest.mark.parametrize("text", [b"0o17", b"1_7", b"+17", b"-17", b"18", b"1 7"])
def test_what_only_python_takes_for_octal_is_refused(text: bytes) -> None:
    """Are Python's own spellings of numbers refused?"""
    with pytest.raises(InvalidParameter):
        number(text)


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        (b"./a//b/.", (b"a", b"b")),
        (b"/etc/passwd", (b"etc", b"passwd")),
        (b"a/../b", (b"b",)),
        (b"./", ()),
        (b"..a/...", (b"..a", b"...")),
    ],
)
def test_names_are_cleaned(name: bytes, parts: tuple[bytes, ...]) -> None:
    """Are names cleaned as Docker cleans them?"""
    assert safe_parts(name) == parts


@pytest.mark.parametrize("name", [b"..", b"../x", b"a/../../x", b"/../x", b"./.."])
def test_names_that_climb_out_are_unsafe(name: bytes) -> None:
    """Is a name that leaves the archive refused, and named in the error?"""
    with pytest.raises(UnsafePath) as caught:
        safe_parts(name)
    assert name.decode() in caught.value.message


@given(st.lists(st.sampled_from(["..", ".", "", "a", "b", ".wh.x"]), max_size=8).map("/".join))
def test_safe_parts_never_climb(name: str) -> None:
    """Is there any name whose parts could lead out?"""
    try:
        parts = safe_parts(name.encode())
    except UnsafePath:
        return
    assert not {b"..", b".", b""} & set(parts)
