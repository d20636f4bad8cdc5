"""A Docker Engine of the learner's own in place of the lab's: asked how it is, never touched."""

from __future__ import annotations

from lab.client import name_engine
from lab.errors import LabError
from lab.jupyter.keeper import State, Status


class ForeignEngine:
    """The engine at `address`, which others start and stop."""

    kind = "docker"

    def __init__(self, address: str) -> None:
        self._address = address

    @property
    def status(self) -> Status:
        """Ask it; what only the lab's engine tells is not available while this one is used."""
        try:
            name = name_engine(self._address)
        except LabError as error:
            return Status(State.FAILED, error.message)
        return Status(State.READY, f"{name} at {self._address}: your own, not the lab's")

    def start(self) -> None:
        """Do nothing: it is not ours to start."""

    def stop(self) -> None:
        """Do nothing: it is not ours to stop."""
