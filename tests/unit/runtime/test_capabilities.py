"""Capabilities by name."""

from __future__ import annotations

import pytest

from lab.runtime import capabilities


def test_masks() -> None:
    """Is Docker's default set the mask that Docker's containers show, and the order the kernel's?"""
    assert capabilities.mask_of(capabilities.DEFAULT) == 0xA80425FB
    assert capabilities.mask_of(("CAP_CHOWN", "CAP_CHOWN", "CAP_BPF")) == 1 | 1 << 39
    assert capabilities.mask_of(tuple(capabilities.NAMES)) == (1 << len(capabilities.NAMES)) - 1
    with pytest.raises(KeyError):
        capabilities.mask_of(("CAP_FLY",))


def test_the_kernels_last() -> None:
    """Do we know every capability of the running kernel?"""
    assert 30 < capabilities.last_capability() < len(capabilities.NAMES)
