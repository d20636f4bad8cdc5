"""A prediction: chosen before a command is run, judged by what the command shows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import traitlets

from lab.course import loader, quiz
from lab.course.progress import Progress as Kept
from lab.errors import InvalidParameter
from lab.widgets import assets
from lab.widgets.asking import Asked, AskingWidget, Json


class Predict(AskingWidget):
    """Asks what the command in the next cell will do.

        Predict("02_first_container.ps-after-stop")

    The choice is recorded, and the answer shown once another cell was run: what the engine did is
    the judge.  Whoever has run the next cell without a choice may still choose, or ask for the
    answer.  Raises NotFound if there is no such prediction.
    """

    _esm = assets.script("dom", "asking", "question", "predict")
    _css = assets.style("common", "live", "asking")

    chosen = traitlets.Int(None, allow_none=True).tag(sync=True)
    ran = traitlets.Bool(False).tag(sync=True)
    last_time = traitlets.Int(None, allow_none=True).tag(sync=True)

    key = ""
    _waiting: ClassVar[dict[str, Predict]] = {}
    _leave_cells: Callable[[], None] = staticmethod(lambda: None)

    def __init__(self, key: str, lang: str = "", record: Kept | None = None) -> None:
        question = loader.prediction(key)
        super().__init__(lang, record)
        self.key = key
        self._asked = Asked(key.partition(".")[0], "prediction", question)
        self._recall()
        self.questions = {self._asked.id: self._asked.shown()}
        self._show()
        # its cell may have been run again: the choice then waits in the new one
        if earlier := self._waiting.pop(key, None):
            earlier._leave_cells()
        self._await_cell()

    def __repr__(self) -> str:
        return f"Predict({self.key!r})"

    def close(self) -> None:
        """Take the widget away; it hears of no cell any more."""
        self._forget_cells()
        super().close()

    def on_message(self, content: Json) -> None:
        kind = content.get("kind")
        if self._asked.phase != "open":
            if kind == "again":
                self._again()
        elif kind == "answer":
            self._choose(content.get("answer"))
        elif kind == "tell":
            self._forget_cells()
            self._asked.tell()
        self._show()

    def _choose(self, option: Any) -> None:
        quiz.is_right(self._asked.question, option)  # raises unless there is such an option
        self.chosen = option
        if self.ran:
            self._judge()
        else:
            self._note("chosen", option)

    def _cell_ran(self) -> None:
        self._forget_cells()
        self.ran = True
        if self.chosen is not None:
            self._judge()
        self._show()

    def _judge(self) -> None:
        self._note(self._asked.judge(self.chosen), self.chosen)

    def _again(self) -> None:
        self._asked.begin()
        self.last_time, self.chosen, self.ran = self.chosen, None, False
        self._await_cell()

    def _await_cell(self) -> None:
        self._waiting[self.key] = self
        self._leave_cells = after_next_cell(self._cell_ran)

    def _note(self, outcome: str, option: int | None) -> None:
        self.note(self._asked.lesson, "prediction", self._asked.question.key, outcome, option)

    def _recall(self) -> None:
        """A choice whose command was not run yet still stands; an older one is only told."""
        answers = self.known().answers_to(
            self._asked.lesson, "prediction", self._asked.question.key
        )
        given = [each for each in answers if each.outcome != "later"]
        if not given or not self._is_option(given[-1].answer):
            return
        if given[-1].outcome == "chosen":
            self.chosen = given[-1].answer
        else:
            self.last_time = given[-1].answer

    def _is_option(self, number: Any) -> bool:
        try:
            quiz.is_right(self._asked.question, number)
        except InvalidParameter:
            return False
        return True

    def _forget_cells(self) -> None:
        self._leave_cells()
        if self._waiting.get(self.key) is self:
            del self._waiting[self.key]

    def _show(self) -> None:
        state = self._asked.state()
        if state["phase"] == "wrong":
            # a prediction is made once: the answer is told whichever it was
            state["solution"] = quiz.solution(self._asked.question)
        self.states = {self._asked.id: state}


def after_next_cell(tell: Callable[[], None]) -> Callable[[], None]:
    """Call `tell` after each cell that is run from now on, not after the one that runs now.

    Return what ends that.  Outside of a notebook nothing is ever told.
    """
    from IPython import get_ipython

    shell: Any = get_ipython()
    if shell is None:
        return lambda: None
    begun = []

    def begins(info: Any) -> None:
        if info.store_history:
            begun.append(info)

    def ends(_result: Any) -> None:
        if begun:
            tell()

    hooks = {"pre_run_cell": begins, "post_run_cell": ends}
    for moment, hook in hooks.items():
        shell.events.register(moment, hook)

    def leave() -> None:
        for moment, hook in hooks.items():
            if hook in shell.events.callbacks[moment]:
                shell.events.unregister(moment, hook)

    return leave
