"""Tests in network namespaces of their own, without privileges: a forked process per test."""

from __future__ import annotations

import functools
import os
import pickle
import signal
import socket
import traceback
from collections.abc import Callable

import pytest

from lab.kernel import syscalls
from lab.kernel.flags import CLONE

NAMESPACES = CLONE.NEWUSER | CLONE.NEWNET
LIMIT = 20
"""Seconds after which a namespace that hangs is given up."""


def enter_namespaces() -> None:
    """Make this process root of a new user namespace with a network namespace of its own."""
    uid, gid = os.getuid(), os.getgid()
    syscalls.unshare(NAMESPACES)
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"0 {uid} 1"),
        ("gid_map", f"0 {gid} 1"),
    ):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)


def run_isolated(function: Callable[[], object]) -> tuple[object, str]:
    """Run `function` in a forked process in new namespaces; return its result or its traceback."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        signal.alarm(LIMIT)
        try:
            enter_namespaces()
            outcome: tuple[object, str] = function(), ""
        except BaseException:
            outcome = None, traceback.format_exc()
        with open(writer, "wb") as file:
            pickle.dump(outcome, file)
        os._exit(0)
    os.close(writer)
    with open(reader, "rb") as file:
        data = file.read()
    _, status = os.waitpid(pid, 0)
    assert data, f"the isolated process ended with status {status}"
    result: tuple[object, str] = pickle.loads(data)
    return result


@functools.cache
def why_not() -> str:
    """Return why this machine cannot isolate a network, or nothing if it can."""
    return run_isolated(lambda: None)[1]


def isolated(test: Callable[[], None]) -> Callable[[], None]:
    """Run a test in namespaces of its own; skip it where none can be had."""

    @functools.wraps(test)
    def wrapper() -> None:
        if why_not():
            pytest.skip(f"no network namespace here: {why_not().splitlines()[-1]}")
        trace = run_isolated(test)[1]
        if trace:
            pytest.fail(trace, pytrace=False)

    return wrapper


class Container:
    """A process in a child user namespace with a network namespace, as containers have.

    It runs `serve` after `start`, and is killed when the block is left.
    """

    def __init__(self, serve: Callable[[], None]) -> None:
        self._serve = serve

    def __enter__(self) -> Container:
        ready, ready_writer = os.pipe()
        go, self._go = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            self._run(ready_writer, go)
        assert os.read(ready, 1) == b"r"
        self.netns = os.open(f"/proc/{self._pid}/ns/net", os.O_RDONLY)
        return self

    def _run(self, ready: int, go: int) -> None:
        try:
            enter_namespaces()
            os.write(ready, b"r")
            os.read(go, 1)
            self._serve()
        except BaseException:
            traceback.print_exc()
        os._exit(0)

    def start(self) -> None:
        os.write(self._go, b"g")

    def __exit__(self, *_: object) -> None:
        os.close(self.netns)
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)


def connect(address: tuple[str, int]) -> socket.socket:
    """Connect to a server that may not listen yet."""
    while True:
        try:
            return socket.create_connection(address, LIMIT)
        except ConnectionRefusedError:
            os.sched_yield()
