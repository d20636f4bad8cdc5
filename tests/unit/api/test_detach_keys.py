"""The keys that detach from a terminal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.api.detach_keys import DetachKeys

KEYS = b"\x10\x11"


@pytest.mark.parametrize(
    ("typed", "passed", "detached"),
    [
        (b"hello", b"hello", False),
        (b"\x10\x11", b"", True),
        (b"ab\x10\x11never", b"ab", True),
        (b"\x10x", b"\x10x", False),
        (b"\x10\x10\x11", b"\x10", True),
        (b"\x11\x10", b"\x11", False),
        (b"\x10", b"", False),
    ],
)
def test_detach_keys(typed: bytes, passed: bytes, detached: bool) -> None:
    """Are the keys found, and half of them held back until it is clear?"""
    assert DetachKeys(KEYS).feed(typed) == (passed, detached)
    # the same, one key at a time
    keys, got = DetachKeys(KEYS), b""
    for byte in typed:
        more, found = keys.feed(bytes([byte]))
        got += more
        if found:
            break
    assert (got, found) == (passed, detached)


@given(st.lists(st.sampled_from([b"a", b"\x10", b"\x11", b"\x10\x10"])), st.integers(1, 5))
def test_nothing_typed_is_lost(pieces: list[bytes], size: int) -> None:
    """Is everything passed on that does not belong to the keys, however it is cut?"""
    typed = b"".join(pieces)
    keys, got, found = DetachKeys(KEYS), b"", False
    for start in range(0, len(typed), size):
        more, found = keys.feed(typed[start : start + size])
        got += more
        if found:
            break
    before = typed.split(KEYS)[0]
    if KEYS in typed:
        assert found and got == before
    else:
        assert not found and typed.startswith(got) and len(typed) - len(got) < len(KEYS)
