"""Patterns of `.dockerignore`, and of COPY."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.build.dockerignore import IgnoreRules, patterns_of
from lab.build.golang import clean, match, quote, quote_list
from lab.errors import InvalidParameter

TABLE = [
    [part.strip() for part in line.split(" | ")]
    for line in (Path(__file__).parent / "ignored.txt").read_text().splitlines()
    if not line.startswith("#")
]


@pytest.mark.parametrize(("patterns", "path", "ignored"), TABLE)
def test_file_is_left_out(patterns: str, path: str, ignored: str) -> None:
    """Do the patterns decide about the path as the table says?"""
    rules = IgnoreRules.parse("\n".join(patterns.split()).encode())
    assert rules.ignores(path) is (ignored == "yes")


def test_file_is_read_line_by_line() -> None:
    """Are comments, blanks, a byte order mark and slashes treated as Docker does?"""
    content = b"\xef\xbb\xbf# no\n a b \n\n  # not a comment\r\n! /x/ \n/\n//y\n"
    assert patterns_of(content) == ["a b", "# not a comment", "!x", "/", "y"]


@pytest.mark.parametrize("pattern", ["[", "a[", "[]a]", "[a-]", "a\\", "!", "!/", "[\\"])
def test_malformed_pattern_is_refused(pattern: str) -> None:
    """Is a pattern that Go would not compile an error?"""
    with pytest.raises(InvalidParameter):
        IgnoreRules([pattern])


def test_whole_context_cannot_be_left_out() -> None:
    """Is the root kept, even if everything matches?"""
    assert not IgnoreRules(["**"]).ignores(".")


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        ("abc", "abc", True),
        ("*", "abc", True),
        ("*c", "abc", True),
        ("a*", "abc/d", False),
        ("a*/b", "abc/b", True),
        ("a*b*c*d*e*/f", "axbxcxdxexxx/f", True),
        ("a*b*c*d*e*/f", "axbxcxdxe/xxx/f", False),
        ("a*b?c*x", "abxbbxdbxebxczzx", True),
        ("a*b?c*x", "abxbbxdbxebxczzy", False),
        ("ab[b-d]", "abc", True),
        ("ab[^e-g]", "abc", True),
        ("ab[^b-d]", "abc", False),
        ("[z-a]", "m", False),
        ("[^z-a]", "m", True),
        ("[\\]a]", "]", True),
        ("[x\\-]", "-", True),
        ("[!a]", "!", True),
        ("[-]", "-", None),
        ("[a-b-c]", "a", None),
        ("a.c", "abc", False),
        ("*x", "xxx", True),
        ("a\n?", "a\n\n", True),
    ],
)
def test_shell_pattern_as_in_go(pattern: str, name: str, expected: bool | None) -> None:
    """Does the pattern match as Go's filepath.Match says; None: malformed?"""
    if expected is None:
        with pytest.raises(ValueError):
            match(pattern, name)
    else:
        assert match(pattern, name) is expected


def test_many_stars_cost_no_exponential_time() -> None:
    """Does a hostile pattern end at once?"""
    assert not match("*a" * 40 + "b", "a" * 250)


@given(st.text(alphabet="a*?[]^-\\/!.é\n", max_size=20), st.text(max_size=20))
def test_every_pattern_is_compiled_or_refused(pattern: str, path: str) -> None:
    """Does no pattern lead to an error of another kind?"""
    try:
        IgnoreRules.parse(pattern.encode()).ignores(path)
    except InvalidParameter as error:
        assert error.message
    try:
        match(pattern, path)
    except ValueError as error:
        assert "syntax error in pattern" in str(error)


@given(st.text(alphabet=st.characters(blacklist_categories=["Cs"])))
def test_plain_text_matches_itself_when_escaped(text: str) -> None:
    """Is every character, escaped, only itself?"""
    assert match("".join(f"\\{char}" for char in text), text)


def test_go_text() -> None:
    """Are strings written, and paths shortened, as Go does?"""
    assert quote('a"b\\c\n\té\x01\u200b\U000e0001') == '"a\\"b\\\\c\\n\\té\\x01\\u200b\\U000e0001"'
    assert quote_list(["nginx", "-g", "daemon off;"]) == '["nginx" "-g" "daemon off;"]'
    assert [clean(path) for path in ("", "//a//b/", "a/../..", "/..", "./a/.")] == [
        ".",
        "/a/b",
        "..",
        "/",
        "a",
    ]
