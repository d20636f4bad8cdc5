"""Restart policies: read, and what they want after which end."""

from __future__ import annotations

from typing import Any

import pytest

from lab.engine.restart_policy import LONGEST_DELAY, RestartPolicy, next_delay
from lab.errors import InvalidParameter


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"Name": "maybe"}, "unknown policy 'maybe'; use one of 'no', 'always', 'on-failure'"),
        ({"Name": "always", "MaximumRetryCount": 3}, "cannot be used with restart policy 'always'"),
        ({"MaximumRetryCount": 3}, "cannot be used with empty restart policy"),
        ({"Name": "on-failure", "MaximumRetryCount": -1}, "retry count cannot be negative"),
    ],
)
def test_wrong_policies(source: dict[str, Any], message: str) -> None:
    """Are they refused in Docker's words?"""
    with pytest.raises(InvalidParameter, match=message):
        RestartPolicy.from_json({"RestartPolicy": source})


@pytest.mark.parametrize(
    ("policy", "code", "restarts", "by_hand", "wanted"),
    [
        (RestartPolicy(), 1, 0, False, False),
        (RestartPolicy("always"), 0, 9, False, True),
        (RestartPolicy("always"), 0, 0, True, True),
        (RestartPolicy("unless-stopped"), 0, 0, False, True),
        (RestartPolicy("unless-stopped"), 0, 0, True, False),
        (RestartPolicy("on-failure"), 0, 0, False, False),
        (RestartPolicy("on-failure"), 1, 99, False, True),
        (RestartPolicy("on-failure", 2), 1, 1, False, True),
        (RestartPolicy("on-failure", 2), 1, 2, False, False),
    ],
)
def test_what_is_wanted(
    policy: RestartPolicy, code: int, restarts: int, by_hand: bool, wanted: bool
) -> None:
    """Does each policy restart just what it should?"""
    assert policy.wants(code, restarts, by_hand) is wanted


def test_the_delay_doubles_up_to_a_minute() -> None:
    """Is it 100 ms, 200 ms and so on, a minute at most, and 100 ms again after a long run?"""
    delays = [0.0]
    for _ in range(12):
        delays.append(next_delay(delays[-1], lasted=1))
    assert delays[1:5] == [0.1, 0.2, 0.4, 0.8]
    assert delays[-1] == LONGEST_DELAY
    assert next_delay(LONGEST_DELAY, lasted=10) == 0.1
