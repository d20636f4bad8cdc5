"""When a container that has ended is started again, and after how long.  Pure rules.

Source: Docker's documentation, "Start containers automatically"; Docker Engine API, RestartPolicy.
"""

from __future__ import annotations

from dataclasses import dataclass

from lab.errors import InvalidParameter
from lab.oci import fields
from lab.oci.fields import Json

FIRST_DELAY, LONGEST_DELAY = 0.1, 60.0
"""Seconds before the first restart, and the most that doubling leads to."""
LONG_RUN = 10.0
"""A run of so many seconds counts as a success: the delay begins anew."""

_NAMES = ("", "no", "always", "on-failure", "unless-stopped")


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """`name` is `no`, `always`, `on-failure` or `unless-stopped`; `maximum` 0 is no limit."""

    name: str = "no"
    maximum: int = 0

    @classmethod
    def from_json(cls, host: Json) -> RestartPolicy:
        """Read the member of a HostConfig; InvalidParameter in Docker's words."""
        source = fields.obj(host, "RestartPolicy")
        name, maximum = fields.text(source, "Name"), fields.integer(source, "MaximumRetryCount")
        if name not in _NAMES:
            raise InvalidParameter(
                f"invalid restart policy: unknown policy '{name}'; use one of 'no', "
                "'always', 'on-failure', or 'unless-stopped'"
            )
        if maximum and name != "on-failure":
            text = "invalid restart policy: maximum retry count cannot be used"
            raise InvalidParameter(
                f"{text} with empty restart policy"
                if not name
                else (f"{text} with restart policy '{name}'")
            )
        if maximum < 0:
            raise InvalidParameter("invalid restart policy: maximum retry count cannot be negative")
        return cls(name or "no", maximum)

    def wants(self, exit_code: int, restarts: int, stopped_by_hand: bool) -> bool:
        """Return whether a container that has ended is to run again.

        `restarts` are those that there were since its start by hand.
        """
        if self.name == "always":
            return True
        if self.name == "unless-stopped":
            return not stopped_by_hand
        if self.name == "on-failure":
            return exit_code != 0 and (self.maximum == 0 or restarts < self.maximum)
        return False


def next_delay(before: float, lasted: float) -> float:
    """Return the seconds to wait now, after a run that `lasted`; `before` was the wait before it."""
    if lasted >= LONG_RUN or not before:
        return FIRST_DELAY
    return min(before * 2, LONGEST_DELAY)
