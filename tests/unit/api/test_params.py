"""Query parameters and filters, as Docker parses them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aiohttp.test_utils import make_mocked_request
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from lab.api.params import Filters, flag, number, seconds_to_ns
from lab.errors import InvalidParameter

KNOWN = frozenset(("label", "name", "status"))


def asked(**query: str) -> Any:
    return make_mocked_request("GET", str(URL("/x").with_query(query)))


@pytest.mark.parametrize("text", ["", "0", "no", "False", "none", " false "])
def test_what_is_false(text: str) -> None:
    """Are Docker's words for "no" understood?"""
    assert flag(asked(f=text), "f", default=True) is False


def test_flags() -> None:
    """Is everything else true, and an absent flag the default?"""
    assert all(flag(asked(f=text), "f") for text in ("1", "true", "yes", "x"))
    assert flag(asked(), "f", default=True) and not flag(asked(), "f")


@pytest.mark.parametrize(("text", "value"), [("5", 5), ("-1", -1), ("", None), ("007", 7)])
def test_numbers(text: str, value: int | None) -> None:
    """Are integers read, and is nothing the default?"""
    assert number(asked(n=text), "n") == value


@pytest.mark.parametrize("text", ["x", "1.5", "1e3", "--1", "1_000", " 5", "9" * 30])
def test_no_numbers(text: str) -> None:
    """Is anything else a wrong request?"""
    with pytest.raises(InvalidParameter, match=r"strconv\.Atoi: parsing"):
        number(asked(n=text), "n")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (None, None),
        ("", None),
        ("0", 0),
        ("1", 1_000_000_000),
        ("1.5", 1_500_000_000),
        ("1.000000001", 1_000_000_001),
        ("1.0000000019", 1_000_000_001),
        ("-2", -2_000_000_000),
        ("9" * 40, (1 << 63) - 1),
    ],
)
def test_times(text: str | None, value: int | None) -> None:
    """Are seconds with a fraction exact to the nanosecond, and never beyond 64 bits?"""
    assert seconds_to_ns(text) == value


@pytest.mark.parametrize("text", ["yesterday", "--5", "1.x", ".", "1 ", "2026-01-01"])
def test_no_times(text: str) -> None:
    """Is anything else a wrong request?"""
    with pytest.raises(InvalidParameter, match="invalid value"):
        seconds_to_ns(text)


def test_both_forms_of_filters() -> None:
    """Are the CLI's maps and docker-py's lists the same to us?"""
    for raw in ({"label": {"a": True, "b=c": True, "d": False}}, {"label": ["a", "b=c"]}):
        filters = Filters.of(asked(filters=json.dumps(raw)), KNOWN)
        assert set(filters.get("label")) == {"a", "b=c"}
        assert filters.allows_labels({"a": "", "b": "c"})
        assert not filters.allows_labels({"a": "", "b": "x"})
        assert not filters.allows_labels({})
    none = Filters.of(asked(), KNOWN)
    assert none.get("label") == () and none.allows_labels({}) and none.allows("name", "x")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "invalid filter"),
        ("[]", "invalid filter"),
        ('"x"', "invalid filter"),
        ('{"label": "a"}', "invalid filter"),
        ('{"color": ["red"]}', "invalid filter 'color'"),
    ],
)
def test_wrong_filters(text: str, message: str) -> None:
    """Is JSON of another shape refused, and a key that the resource does not have?"""
    with pytest.raises(InvalidParameter, match=message):
        Filters.of(asked(filters=text), KNOWN)


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(sorted(KNOWN)), _values, max_size=3))
def test_any_filters(raw: dict[str, Any]) -> None:
    """Does any JSON give filters of texts, or a wrong request?"""
    try:
        filters = Filters.of(asked(filters=json.dumps(raw)), KNOWN)
    except InvalidParameter:
        return
    assert all(isinstance(value, str) for key in KNOWN for value in filters.get(key))
