"""The ports of containers with `--network host`, led to from the host.

Such containers live in the sandbox's own network namespace, which no packet of the host reaches.
So while there are any, it is looked every now and then at which ports programs listen there, and
the host's ports of the same numbers are led to them.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from lab.errors import LabError
from lab.network.bindings import Port, PortBinding
from lab.network.listening import Listening
from lab.network.ports import PortRelay, PublishedPort

INTERVAL = 0.2
"""Seconds between two looks."""

_RETRY = 5.0
"""Seconds after which a port that could not be had is tried again."""
_LOOPBACK = "127.0.0.1"

_log = logging.getLogger(__name__)


class HostNetworkPorts:
    """Leads ports from `begin` to `end`; both may be called from any thread.

    `look` returns what is listened at in the sandbox, without what belongs to the lab itself.
    """

    def __init__(self, relay: PortRelay, look: Callable[[], set[Listening]]) -> None:
        self._relay = relay
        self._look = look
        self._lock = threading.Lock()
        self._wanted = threading.Event()
        self._thread: threading.Thread | None = None
        self._published: dict[Listening, tuple[PublishedPort, ...]] = {}
        self._refused: dict[Listening, tuple[str, float]] = {}

    def begin(self) -> None:
        """Begin to look; called again, it goes on."""
        with self._lock:
            self._wanted.clear()
            if self._thread is None:
                name = "host network ports"
                self._thread = threading.Thread(target=self._run, name=name, daemon=True)
                self._thread.start()

    def end(self) -> None:
        """End all mappings, and look no more."""
        self._wanted.set()

    def close(self) -> None:
        """End all mappings, and wait until that has happened."""
        self.end()
        thread = self._thread
        if thread is not None:
            thread.join()

    def refusals(self) -> list[str]:
        """Return why ports of the sandbox are not led to, in Docker's words."""
        return [reason for reason, _ in list(self._refused.values())]

    def _run(self) -> None:
        while True:
            if self._wanted.wait(INTERVAL):
                with self._lock:
                    if self._wanted.is_set():
                        self._follow(set())
                        self._thread = None
                        return
            try:
                self._follow(self._look())
            except Exception as error:
                _log.warning("ports of --network host: %s", error)

    def _follow(self, found: set[Listening]) -> None:
        """Lead the host's ports to these, and to no others."""
        for gone in self._published.keys() - found:
            self._relay.unpublish(self._published.pop(gone))
        for gone in self._refused.keys() - found:
            del self._refused[gone]
        for new in sorted(found - self._published.keys()):
            _, at = self._refused.get(new, ("", 0.0))
            if not at or time.monotonic() - at > _RETRY:
                self._publish(new)

    def _publish(self, new: Listening) -> None:
        port = Port(new.port, new.protocol)
        addresses = (new.address,) if new.address else self._relay.everywhere
        binding = PortBinding(port, new.address, new.port, new.port)
        try:
            mapped = self._relay.publish_at(addresses, binding, new.address or _LOOPBACK)
        except LabError as error:
            if new not in self._refused:
                _log.warning("port %s of --network host: %s", port, error.message)
            self._refused[new] = f"{port} of --network host: {error.message}", time.monotonic()
        else:
            self._published[new] = mapped
            self._refused.pop(new, None)
