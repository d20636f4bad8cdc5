"""Signals and exit codes, as Docker names and counts them."""

from __future__ import annotations

import os
import signal

from lab.errors import InvalidParameter, LabError, StartError
from lab.oci.fields import Json

STOP_SECONDS = 10
"""How long a container has to stop before it is killed, unless it or the caller says otherwise."""

_RUNTIME_FAILURE = (
    "failed to create task for container: failed to create shim task: OCI runtime create failed: "
    "runc create failed: unable to start container process: error during container init"
)


def runtime_failure(error: LabError) -> LabError:
    """Return the error of a start as Docker words it, when it is the program that cannot run."""
    if not isinstance(error, StartError) or error.exit_code not in (126, 127):
        return error
    text = f"{_RUNTIME_FAILURE}: {error.message}: unknown"
    return StartError(text, error.exit_code)


def exit_code(status: int) -> int:
    """Return Docker's exit code for a wait status: 128 plus the number of a deadly signal."""
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def parse_signal(text: str) -> int:
    """Return the number of `SIGTERM`, `term` or `15`; InvalidParameter in Docker's words."""
    if text.isdecimal() and 0 < int(text) <= signal.SIGRTMAX:
        return int(text)
    name = text.upper() if text.upper().startswith("SIG") else f"SIG{text.upper()}"
    try:
        return int(signal.Signals[name])
    except KeyError:
        raise InvalidParameter(f"invalid signal: {text}") from None


def stop_signal(config: Json) -> int:
    """Return the signal that asks this container to stop."""
    return parse_signal(config.get("StopSignal") or "SIGTERM")


def stop_seconds(config: Json) -> int:
    """Return how long this container has to stop."""
    seconds = config.get("StopTimeout")
    return STOP_SECONDS if seconds is None else int(seconds)
