"""What the widgets that ask questions share: questions, answers, and the record of both.

The browser's side sends what the learner does; the kernel judges, records, and sets `states`, by
the question's id:

    {"phase": "open" | "right" | "wrong" | "later" | "told", "tries": 2, "answer": ...,
     "hint": TEXT, "solution": {"right": [numbers], "answer": "", "because": TEXT}}

A hint is there after the first wrong answer, the solution after the right one, or when asked for.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from lab.course import progress, quiz
from lab.course.lesson import Question
from lab.course.progress import Progress
from lab.course.record import Answer, Record
from lab.errors import LabError
from lab.widgets import texts
from lab.widgets.texts_course import COURSE

Json = dict[str, Any]


class AskingWidget(anywidget.AnyWidget):
    """A widget that asks; `fault` says why an answer could not be kept, if it could not."""

    words = traitlets.Dict(texts.table(texts.COMMON, COURSE)).tag(sync=True)
    lang = traitlets.Unicode("").tag(sync=True)
    questions: traitlets.Dict[str, Json] = traitlets.Dict().tag(sync=True)
    states: traitlets.Dict[str, Json] = traitlets.Dict().tag(sync=True)
    fault = traitlets.Unicode("").tag(sync=True)

    def __init__(self, lang: str = "", record: Progress | None = None) -> None:
        super().__init__(lang=lang or texts.language_of_lesson(Path.cwd()))
        self.record = record or progress.here()
        self.on_msg(self._on_message)

    # --- what a subclass fills in

    def on_message(self, content: Json) -> None:
        """Do what the browser's side asks for."""

    def on_view(self, shown: bool, view: str) -> None:
        """Do what is to be done when a view of the widget appears or is gone."""

    # --- what a subclass uses

    def note(self, lesson: str, about: str, key: str, outcome: str, answer: Any = None) -> None:
        """Record what came of a question; where that fails, the learner is told and goes on."""
        try:
            self.record.answered(lesson, about, key, outcome, answer)
            self.fault = ""
        except LabError as error:
            self.fault = error.message

    def known(self) -> Record:
        """Return what is recorded; nothing, and a word to the learner, where that fails."""
        try:
            return self.record.read()
        except LabError as error:
            self.fault = error.message
            return Record()

    def _on_message(self, _widget: Any, content: Json, _buffers: Any) -> None:
        try:
            if content.get("kind") in ("shown", "hidden"):
                self.on_view(content["kind"] == "shown", str(content["view"]))
            else:
                self.on_message(content)
        except LabError as error:
            self.fault = error.message


class Asked:
    """One question of a widget, and how far the learner is with it."""

    def __init__(self, lesson: str, about: str, question: Question) -> None:
        self.lesson = lesson
        self.about = about
        self.question = question
        self.begin()

    @property
    def id(self) -> str:
        return f"{self.lesson}/{self.about}/{self.question.key}"

    def begin(self) -> None:
        """Ask it as if it had not been asked before."""
        self.phase = "open"
        self.tries = 0
        self.answer: Any = None

    def recall(self, answers: list[Answer]) -> None:
        """Be as far as the recorded answers say."""
        for each in answers:
            self._take(each.outcome, each.answer)

    def judge(self, answer: Any) -> str:
        """Take an answer; return `right` or `wrong`."""
        outcome = "right" if quiz.is_right(self.question, answer) else "wrong"
        self._take(outcome, answer)
        return outcome

    def put_off(self) -> None:
        self.phase = "later"

    def tell(self) -> None:
        """Give the solution to who asks for it."""
        self.phase = "told"

    def shown(self) -> Json:
        return {
            **quiz.shown(self.question),
            "lesson": self.lesson,
            "about": self.about,
            "key": self.question.key,
        }

    def state(self) -> Json:
        hint = self.question.hint if self.tries else None
        over = self.phase in ("right", "told")
        return {
            "phase": self.phase,
            "tries": self.tries,
            "answer": self.answer,
            "hint": asdict(hint) if hint and hint.en else None,
            "solution": quiz.solution(self.question) if over else None,
        }

    def _take(self, outcome: str, answer: Any) -> None:
        if outcome == "later":
            self.put_off()
            return
        self.tries = 0 if outcome == "right" else self.tries + 1
        self.phase, self.answer = outcome, answer
