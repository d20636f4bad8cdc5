"""Keeps a widget true to the engine: listens to events, and looks again when one concerns it.

    listener    one thread: connects, reads GET /events, connects again when the engine is back
    refresher   one thread for each connection: when something happened, looks once
    a watch     what one widget does while one engine answers; it may have threads of its own

However fast events come, the refresher looks a few times a second at most.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Protocol

from docker import DockerClient
from docker.errors import NotFound

from lab.widgets.engine import GONE, Engine
from lab.widgets.streams import Json, Stream

_log = logging.getLogger(__name__)

_FIRST_PAUSE = 0.25
_LONGEST_PAUSE = 3.0
_GATHER = 0.1
"""Seconds in which further events are gathered before the refresher looks."""

_NO_CHANGE = ("exec_", "attach", "resize", "top", "detach", "archive-path", "export")


class Watch:
    """What a widget does while one engine answers; each widget has a subclass.

    `look` is called from the refresher's thread, the others from the listener's.
    """

    pause: float | None = None
    """Seconds after which it looks even if nothing was heard; None: it does not."""

    def concerns(self, event: Json) -> bool:
        """Say whether an event makes another look necessary."""
        return changes_picture(event)

    def hear(self, event: Json) -> None:
        """Take note of an event; called for all of them, in their order."""

    def look(self) -> None:
        """Look at the engine and show what is there; docker.errors.NotFound: look again."""

    def stop(self) -> None:
        """End what was begun: the engine is gone, or nobody looks at the widget any more."""


class Sink(Protocol):
    """Who is told; called from the feed's threads."""

    def engine_answers(self, engine: Engine) -> Watch: ...

    def engine_gone(self, message: str) -> None: ...

    def hear(self, event: Json) -> None: ...


class Feed:
    """One widget's conversation with an engine, however often that comes and goes."""

    def __init__(self, connect: Callable[[], DockerClient], sink: Sink) -> None:
        self._connect = connect
        self._sink = sink
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._events: Stream | None = None
        self._listener = threading.Thread(target=self._listen, name="lab-events", daemon=True)
        self._refresher: Refresher | None = None
        self.watch: Watch | None = None
        """The watch of the engine that answers now; None if none does."""

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

    def wake(self) -> None:
        """Look again soon: somebody wants to see something else."""
        refresher = self._refresher
        if refresher is not None:
            refresher.wake()

    def _listen(self) -> None:
        pause = _FIRST_PAUSE
        while not self._stopping.is_set():
            try:
                engine = Engine(self._connect())
            except GONE as error:
                self._sink.engine_gone(str(error))
                self._stopping.wait(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
                continue
            pause = _FIRST_PAUSE
            try:
                self._serve(engine)
            except GONE:
                pass  # it was stopped, or it will be said when the next attempt fails
            except Exception as error:
                _log.warning("an event could not be shown: %r", error)
            finally:
                engine.close()
            self._stopping.wait(_FIRST_PAUSE)

    def _serve(self, engine: Engine) -> None:
        """Tell all that happens until the connection ends."""
        # first the stream, then the look: so nothing falls between them
        with engine.events() as events:
            with self._lock:
                self._events = events
                if self._stopping.is_set():
                    return
            watch = self.watch = self._sink.engine_answers(engine)
            refresher = self._refresher = Refresher(watch)
            try:
                for event in events:
                    if self._stopping.is_set():
                        return
                    self._sink.hear(event)
                    watch.hear(event)
                    if watch.concerns(event):
                        refresher.wake()
            finally:
                self.watch = self._refresher = None
                refresher.stop()


class Refresher:
    """Lets a watch look, once now and again after each `wake`."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
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
        self._watch.stop()

    def _run(self) -> None:
        while True:
            self._woken.wait(self._watch.pause)
            if self._stopped.is_set():
                return
            self._woken.clear()
            try:
                self._watch.look()
            except NotFound:
                self._woken.set()  # something went away while we looked
            except GONE:
                pass  # the listener will notice too
            except Exception as error:
                _log.warning("the picture could not be drawn: %r", error)
            self._stopped.wait(_GATHER)


def changes_picture(event: Json) -> bool:
    """Say whether an event can change what is drawn: `exec_start`, for one, cannot."""
    return event.get("Type") in ("image", "container") and not str(
        event.get("Action", "")
    ).startswith(_NO_CHANGE)
