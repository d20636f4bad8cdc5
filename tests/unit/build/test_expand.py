"""Putting variables into words."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.build.expand import MAX_RESULT, expand, expand_words
from lab.errors import BuildError

VARIABLES = {
    "A": "hello",
    "B": "",
    "P": "/usr/local/bin",
    "W": "한국어",
    "Q": "a'b\"c",
    "S": '"a b"',
}
TABLE = [
    tuple(part.strip() for part in line.split(" | ")) if " | " in line else (line.strip(" |"), "")
    for line in (Path(__file__).parent / "expansion.txt").read_text().splitlines()
    if not line.startswith("#")
]


@pytest.mark.parametrize(("word", "expected"), TABLE)
def test_word_becomes(word: str, expected: str) -> None:
    """Does the word become what the table says?"""
    try:
        found = expand(word, VARIABLES)
    except BuildError as error:
        assert error.message.startswith("failed to process ")
        found = "error"
    assert found == expected


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("a b", ["a", "b"]),
        ("'a b' c", ["a b", "c"]),
        ("a\\ b c", ["a b", "c"]),
        ("$A x", ["hello", "x"]),
        ("$S", ['"a', 'b"']),
        ('"$S"', ['"a b"']),
        ("  a  ", ["a"]),
        ("$U", []),
        ("''", []),
    ],
)
def test_words_are_split_after_variables_are_put_in(word: str, expected: list[str]) -> None:
    """Do unquoted values become several words, and quoted ones not?"""
    assert expand_words(word, VARIABLES) == expected


def test_other_escape_character() -> None:
    """With `# escape=`, is the backslash an ordinary character?"""
    assert expand("a\\b`$A", VARIABLES, "`") == "a\\b$A"


def test_error_names_the_word() -> None:
    """Is Docker's message complete?"""
    with pytest.raises(BuildError) as caught:
        expand('"${U:?give it}', VARIABLES)
    assert caught.value.message == 'failed to process "\\"${U:?give it}": U: give it'


@pytest.mark.parametrize(
    "word",
    ["${U:-" * 20000 + "}" * 20000, "$X" * 5, '"' + "$X" * 5 + '"'],
    ids=["nested", "long", "long quoted"],
)
def test_monstrous_words_are_refused(word: str) -> None:
    """Is there an error instead of a crash or of memory filled up?"""
    with pytest.raises(BuildError):
        expand(word, {"X": "x" * (MAX_RESULT // 3)})


def test_patterns_cost_no_exponential_time() -> None:
    """Does a pattern of many stars end?"""
    began = time.monotonic()
    pattern = "a*" * 30
    expand("${X##" + pattern + "b}${X%%" + pattern + "b}", {"X": "a" * 1000})
    assert time.monotonic() - began < 5


@given(st.text(alphabet="aA$B{}:-+?#%/\\'\" *U<é\0", max_size=30))
def test_whatever_the_word_only_our_errors_come_out(word: str) -> None:
    """Does every word become text or a BuildError, with either escape character?"""
    for escape in "\\`":
        try:
            expand(word, VARIABLES, escape)
            expand_words(word, VARIABLES, escape)
        except BuildError as error:
            assert error.message


@given(st.text(alphabet=st.characters(blacklist_characters="$\\'\"")))
def test_text_without_special_characters_is_left_alone(text: str) -> None:
    """Is plain text returned as it is?"""
    assert expand(text, {}) == text
