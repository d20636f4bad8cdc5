"""The comparison takes measurements as they are made, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from lab.errors import InvalidParameter
from lab.widgets.vm_or_container import VmOrContainer


def measured(kind: str, count: int, start: float = 1.0) -> dict[str, Any]:
    return {
        "kind": kind,
        "count": count,
        "start": start,
        "stop": 0.1,
        "memory": 1000,
        "disk": 2000,
        "work": 0.5,
        "kernel": "6.1",
    }


def test_kinds_stand_in_order_and_the_latest_counts() -> None:
    """Are process, container and machine in this order, and is a repeated one shown once?"""
    picture = VmOrContainer(
        [
            measured("vm", 1),
            measured("container", 2),
            measured("container", 1, start=3.0),
            measured("process", 1),
            measured("container", 1, start=4.0),
        ]
    )
    assert [(each["kind"], each["count"], each["start"]) for each in picture.measurements] == [
        ("process", 1, 1.0),
        ("container", 1, 4.0),
        ("container", 2, 1.0),
        ("vm", 1, 1.0),
    ]
    picture.measurements = []
    assert repr(picture) == "VmOrContainer(0 measurements)"
    picture.close()


@pytest.mark.parametrize("wrong", [{"kind": "vm"}, measured("cloud", 1), "vm"])
def test_what_is_no_measurement_is_refused(wrong: Any) -> None:
    """Is anything else than a whole measurement refused, in words that say so?"""
    with pytest.raises((InvalidParameter, ValueError)):
        VmOrContainer([wrong])
