"""Identifiers and names."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab import ids
from lab.errors import InvalidParameter


def test_new_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    """Are ids 64 hexadecimal digits, and short ids never a number?"""
    values = iter(["1" * 64, "123456789012a" + "0" * 51, "1a" + "0" * 62])
    monkeypatch.setattr(ids.secrets, "token_hex", lambda size: next(values))
    assert ids.new_id() == "1a" + "0" * 62
    monkeypatch.undo()
    made = {ids.new_id() for _ in range(50)}
    assert len(made) == 50 and all(set(each) <= set(string.hexdigits) for each in made)


def test_short_ids() -> None:
    """Are twelve digits left, without the name of an algorithm?"""
    assert ids.short_id("sha256:" + "ab" * 32) == ids.short_id("ab" * 32) == "ab" * 6


@pytest.mark.parametrize("name", ["ab", "/ab", "A.b-c_9", "0x"])
def test_good_names(name: str) -> None:
    """Is what Docker accepts accepted, a leading slash aside?"""
    assert ids.check_name(name, "container") == name.removeprefix("/")


@pytest.mark.parametrize("name", ["", "a", "/", "-ab", ".ab", "a b", "a/b", "ä1", "ab\n", "//ab"])
def test_bad_names(name: str) -> None:
    """Is what Docker refuses refused, in its words?"""
    with pytest.raises(
        InvalidParameter, match=r"(?s)Invalid container name \(.*\), only \[a-zA-Z0-9\]"
    ):
        ids.check_name(name, "container")


def test_prefixes() -> None:
    """Does a prefix find the one that it fits, an exact id itself, and several an error?"""
    known = ["abc", "abcd", "xyz"]
    assert ids.find_prefix("x", known) == "xyz"
    assert ids.find_prefix("abc", known) == "abc"
    assert ids.find_prefix("abcd", known) == "abcd"
    assert ids.find_prefix("q", known) is ids.find_prefix("", known) is None
    with pytest.raises(InvalidParameter, match="multiple IDs found with provided prefix: ab"):
        ids.find_prefix("ab", known)


@given(st.lists(st.text("ab", min_size=1, max_size=6), max_size=8), st.text("ab", max_size=6))
def test_prefixes_are_prefixes(known: list[str], prefix: str) -> None:
    """Is what is found always one of the known, and begins with what was asked for?"""
    try:
        found = ids.find_prefix(prefix, set(known))
    except InvalidParameter:
        assert sum(each.startswith(prefix) for each in set(known)) > 1
        return
    if found is None:
        assert not prefix or not any(each.startswith(prefix) for each in known)
    else:
        assert found in known and found.startswith(prefix)


def test_made_up_names() -> None:
    """Are names valid, and free also when all simple ones are taken?"""
    assert ids.check_name(ids.generate_name([]), "container")
    every = [f"{a}_{p}" for a in ids._ADJECTIVES for p in ids._PEOPLE]
    name = ids.generate_name(every)
    assert name not in every and ids.check_name(name, "container")
