"""Steps that must not keep others from being done."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator

from lab.errors import LabError

_log = logging.getLogger(__name__)


@contextlib.contextmanager
def logged(what: str) -> Iterator[None]:
    """Let whatever fails within go no further than the engine's log."""
    try:
        yield
    except (LabError, OSError) as error:
        _log.error("%s could not be handled: %s", what, error)
    except Exception:
        _log.exception("%s could not be handled", what)
