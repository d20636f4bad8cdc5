"""Fetching a file from an address on behalf of a build: ADD with a URL, a remote context.

The daemon's network is the host's, so what the host can reach can be had.  Runs in the build's
thread.  Source: Docker's classic builder, for names, messages and errors.
"""

from __future__ import annotations

import email.message
import posixpath
import time
from collections.abc import Callable
from datetime import UTC
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import unquote, urlsplit

from lab.build.backend import Cancelled, Download
from lab.engine.progress import Emit, bar
from lab.errors import BuildError, LabError

SILENCE = 60.0
"""Seconds without a byte after which a server is given up."""

_CHUNK = 1 << 16
_PAUSE = 0.1
_EXCERPT = 300


def download(
    url: str, target: Path, emit: Emit, cancelled: Cancelled, about: str = "", doing: str = ""
) -> Download:
    """Fetch `url` into the new file `target`.

    `about` and `doing` are the words of its progress.  Raises BuildError if it cannot be had,
    LabError when the build is `cancelled`.
    """
    # imported only where somebody builds from an address: it costs 5 MB
    from urllib.error import HTTPError
    from urllib.request import Request, urlopen

    try:
        with urlopen(Request(url, headers={"User-Agent": "docker"}), timeout=SILENCE) as answer:
            total = int(answer.headers.get("Content-Length") or 0)
            told = _Told(emit, about, doing or "Downloading", total)
            with target.open("xb") as file:
                _copy(answer, file, told, cancelled)
            return _described(url, answer.headers)
    except HTTPError as error:
        with error:
            body = error.read(_EXCERPT).decode("utf-8", "replace").strip()
        raise BuildError(
            f"failed to GET {url} with status {error.code} {error.reason}: {body}"
        ) from None
    except (OSError, HTTPException, ValueError) as error:
        raise BuildError(f'Get "{url}": {_reason(error)}') from None


def _reason(error: Exception) -> str:
    inner = getattr(error, "reason", None) or error
    if isinstance(inner, OSError) and inner.strerror:
        return inner.strerror.lower()
    return str(inner)


class _Told:
    """Tells how far a download is, now and then."""

    def __init__(self, emit: Emit, about: str, doing: str, total: int) -> None:
        self._emit = emit
        self._about = about
        self._doing = doing
        self._total = total
        self._last = 0.0

    def __call__(self, current: int, is_last: bool = False) -> None:
        now = time.monotonic()
        if not is_last and now - self._last < _PAUSE:
            return
        self._last = now
        detail = {"current": current, **({"total": self._total} if self._total else {})}
        message: dict[str, Any] = {"status": self._doing, "progressDetail": detail}
        message["progress"] = bar(current, self._total)
        self._emit({**message, **({"id": self._about} if self._about else {})})


def _copy(source: Any, file: BinaryIO, told: Callable[..., None], cancelled: Cancelled) -> None:
    current = 0
    while piece := source.read(_CHUNK):
        if cancelled():
            raise LabError("Build cancelled")
        file.write(piece)
        current += len(piece)
        told(current)
    told(current, is_last=True)


def _described(url: str, headers: email.message.Message) -> Download:
    path = unquote(urlsplit(url).path)
    name = "" if path.endswith("/") else posixpath.basename(path)
    if not name:
        given = headers.get_filename() or ""
        name = "" if given.endswith("/") else posixpath.basename(given)
    return Download(name, headers.get_content_type(), _time(headers.get("Last-Modified", "")))


def _time(text: str) -> int:
    """Return nanoseconds since the epoch; 0 for what is no date."""
    try:
        when = parsedate_to_datetime(text)
    except ValueError:
        return 0
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return int(when.timestamp()) * 1_000_000_000
