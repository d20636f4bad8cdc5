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
    "runc create failed: unable to start container process: "
)
_IN_INIT = "error during container init: "


def runtime_failure(error: Exception) -> LabError:
    """Return the error of a start as Docker words it, when it came inside the container."""
    if isinstance(error, StartError):
        told = error.message
        if error.exit_code in (126, 127):
            told = _IN_INIT + told
        if told.startswith(_IN_INIT):
            return StartError(f"{_RUNTIME_FAILURE}{told}: unknown", error.exit_code)
    if isinstance(error, LabError):
        return error
    if isinstance(error, OSError):
        place = f": {error.filename}" if error.filename else ""
        return LabError(f"{error.strerror or error}{place}")
    return LabError(f"{type(error).__name__}: {error}")


def exec_failure(error: Exception) -> Exception:
    """Return the error of an exec as Docker words it, when it is the program that cannot run."""
    if isinstance(error, StartError) and error.exit_code in (126, 127):
        return StartError(
            "OCI runtime exec failed: exec failed: unable to start container process: "
            f"{error.message}: unknown"
        )
    return error


def exit_code(status: int) -> int:
    """Return Docker's exit code for a wait status: 128 plus the number of a deadly signal."""
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def parse_signal(text: str) -> int:
    """Return the number of `SIGTERM`, `term`, `RTMIN+3` or `15`; InvalidParameter in Docker's words."""
    if text.isdecimal() and 0 < int(text) <= signal.SIGRTMAX:
        return int(text)
    name, plus, offset = text.upper().removeprefix("SIG").partition("+")
    try:
        number = int(signal.Signals[f"SIG{name}"])
    except KeyError:
        raise InvalidParameter(f"invalid signal: {text}") from None
    if plus:
        number += int(offset) if offset.isdecimal() else signal.SIGRTMAX
    if plus and (name != "RTMIN" or number > signal.SIGRTMAX):
        raise InvalidParameter(f"invalid signal: {text}")
    return number


def stop_signal(config: Json) -> int:
    """Return the signal that asks this container to stop."""
    return parse_signal(config.get("StopSignal") or "SIGTERM")


def stop_seconds(config: Json) -> int:
    """Return how long this container has to stop."""
    seconds = config.get("StopTimeout")
    return STOP_SECONDS if seconds is None else int(seconds)


def ends(config: Json, number: int) -> bool:
    """Return whether a signal sent by a user means that the container is to end for good.

    As with Docker: every signal does, unless the container names one of its own to stop with.
    """
    own = config.get("StopSignal")
    return not own or number == signal.SIGKILL or parse_signal(own) == number
