"""What a pull or push says while it runs: Docker's JSON messages, with its bars and units."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from lab.ids import short_id
from lab.oci.digest import Digest

Message = dict[str, Any]
Emit = Callable[[Message], None]
"""Takes a message; may be called from any thread."""

_PAUSE = 0.1
"""Seconds between two messages about the same work."""

_BAR = 50
_UNITS = ("B", "kB", "MB", "GB", "TB")


class Progress:
    """Writes messages through `emit`, not more of them than people can read."""

    def __init__(self, emit: Emit, clock: Callable[[], float] = time.monotonic) -> None:
        self._emit = emit
        self._clock = clock
        self._last: dict[tuple[str, str], float] = {}
        self._lock = threading.Lock()

    def say(self, text: str, about: str = "") -> None:
        """Say something, maybe `about` an image or layer."""
        self._emit({"status": text, "id": about} if about else {"status": text})

    def state(self, layer: Digest, text: str) -> None:
        """Tell what happens to a layer: `Waiting`, `Pull complete`."""
        self._emit({"status": text, "progressDetail": {}, "id": short_id(layer.hex)})

    def retrying(self, layer: Digest, seconds: int) -> None:
        """Tell that a layer's next attempt is so many seconds away."""
        self.state(layer, f"Retrying in {seconds} second{'' if seconds == 1 else 's'}")

    def advance(self, layer: Digest, action: str, current: int, total: int) -> None:
        """Tell how far an action has come, in bytes; told at intervals, and at the end."""
        key = short_id(layer.hex), action
        with self._lock:
            now = self._clock()
            if current < total and now - self._last.get(key, -_PAUSE) < _PAUSE:
                return
            self._last[key] = now
        self._emit(
            {
                "status": action,
                "progressDetail": {"current": current, "total": total},
                "progress": bar(current, total),
                "id": key[0],
            }
        )

    def aux(self, value: Message) -> None:
        """Tell programs a result."""
        self._emit({"progressDetail": {}, "aux": value})


def error_message(error: Exception, message: str) -> Message:
    """Return the last message of work that failed after it had begun; `message` is what to show."""
    detail: Message = {"message": message}
    code = getattr(error, "code", None)
    if code:
        # of a command in a build
        detail = {"code": code, **detail}
    return {"errorDetail": detail, "error": message}


def bar(current: int, total: int) -> str:
    """Return the bar and the numbers as the docker CLI draws them."""
    if current <= 0 and total <= 0:
        return ""
    if total <= 0:
        return f"{human_size(current):>8}"
    full = min(int(current / total * 100) // 2, _BAR)
    drawn = f"[{'=' * full}>{' ' * (_BAR - full)}] "
    numbers = f"{human_size(current):>8}"
    return drawn + (numbers if current > total else f"{numbers}/{human_size(total)}")


def human_size(size: float) -> str:
    """Return bytes in decimal units with four digits, as Docker writes them: `3.21MB`."""
    unit = 0
    while size >= 1000 and unit < len(_UNITS) - 1:
        size /= 1000
        unit += 1
    return f"{size:.4g}{_UNITS[unit]}"
