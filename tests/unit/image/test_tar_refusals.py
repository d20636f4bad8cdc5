"""What is refused as an archive, and which names are safe."""

from __future__ import annotations

import tarfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.errors import InvalidParameter, UnsafePath
from lab.image.tar import Kind, Member, number, parse_pax, safe_parts
from lab.image.tar_writer import END, header, padding

from .helpers import archive, file, info, read


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


@pytest.mark.parametrize("cut", [1, 511, 512 + 100, 512 + 699])
def test_a_truncated_archive_is_refused(cut: int) -> None:
    """Is an archive that ends inside a header or a content an error?"""
    content = archive(file("name", b"x" * 700))
    with pytest.raises(InvalidParameter, match="unexpected EOF"):
        read(content[:cut])


@pytest.mark.parametrize("cut", [512 + 700, 512 + 1023, 512 + 1024])
def test_an_archive_may_lack_its_end(cut: int) -> None:
    """Is an archive whole whose last padding is missing, as docker's client sends them?"""
    content = archive(file("name", b"x" * 700))
    assert [data for _, data in read(content[:cut])] == [b"x" * 700]


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
