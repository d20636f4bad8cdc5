"""The quiz at the end of a lesson."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import traitlets

from lab.course import loader
from lab.course.progress import Progress as Kept
from lab.errors import NotFound
from lab.widgets import assets
from lab.widgets.asking import Asked, AskingWidget, Json


class Quiz(AskingWidget):
    """Asks a lesson's questions, says at once whether an answer is right, and why.

        Quiz("02_first_container")

    Answers are kept: what was answered stays so when the notebook is opened again, and what was
    answered wrong comes again in Progress().  Raises NotFound if there is no such lesson.
    """

    _esm = assets.script("dom", "asking", "question", "order", "quiz")
    _css = assets.style("common", "live", "asking")

    title = traitlets.Dict().tag(sync=True)
    order: traitlets.List[str] = traitlets.List().tag(sync=True)

    def __init__(self, lesson: str, lang: str = "", record: Kept | None = None) -> None:
        asked = loader.load(lesson)
        super().__init__(lang, record)
        self.lesson = lesson
        known = self.known()
        self._asked: dict[str, Asked] = {}
        for question in asked.quiz.values():
            each = Asked(lesson, "quiz", question)
            each.recall(known.answers_to(*_address(each)))
            self._asked[each.id] = each
        self.title = asdict(asked.title)
        self.questions = {id: each.shown() for id, each in self._asked.items()}
        self.order = list(self._asked)
        self._show()

    def __repr__(self) -> str:
        return f"Quiz({self.lesson!r})"

    def on_message(self, content: Json) -> None:
        each = self._asked.get(str(content.get("id")))
        if each is None:
            raise NotFound(f"no such question: {content.get('id')}")
        kind = content.get("kind")
        if kind == "answer":
            self._answer(each, content.get("answer"))
        elif kind == "later":
            each.put_off()
            self.note(*_address(each), "later")
        elif kind == "tell":
            each.tell()
        elif kind == "again":
            each.begin()
        self._show()

    def _answer(self, each: Asked, answer: Any) -> None:
        self.note(*_address(each), each.judge(answer), answer)

    def _show(self) -> None:
        self.states = {id: each.state() for id, each in self._asked.items()}


def _address(each: Asked) -> tuple[str, str, str]:
    return each.lesson, each.about, each.question.key
