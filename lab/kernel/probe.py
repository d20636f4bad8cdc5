"""Trying what a kernel allows: in a throw-away child process, within a time limit.

Whatever the child makes (namespaces, mounts, interfaces) goes with it.  Only single-threaded
processes may call this.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from lab.errors import LabError, SyscallError
from lab.kernel import syscalls
from lab.kernel.flags import CLONE, PR

Report = Callable[[dict[str, Any]], None]
"""What a child tells its parent: members that are added to those told before."""

_REAP_LIMIT = 1.0
_GO = b"g"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an attempt: what the child told, and why it failed (empty if it did not).

    `signal` is the signal that ended the child, 0 if none did.
    """

    told: dict[str, Any] = field(default_factory=dict)
    refusal: str = ""
    signal: int = 0

    @property
    def worked(self) -> bool:
        return not self.refusal


def attempt(
    action: Callable[[Report], None],
    limit: float,
    flags: CLONE = CLONE(0),  # noqa: B008 - an IntFlag is a constant
    prepare: Callable[[int], None] | None = None,
) -> Outcome:
    """Run `action` in a child of its own, in new namespaces as `flags` say; return the outcome.

    `prepare` gets the child's pid and runs here before the action does.  What the child raises,
    being ended by a signal, and taking longer than `limit` seconds are refusals; nothing is raised.
    """
    gate, go = os.pipe()
    told, tell = os.pipe()
    try:
        pid = syscalls.clone(flags)
    except LabError as error:
        for fd in (gate, go, told, tell):
            os.close(fd)
        return Outcome(refusal=refusal_of(error))
    if pid == 0:
        os.close(go)
        os.close(told)
        _run(action, gate, tell)
    os.close(gate)
    os.close(tell)
    try:
        return _follow(pid, go, told, limit, prepare)
    finally:
        os.close(go)
        os.close(told)


def refusal_of(error: Exception) -> str:
    """Return what an error says, in a few words."""
    if isinstance(error, SyscallError):
        # the call's name will do
        call = error.message.partition("(")[0].partition(": ")[0]
        return f"{call}: {error.strerror}"
    if isinstance(error, LabError):
        return error.message
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return f"{type(error).__name__}: {error}".rstrip(": ")


def _run(action: Callable[[Report], None], gate: int, tell: int) -> None:
    def report(members: dict[str, Any]) -> None:
        os.write(tell, json.dumps(members).encode() + b"\n")

    try:
        syscalls.prctl(PR.SET_PDEATHSIG, signal.SIGKILL)
        if os.read(gate, 1) == _GO:
            action(report)
            report({"": ""})
    except BaseException as error:
        with contextlib.suppress(OSError):
            report({"": refusal_of(error) if isinstance(error, Exception) else repr(error)})
    finally:
        os._exit(0)


def _follow(
    pid: int, go: int, told: int, limit: float, prepare: Callable[[int], None] | None
) -> Outcome:
    members: dict[str, Any] = {}
    late = False
    refusal = ""
    try:
        if prepare is not None:
            prepare(pid)
        os.write(go, _GO)
        late = not _read(told, members, limit)
    except (LabError, OSError) as error:
        refusal = refusal_of(error)
    # whatever it has left running goes with it
    status = _reap(pid, kill=late or bool(refusal))
    ending = os.WTERMSIG(status) if status is not None and os.WIFSIGNALED(status) else 0
    said = members.pop("", None)
    if late:
        refusal = f"no answer within {limit:g} seconds"
    elif not refusal:
        refusal = f"ended by signal {ending}" if said is None else str(said)
    return Outcome(members, refusal, 0 if late else ending)


def _read(told: int, members: dict[str, Any], limit: float) -> bool:
    """Add what the child tells to `members`; False if it is not done within `limit` seconds."""
    end = time.monotonic() + limit
    rest = b""
    while True:
        readable, _, _ = select.select([told], [], [], max(0.0, end - time.monotonic()))
        if not readable:
            return False
        data = os.read(told, 65536)
        if not data:
            return True
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            members.update(json.loads(line))
        if "" in members:
            return True


def _reap(pid: int, kill: bool) -> int | None:
    """Wait for the child; None if it does not end even when killed (it hangs in the kernel)."""
    if kill:
        os.kill(pid, signal.SIGKILL)
    end = time.monotonic() + _REAP_LIMIT
    while True:
        found, status = os.waitpid(pid, 0 if not kill else os.WNOHANG)
        if found:
            return status
        if time.monotonic() > end:
            return None
        time.sleep(0.002)
