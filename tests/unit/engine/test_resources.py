"""Limits that clients ask for: read, checked, and given up with Docker's warning."""

from __future__ import annotations

from typing import Any

import pytest

from lab.engine.resources import parse_limits, verify
from lab.errors import InvalidParameter
from lab.runtime.cgroups import Limits

MB = 1 << 20


def everything(controller: str) -> bool:
    return not controller.startswith("device")


def nothing(controller: str) -> bool:
    return False


@pytest.mark.parametrize(
    ("host", "limits"),
    [
        ({}, Limits()),
        ({"Memory": 64 * MB}, Limits(memory=64 * MB)),
        ({"Memory": 64 * MB, "MemorySwap": -1}, Limits(memory=64 * MB, memory_swap=-1)),
        ({"PidsLimit": -1}, Limits()),
        ({"PidsLimit": 5, "NanoCpus": 500, "CpuShares": 2}, Limits(0, 0, 5, 500, 2)),
        ({"CpusetCpus": "0-1", "CpuQuota": 5}, Limits(cpuset_cpus="0-1", cpu_quota=5)),
    ],
)
def test_limits(host: dict[str, Any], limits: Limits) -> None:
    """Are limits read, and what means "none" taken for none?"""
    assert parse_limits(host) == limits


@pytest.mark.parametrize(
    ("host", "message"),
    [
        ({"Memory": 1}, "Minimum memory limit allowed is 6MB"),
        ({"MemorySwap": 7 * MB}, "always set the Memory limit when using Memoryswap limit"),
        ({"Memory": 8 * MB, "MemorySwap": 7 * MB}, "should be larger than memory limit"),
        ({"MemoryReservation": 1}, "Minimum memory reservation allowed is 6MB"),
        ({"Memory": 8 * MB, "MemoryReservation": 9 * MB}, "less than memory reservation limit"),
        ({"NanoCpus": -1}, "range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs"),
        ({"NanoCpus": 3 * 10**9}, "range of CPUs is from 0.01 to 2.00"),
        ({"NanoCpus": 1, "CpuPeriod": 1000}, "Nano CPUs and CPU Period cannot both be set"),
        ({"NanoCpus": 1, "CpuQuota": 1000}, "Nano CPUs and CPU Quota cannot both be set"),
        ({"CpuPeriod": 5}, "CPU cfs period can not be less than 1ms"),
        ({"CpuQuota": 5}, "CPU cfs quota can not be less than 1ms"),
        ({"CpusetCpus": "0-7"}, "Requested CPUs are not available - requested 0-7, available: 0-1"),
        ({"CpusetCpus": "x"}, "Invalid value x for cpuset cpus"),
        ({"BlkioWeight": 5}, "Range of blkio weight is from 10 to 1000"),
        ({"Memory": "1g"}, "Memory must be an integer"),
        ({"PidsLimit": True}, "PidsLimit must be an integer"),
    ],
)
def test_impossible_limits(host: dict[str, Any], message: str) -> None:
    """Are limits that cannot be refused?"""
    with pytest.raises(InvalidParameter, match=message):
        verify(host, everything, 2)


def test_what_can_be_had_is_left_alone() -> None:
    """Are there no warnings, and no changes, where the host lends everything?"""
    host = {"Memory": 8 * MB, "MemorySwap": 16 * MB, "NanoCpus": 10**9, "PidsLimit": 9}
    wanted = dict(host)
    assert verify(host, everything, 2) == []
    assert host == wanted


def test_what_cannot_be_had_is_discarded() -> None:
    """Is each limit taken out with Docker's own warning, where there are no control groups?"""
    host = {
        "Memory": 8 * MB,
        "MemoryReservation": 7 * MB,
        "NanoCpus": 1,
        "CpuShares": 5,
        "PidsLimit": 9,
        "CpusetCpus": "0",
        "OomKillDisable": True,
        "BlkioWeight": 10,
        "MemorySwappiness": 5,
    }
    warnings = verify(host, nothing, 2)
    assert len(warnings) == 9
    assert all(text.endswith("iscarded.") for text in warnings)
    assert parse_limits(host) == Limits(memory_swap=-1)


def test_memory_without_swap() -> None:
    """Is a memory limit kept, with a warning, where swap cannot be limited?"""
    host = {"Memory": 8 * MB, "MemorySwap": 16 * MB}
    warnings = verify(host, lambda name: name != "swap", 2)
    assert [text.endswith("Memory limited without swap.") for text in warnings] == [True]
    assert (host["Memory"], host["MemorySwap"]) == (8 * MB, -1)


def test_changes_need_no_memory_limit_for_swap() -> None:
    """May an update name the sum with swap alone, as with Docker?"""
    assert verify({"MemorySwap": 7 * MB}, everything, 2, update=True) == []
