"""Threads that follow what running containers write."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence

from docker.errors import DockerException, NotFound
from requests import RequestException

from lab.widgets import picture
from lab.widgets.source import Following, Source
from lab.widgets.streams import Json

_log = logging.getLogger(__name__)

MAX_FOLLOWED = 8
"""How many containers, the latest ones, are followed at a time; of the others only events tell."""

Show = Callable[[str, Json], None]


class Followers:
    """Follows the running ones among the shown containers, and looks once at the others."""

    def __init__(self, source: Source, show: Show) -> None:
        self._source = source
        self._show = show
        self._running: dict[str, Follower] = {}
        self._seen: dict[str, str] = {}
        self._lock = threading.Lock()
        self._stopped = False

    def update(self, containers: Sequence[Json]) -> None:
        """Follow just these from now on."""
        running = [each["id"] for each in containers if each["running"]][-MAX_FOLLOWED:]
        with self._lock:
            if self._stopped:
                return
            for gone in self._running.keys() - set(running):
                self._running.pop(gone).stop()
            for new in [each for each in running if each not in self._running]:
                self._running[new] = self._follow(new)
        self._look_at([each for each in containers if each["id"] not in running])

    def stop(self) -> None:
        """Follow nothing any more."""
        with self._lock:
            self._stopped = True
            for follower in self._running.values():
                follower.stop()
            self._running.clear()

    def _follow(self, container: str) -> Follower:
        return Follower(
            lambda: self._source.follow(container),
            lambda state: self._show(container, picture.written(state)),
        )

    def _look_at(self, containers: Sequence[Json]) -> None:
        """Look at those whose state has changed; a container that does not run writes nothing."""
        before, self._seen = self._seen, {each["id"]: each["status"] for each in containers}
        for id, status in self._seen.items():
            if before.get(id) != status:
                try:
                    self._show(id, picture.written(self._source.written(id)))
                except NotFound:
                    pass  # removed meanwhile; its event is on the way


class Follower:
    """Follows one stream in a thread of its own: `show` is called with each state."""

    def __init__(self, begin: Callable[[], Following], show: Callable[[Json], None]) -> None:
        self._begin = begin
        self._show = show
        self._lock = threading.Lock()
        self._following: Following | None = None
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="lab-follow", daemon=True)
        self._thread.start()

    @property
    def ended(self) -> bool:
        """Whether the stream came to its end, or never began."""
        return not self._thread.is_alive()

    def stop(self) -> None:
        with self._lock:
            self._stopped = True
            following = self._following
        if following is not None:
            following.close()

    def _run(self) -> None:
        try:
            with self._begin() as following:
                with self._lock:
                    self._following = following
                for state in following if not self._stopped else ():
                    if self._stopped:
                        break
                    self._show(state)
        except (DockerException, RequestException, OSError, ValueError):
            pass  # what was followed, or the engine, is gone: others tell that
        except Exception as error:
            _log.warning("what is followed could not be shown: %r", error)
