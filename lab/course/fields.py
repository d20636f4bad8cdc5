"""Members of a parsed document, each with the place where it stands, for errors that help."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lab.errors import InvalidParameter


class Fields:
    """An object of a document: a mapping, and where it stands (`file: quiz[2]`)."""

    def __init__(self, value: Any, place: str, *known: str) -> None:
        """Raises InvalidParameter if it is no object, or has a member that is not `known`."""
        self.place = place
        if not isinstance(value, dict):
            raise self.wrong("must be a list of names and values")
        self._value = value
        unknown = [str(name) for name in value if name not in known]
        if unknown:
            raise self.wrong(f"has {unknown[0]!r}; known are: {', '.join(known)}")

    def wrong(self, message: str) -> InvalidParameter:
        return InvalidParameter(f"{self.place} {message}")

    def get(self, name: str) -> Any:
        """Return a member; None if there is none."""
        return self._value.get(name)

    def text(self, name: str) -> str:
        """Return a text that must be there; numbers and truth values are none."""
        value = self.get(name)
        if not isinstance(value, str) or not value.strip():
            raise self.wrong(f"needs a text named {name!r}, quoted where it looks like a number")
        return value.strip()

    def number(self, name: str) -> int:
        value = self.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise self.wrong(f"needs a number named {name!r}")
        return value

    def truth(self, name: str) -> bool:
        """Return a truth value; False if there is none."""
        value = self.get(name)
        if value is not None and not isinstance(value, bool):
            raise self.wrong(f"needs true or false as {name!r}")
        return bool(value)

    def items(self, name: str) -> list[Any]:
        """Return a list; empty if there is none."""
        value = self.get(name)
        if value is not None and not isinstance(value, list):
            raise self.wrong(f"needs a list named {name!r}")
        return value or []

    def entries(self, name: str) -> Iterator[tuple[str, Any]]:
        """Yield the names and values of an object; nothing if there is none."""
        value = self.get(name)
        if value is not None and not isinstance(value, dict):
            raise self.wrong(f"needs names and values below {name!r}")
        yield from (value or {}).items()
