"""The learner's way through the course: done, next, and what was wrong, to be asked again."""

from __future__ import annotations

import threading
from typing import Any

import traitlets

from lab.course import loader
from lab.course.lesson import Question
from lab.course.overview import overview
from lab.course.progress import Progress as Kept
from lab.errors import LabError, NotFound
from lab.widgets import assets
from lab.widgets.asking import Asked, AskingWidget, Json

LOOK_EVERY = 1.0
"""Seconds between two looks at the file, while the widget is shown."""

AT_ONCE = 5
"""How many questions of the review are shown at a time."""


class Progress(AskingWidget):
    """Shows the lessons with what is done of them, what is next, and what to review.

        Progress()

    It follows what is done in other notebooks while it is shown.  Questions that were answered
    wrong come again at growing distances (see lab.course.review), and are answered in place.
    """

    _esm = assets.script("dom", "asking", "question", "order", "progress")
    _css = assets.style("common", "live", "asking", "progress")

    view: traitlets.Dict[str, Any] = traitlets.Dict().tag(sync=True)
    reviewing: traitlets.List[str] = traitlets.List().tag(sync=True)
    damaged: traitlets.List[str] = traitlets.List().tag(sync=True)

    def __init__(self, lang: str = "", record: Kept | None = None) -> None:
        super().__init__(lang, record)
        self._lock = threading.RLock()
        self._views: set[str] = set()
        self._over = threading.Event()
        self._thread: threading.Thread | None = None
        self._asked: dict[str, Asked] = {}
        self._seen: tuple[Any, ...] = ()
        self.look()

    def __repr__(self) -> str:
        return "Progress()"

    def close(self) -> None:
        """Stop looking at the file, and take the widget away."""
        self._stop()
        super().close()

    def on_view(self, shown: bool, view: str) -> None:
        (self._views.add if shown else self._views.discard)(view)
        if self._views:
            self._start()
        else:
            self._stop()

    def on_message(self, content: Json) -> None:
        with self._lock:
            self._on_question(str(content.get("kind")), content)

    def look(self) -> None:
        """Read the file, and show what is in it."""
        with self._lock:
            self._seen = (self.record.version(), self._minute())
            found = overview(self.known(), self.record.clock())
            self._pick(found["due"])
            with self.hold_sync():
                self.view = found
                self.damaged = [path.name for path in self.record.damaged()]
                self._show()

    # --- the review

    def _pick(self, due: list[Json]) -> None:
        """Keep the questions that are being answered; fill up with those that are due."""
        for card in due:
            if len(self._asked) >= AT_ONCE:
                break
            each = Asked(card["lesson"], card["about"], _question(card))
            self._asked.setdefault(each.id, each)

    def _on_question(self, kind: str, content: Json) -> None:
        each = self._asked.get(str(content.get("id")))
        if each is None:
            raise NotFound(f"no such question: {content.get('id')}")
        address = (each.lesson, each.about, each.question.key)
        if kind == "answer":
            answer = content.get("answer")
            self.note(*address, each.judge(answer), answer)
        elif kind == "tell":
            each.tell()
        elif kind == "later":
            self.note(*address, "later")
            del self._asked[each.id]
        elif kind == "next":
            del self._asked[each.id]
        self.look()

    def _show(self) -> None:
        self.questions = {id: each.shown() for id, each in self._asked.items()}
        self.states = {id: each.state() for id, each in self._asked.items()}
        self.reviewing = list(self._asked)

    # --- following the file

    def _start(self) -> None:
        if self._thread is None:
            self._over.clear()
            self._thread = threading.Thread(target=self._follow, daemon=True)
            self._thread.start()

    def _stop(self) -> None:
        thread, self._thread = self._thread, None
        self._over.set()
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def _follow(self) -> None:
        while not self._over.wait(LOOK_EVERY):
            if (self.record.version(), self._minute()) != self._seen:
                try:
                    self.look()
                except LabError as error:
                    self.fault = error.message

    def _minute(self) -> int:
        """Return the present minute: what is due changes with time alone, too."""
        return int(self.record.clock() // 60)


def _question(card: Json) -> Question:
    lesson = loader.load(card["lesson"])
    return (lesson.quiz if card["about"] == "quiz" else lesson.predictions)[card["key"]]
