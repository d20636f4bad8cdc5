"""Digests as values."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.errors import DigestMismatch, InvalidParameter
from lab.oci.digest import Digest

HEX = "0123456789abcdef" * 4


@pytest.mark.parametrize("text", [f"sha256:{HEX}", f"sha512:{HEX}{HEX}"])
def test_digests_are_spelled_as_they_were_parsed(text: str) -> None:
    """Are both algorithms understood, and written the same?"""
    digest = Digest.parse(text)
    assert str(digest) == text
    assert digest.short == HEX[:12]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "invalid checksum digest format"),
        (HEX, "invalid checksum digest format"),
        (":" + HEX, "invalid checksum digest format"),
        (f"SHA256:{HEX}", "invalid checksum digest format"),
        (f"sha256:{HEX}\n", "invalid checksum digest format"),
        (f" sha256:{HEX}", "invalid checksum digest format"),
        (f"sha256:{HEX.upper()}", "invalid checksum digest format"),
        (f"sha256:{HEX[:-1]}g", "invalid checksum digest format"),
        (f"sha256:{HEX[:-1]}", "invalid checksum digest length"),
        (f"sha256:{HEX}0", "invalid checksum digest length"),
        (f"sha512:{HEX}", "invalid checksum digest length"),
        (f"md5:{HEX[:32]}", "unsupported digest algorithm"),
        (f"sha256:../{HEX[:61]}", "invalid checksum digest format"),
    ],
)
def test_what_is_no_digest_is_refused_in_dockers_words(text: str, words: str) -> None:
    """Is every malformed digest refused, with the reason that Docker gives?"""
    with pytest.raises(InvalidParameter, match=words):
        Digest.parse(text)


@given(st.text(max_size=80))
def test_any_text_is_a_digest_or_invalid(text: str) -> None:
    """Does parsing end in a digest of that spelling, or in InvalidParameter?"""
    try:
        assert str(Digest.parse(text)) == text
    except InvalidParameter:
        pass


@given(st.binary(max_size=200))
def test_digests_of_content(content: bytes) -> None:
    """Is the digest that of sha256, whole or fed in parts, and does it verify its content only?"""
    digest = Digest.of(content)
    assert digest.hex == hashlib.sha256(content).hexdigest()
    running = digest.hasher()
    running.update(content[:7])
    running.update(content[7:])
    assert Digest.from_hash(running) == digest
    digest.check(content)
    with pytest.raises(DigestMismatch):
        digest.check(content + b"x")


def test_another_algorithm_verifies_too() -> None:
    """Does a sha512 digest verify with sha512?"""
    digest = Digest.parse("sha512:" + hashlib.sha512(b"x").hexdigest())
    digest.check(b"x")
    with pytest.raises(DigestMismatch):
        digest.check(b"y")
