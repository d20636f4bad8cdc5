"""What a forked process goes on as: a fresh interpreter, or a copy of the one that forked.

A copy starts at once, with the modules that are there already; where nothing is accelerated a
fresh interpreter takes a second.  In every other respect both are the same.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import traceback
from typing import NoReturn


def become(
    source: str,
    words: list[str],
    kept: list[int],
    interpreter: str | None,
    environ: dict[str, str] | None = None,
) -> NoReturn:
    """Run `source` with `words` as its arguments; return never.  Only for a process just forked.

    Descriptors that close at execve(2) are closed, but for `kept`.  With no `interpreter` this one
    goes on, in the environment that it has; a fresh one gets `environ`, or else the same.
    """
    if interpreter is None:
        _forget_all_but({0, 1, 2, *kept})
        sys.argv = ["-c", *words]
        os._exit(_run(source))
    for fd in kept:
        os.set_inheritable(fd, True)
    argv = [interpreter, "-I", "-S", "-c", source, *words]
    if environ is None:
        os.execv(interpreter, argv)
    os.execve(interpreter, argv, environ)


def _run(source: str) -> int:
    """Run a program to its end; return its exit code, as an interpreter would have it."""
    code = 0
    try:
        exec(source, {"__name__": "__main__"})
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            sys.stderr.write(f"{end.code}\n")
    except BaseException:
        traceback.print_exc()
        code = 1
    with contextlib.suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    return code


def _forget_all_but(kept: set[int]) -> None:
    """Close descriptors and put signals back, as execve(2) would."""
    signal.set_wakeup_fd(-1)
    for number in signal.valid_signals():
        if callable(signal.getsignal(number)):
            signal.signal(number, signal.SIG_DFL)
    for fd in sorted({int(name) for name in os.listdir("/proc/self/fd")} - kept):
        with contextlib.suppress(OSError):
            os.close(fd)
