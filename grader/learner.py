"""What a notebook of an exercise calls: `Exercise`, its `check()` and its `grade()`.

Nothing here writes to standard error, and nothing raises for what a learner or an engine does:
nbgrader scores a cell zero for either, and a traceback of ours teaches nobody.

While the grader replays a submission (`LAB_REPLAY` is set) this only makes the account: the
checks stay with the grader, outside of the notebook's process.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from grader import display, exercise
from grader.client import connected, make_account
from grader.errors import EngineUnreachable, GraderError, NotTheLabs
from grader.evidence import Evidence
from grader.results import CheckResult, tidy
from grader.student import Student, id_of_learner
from grader.texts import Text, language_of

_NO_ENGINE = Text(
    "The lab's engine does not answer, so nothing can be checked. Start the lab with `make lab` (or"
    " `lab start`), open this notebook in it, and run this cell again.",
    "랩의 엔진이 응답하지 않아 확인할 수 없습니다. `make lab`(또는 `lab start`)으로 랩을 시작하고,"
    " 그 안에서 이 노트북을 열어 이 셀을 다시 실행하세요.",
)
_NO_ACCOUNT = Text(
    "The account could not be made, because the lab's engine does not answer. Start the lab with"
    " `make lab` (or `lab start`), open this notebook in it, and run this cell again.",
    "랩의 엔진이 응답하지 않아 계정을 만들 수 없습니다. `make lab`(또는 `lab start`)으로 랩을 시작하고,"
    " 그 안에서 이 노트북을 열어 이 셀을 다시 실행하세요.",
)
_NO_HUB = Text(
    "This is a Docker Engine of your own: accounts and the lab's Hub are not available here. Build and"
    " run as asked, with {account} as the name of the account; pushing is for the lab's own engine."
    " Your port: {port}.",
    "직접 연결한 Docker Engine입니다. 랩의 계정과 Hub는 여기서 쓸 수 없습니다. 계정 이름은 {account}로 하고"
    " 빌드와 실행을 하세요. push는 랩의 엔진에서만 확인합니다. 내 포트: {port}.",
)
_NO_POINTS = Text(
    "Points are not available here: only the lab's own engine tells enough to count them."
    " exercise.check() shows what this Docker Engine tells.",
    "여기서는 점수를 낼 수 없습니다. 랩의 엔진만 점수를 매길 만큼 알려 줍니다."
    " exercise.check()로 이 Docker Engine이 알려 주는 것을 볼 수 있습니다.",
)
_LATER = Text(
    "This notebook is being graded: the grader checks by itself, at the graded cells.",
    "채점 중입니다. 채점기가 채점 셀에서 직접 확인합니다.",
)
_BROKEN = Text("The checks failed: {reason}", "확인하지 못했습니다: {reason}")
_WELCOME = Text(
    "Your account of the lab's Hub: {account} (password: {password}). Your port: {port}.",
    "랩 Hub의 내 계정: {account} (비밀번호: {password}). 내 포트: {port}.",
)


class Exercise:
    """One exercise, for the learner who runs this notebook.

    `account` and `password` are of a throw-away account of the lab's Hub, which this makes;
    `port` is a port of the host to publish on.
    """

    def __init__(self, name: str, environ: Mapping[str, str] | None = None) -> None:
        self._environ = os.environ if environ is None else environ
        self._language = _language(self._environ, name)
        self._student = Student(id_of_learner(self._environ, Path.cwd()), name)
        self._problem = self._make_account()

    @property
    def account(self) -> str:
        return self._student.account

    @property
    def password(self) -> str:
        return self._student.password

    @property
    def port(self) -> int:
        return self._student.port

    def check(self, task: str | None = None) -> None:
        """Show what is done, what is missing, and what to do next: of one task, or of all."""
        if self._environ.get("LAB_REPLAY"):
            self._note(_LATER)
            return
        results = self._results(task)
        if results:
            text = display.as_text(results, self._language)
            _show(text, display.as_html(results, self._language))

    def grade(self, task: str) -> float | int | None:
        """Return the points of a task, for the graded cell of a notebook that nbgrader runs."""
        if self._environ.get("LAB_REPLAY"):
            self._note(_LATER)
            return None
        return tidy(sum(result.points for result in self._results(task, counted=True)))

    def __repr__(self) -> str:
        told = self._problem or _WELCOME
        return told.within(self._language).format(
            account=self.account, password=self.password, port=self.port
        )

    def _repr_html_(self) -> str:
        return display.note_as_html(repr(self), self._language)

    def _make_account(self) -> Text | None:
        try:
            with connected(None) as client:
                make_account(client, self._student)
        except NotTheLabs:
            return _NO_HUB
        except GraderError:
            return _NO_ACCOUNT
        return None

    def _results(self, task: str | None, counted: bool = False) -> list[CheckResult]:
        """Evaluate; what keeps that from being done is shown instead, and the answer is empty.

        Points are `counted` only where nothing that they depend on is left open.
        """
        try:
            folder = exercise.folder_of_exercises(self._environ)
            known = exercise.load(folder, self._student.exercise)
            tasks = known.tasks if task is None else (known.task(task),)
            with connected(None) as client:
                evidence = Evidence(client, self._student)
                if counted:
                    evidence.require_lab()
                return [each.evaluate(evidence) for each in tasks]
        except Exception as error:
            self._note(_explain(error))
            return []

    def _note(self, text: Text) -> None:
        told = text.within(self._language)
        _show(told, display.note_as_html(told, self._language))


def _explain(error: Exception) -> Text:
    if isinstance(error, NotTheLabs):
        return _NO_POINTS
    if isinstance(error, EngineUnreachable):
        return _NO_ENGINE
    reason = error.message if isinstance(error, GraderError) else f"{type(error).__name__}: {error}"
    return Text(_BROKEN.en.format(reason=reason), _BROKEN.ko.format(reason=reason))


def _show(text: str, html: str) -> None:
    """Display in a notebook, print elsewhere."""
    shell = sys.modules.get("IPython")
    if shell is None or shell.get_ipython() is None:
        print(text)
    else:
        shell.display.display({"text/plain": text, "text/html": html}, raw=True)


def _language(environ: Mapping[str, str], name: str) -> str:
    """Return the language of the notebook in which this runs, which lies in the working folder."""
    named = environ.get("LAB_LANGUAGE")
    if named:
        return named
    try:
        notebook = json.loads(Path(f"{name}.ipynb").read_text("utf-8"))
        return language_of(notebook["metadata"])
    except (OSError, ValueError, LookupError, TypeError):
        return "en"
