"""Ids of containers, as the sandbox sees them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.kernel.idmap import CONTAINER_IDS, IdMap


@pytest.mark.parametrize(
    ("base", "inner", "outer"), [(0, 0, 0), (1, 0, 1), (1, 33, 34), (1, 65535, 65536)]
)
def test_both_ways(base: int, inner: int, outer: int) -> None:
    """Is root's map shifted by one, and a user's not at all?"""
    assert IdMap(base).to_sandbox(inner) == outer
    assert IdMap(base).to_container(outer) == inner


@given(st.integers(-5, CONTAINER_IDS + 5), st.sampled_from((0, 1, 100000)))
def test_ids_without_a_place(number: int, base: int) -> None:
    """Does every id map to itself and back, or to the one that the kernel shows for "nobody"?"""
    ids = IdMap(base)
    outer = ids.to_sandbox(number)
    if 0 <= number < CONTAINER_IDS:
        assert ids.to_container(outer) == number
    else:
        assert outer == 65534
    assert ids.to_container(base - 1) == ids.to_container(base + CONTAINER_IDS) == 65534
