"""Steps whose failure stops nothing."""

from __future__ import annotations

import errno

import pytest

from lab.engine.logged import logged
from lab.errors import Conflict, SyscallError


@pytest.mark.parametrize(
    "error", [Conflict("it is in use"), SyscallError(errno.ENOSPC, "write"), OSError(5, "gone")]
)
def test_what_the_world_does(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    """Is trouble with the world told in one sentence, without a trace?"""
    with logged("the end of a container"):
        raise error
    (record,) = caplog.records
    assert record.message == f"the end of a container could not be handled: {error}"
    assert record.exc_info is None


def test_what_is_our_mistake(caplog: pytest.LogCaptureFixture) -> None:
    """Is a mistake of the program told with the place where it is?"""
    with logged("the end of a container"):
        raise KeyError("name")
    (record,) = caplog.records
    assert record.exc_info is not None


def test_what_is_to_end(caplog: pytest.LogCaptureFixture) -> None:
    """Does an interruption pass?"""
    with pytest.raises(KeyboardInterrupt), logged("the end of a container"):
        raise KeyboardInterrupt
    assert caplog.records == []
