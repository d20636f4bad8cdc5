"""Keeps a widget true to the engine: listens to events, looks again, follows what is written.

    listener    one thread: connects, reads GET /events, connects again when the engine is back
    refresher   one thread for each connection: when something happened, looks once at all that is shown
    followers   one thread for each running container that is shown, a few at most

However fast events come, the refresher looks a few times a second at most.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Protocol

from docker import DockerClient
from docker.errors import DockerException, NotFound
from requests import RequestException

from lab.widgets import picture
from lab.widgets.followers import Followers
from lab.widgets.source import Source
from lab.widgets.streams import Json, Stream

GONE = (DockerException, RequestException, OSError, ValueError)
"""What a conversation with an engine that ends can raise; ValueError: half a JSON text."""

_log = logging.getLogger(__name__)

_FIRST_PAUSE = 0.25
_LONGEST_PAUSE = 3.0
_GATHER = 0.1
"""Seconds in which further events are gathered before the refresher looks."""

_NO_CHANGE = ("exec_", "attach", "resize", "top", "detach", "archive-path", "export")


class Sink(Protocol):
    """Who is told; called from the feed's threads."""

    def engine_answers(self, name: str, has_extension: bool) -> None: ...

    def engine_gone(self, message: str) -> None: ...

    def show(
        self, towers: list[Json], containers: list[Json], missing: list[str], more: int
    ) -> None: ...

    def show_written(self, container: str, written: Json) -> None: ...

    def hear(self, event: Json) -> None: ...


class Feed:
    """What happens to some images (all, if none are named) and their containers."""

    def __init__(
        self, names: Sequence[str], connect: Callable[[], DockerClient], sink: Sink
    ) -> None:
        self._names = tuple(names)
        self._connect = connect
        self._sink = sink
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._events: Stream | None = None
        self._source: Source | None = None
        self._listener = threading.Thread(target=self._listen, name="lab-events", daemon=True)

    def start(self) -> None:
        """Begin to tell the sink."""
        self._listener.start()

    def stop(self) -> None:
        """Stop telling it; the threads end soon after."""
        with self._lock:
            self._stopping.set()
            events = self._events
        if events is not None:
            events.close()

    def files(self, chain: str, limit: int) -> Json | None:
        """Return what a layer changes; None if the engine cannot tell, or does not answer."""
        source = self._source
        try:
            return source.files(chain, limit) if source is not None else None
        except GONE:
            return None

    def _listen(self) -> None:
        pause = _FIRST_PAUSE
        while not self._stopping.is_set():
            try:
                source = Source(self._connect())
            except GONE as error:
                self._sink.engine_gone(str(error))
                self._stopping.wait(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
                continue
            pause = _FIRST_PAUSE
            try:
                self._serve(source)
            except GONE:
                pass  # it was stopped, or it will be said when the next attempt fails
            except Exception as error:
                _log.warning("an event could not be shown: %r", error)
            finally:
                self._source = None
                source.close()
            self._stopping.wait(_FIRST_PAUSE)

    def _serve(self, source: Source) -> None:
        """Tell all that happens until the connection ends."""
        # first the stream, then the look: so nothing falls between them
        with source.events() as events:
            with self._lock:
                self._events = events
                if self._stopping.is_set():
                    return
            self._source = source
            self._sink.engine_answers(source.engine_name, source.has_extension)
            refresher = Refresher(source, self._names, self._sink)
            try:
                for event in events:
                    if self._stopping.is_set():
                        return
                    self._sink.hear(event)
                    if changes_picture(event):
                        refresher.wake()
            finally:
                refresher.stop()


class Refresher:
    """Looks at everything that is shown, once now and again after each `wake`."""

    def __init__(self, source: Source, names: Sequence[str], sink: Sink) -> None:
        self._source = source
        self._names = names
        self._sink = sink
        self._followers = Followers(source, sink.show_written)
        self._woken = threading.Event()
        self._stopped = threading.Event()
        self._woken.set()
        threading.Thread(target=self._run, name="lab-refresh", daemon=True).start()

    def wake(self) -> None:
        """Look again soon."""
        self._woken.set()

    def stop(self) -> None:
        """Look no more."""
        self._stopped.set()
        self._woken.set()
        self._followers.stop()

    def _run(self) -> None:
        while True:
            self._woken.wait()
            if self._stopped.is_set():
                return
            self._woken.clear()
            try:
                self._look()
            except NotFound:
                self._woken.set()  # something went away while we looked
            except GONE:
                pass  # the listener will notice too
            except Exception as error:
                _log.warning("the picture could not be drawn: %r", error)
            self._stopped.wait(_GATHER)

    def _look(self) -> None:
        shown, missing, more = choose(self._source, self._names)
        listed = self._source.containers()
        containers = picture.containers(listed, [image.id for image in shown])
        self._sink.show(picture.towers(shown), containers, missing, more)
        self._followers.update(containers)


def choose(source: Source, names: Sequence[str]) -> tuple[list[picture.Shown], list[str], int]:
    """Return the images to show, the names that are not here, and how many more there are."""
    listed = {image["Id"]: image for image in source.images()}
    missing: list[str] = []
    wanted: list[str] = []
    for name in names:
        found = source.find_image(name)
        if found is None:
            missing.append(name)
        elif found not in wanted:
            wanted.append(found)
    if not names:
        wanted = sorted(
            listed, key=lambda id: picture.short_names(listed[id]["RepoTags"]) or ("~",)
        )
    shown = [
        picture.Shown(
            id,
            picture.short_names(listed[id]["RepoTags"]) if id in listed else (),
            tuple(source.steps(id)),
        )
        for id in wanted[: picture.MAX_IMAGES]
    ]
    return shown, missing, max(0, len(wanted) - picture.MAX_IMAGES)


def changes_picture(event: Json) -> bool:
    """Say whether an event can change what is drawn: `exec_start`, for one, cannot."""
    return event.get("Type") in ("image", "container") and not str(
        event.get("Action", "")
    ).startswith(_NO_CHANGE)
