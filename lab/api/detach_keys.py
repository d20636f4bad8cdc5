"""The keys that detach from a terminal, Ctrl-P Ctrl-Q unless a client asks for others."""

from __future__ import annotations

from lab.errors import InvalidParameter


class DetachKeys:
    """Watches what is typed for the keys that detach; half of them is held back until it is clear."""

    def __init__(self, keys: bytes) -> None:
        self._keys = keys
        self._seen = 0

    def feed(self, data: bytes) -> tuple[bytes, bool]:
        """Return what is to be passed on, and whether the keys were complete."""
        passed = bytearray()
        for byte in data:
            if byte == self._keys[self._seen]:
                self._seen += 1
                if self._seen == len(self._keys):
                    return bytes(passed), True
                continue
            passed += self._keys[: self._seen]
            self._seen = 1 if byte == self._keys[0] else 0
            if not self._seen:
                passed.append(byte)
        return bytes(passed), False


def parse_detach_keys(text: str) -> bytes:
    """Return the bytes of `ctrl-p,ctrl-q` or single characters; the default for empty text."""
    keys = bytearray()
    for part in (text or "ctrl-p,ctrl-q").split(","):
        if len(part) == 1:
            keys += part.encode()
        elif (
            part.startswith("ctrl-")
            and len(part) == 6
            and (part[5].isalpha() or part[5] in "@[\\]^_")
        ):
            keys.append(ord(part[5].upper()) - 64)
        else:
            raise InvalidParameter(f"Invalid detach keys ({text}) provided")
    return bytes(keys)
