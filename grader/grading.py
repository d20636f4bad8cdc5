"""One submission graded: read, merged, replayed against a fresh engine, evaluated.

read -> plan -> fresh engine, the student's account -> replay, tasks evaluated -> report
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import docker
import nbformat
from nbformat import NotebookNode

import grader
from grader import notebook
from grader.client import connected, make_account
from grader.engine import fresh_engine, sweep
from grader.evidence import Evidence
from grader.exercise import Exercise
from grader.notebook import Step
from grader.replay import Limits, Replayed, replay
from grader.report import Report
from grader.results import CheckResult
from grader.student import Student
from grader.texts import Text
from grader.workspace import Workspace, copy_course_files, copy_submission, workspace

_NO_CELL = Text(
    "The graded cell of this task is missing from the notebook: take it from a new copy.",
    "이 과제의 채점 셀이 노트북에 없습니다. 새로 받은 노트북에서 가져오세요.",
)


@dataclass(frozen=True, slots=True)
class Submission:
    """What is to be graded: the notebook's file, whose it is, and the instructor's notebook."""

    file: Path
    student: Student
    exercise: Exercise
    source: Path
    language: str


@dataclass(frozen=True, slots=True)
class Means:
    """With what: the official images, where programs are found, the instructor's environment."""

    catalog: Path | None
    search_path: str
    environ: Mapping[str, str]
    limits: Limits


def grade(submission: Submission, means: Means, output: Path | None = None) -> Report:
    """Grade one submission; write the replayed notebook to `output`, if named.

    Raises GraderError if that is not possible; never for what the submission does.
    """
    began = time.monotonic()
    handed_in = notebook.read(submission.file)
    source = notebook.read(submission.source)
    steps = notebook.plan(source, handed_in, submission.exercise)
    replayed = notebook.cells_of(steps, handed_in)
    sweep()
    done, engine = _replay(submission, means, steps, replayed)
    if output is not None:
        nbformat.write(replayed, output)  # type: ignore[no-untyped-call]
    results = tuple(
        done.results.get(task.name) or task.unevaluated(_NO_CELL)
        for task in submission.exercise.tasks
    )
    seconds = time.monotonic() - began
    name, student = submission.exercise.name, submission.student.id
    return Report(name, student, results, tuple(done.failures), engine, seconds)


def _replay(
    submission: Submission, means: Means, steps: list[Step], replayed: NotebookNode
) -> tuple[Replayed, dict[str, str]]:
    """Do the steps against a fresh engine; return what came of them, and which engine it was."""
    with ExitStack() as stack:
        space = stack.enter_context(workspace())
        copy_submission(submission.file, submission.exercise.name, space.work)
        copy_course_files(submission.source, space.work)
        host = stack.enter_context(fresh_engine(space, means.catalog))
        client = stack.enter_context(connected(host))
        make_account(client, submission.student)
        engine = _engine(client)
        environ = _environ(submission, means, space)

        def evaluate(task: str) -> CheckResult:
            return _evaluate(submission, task, client)

        return replay(steps, replayed, space, environ, means.limits, evaluate), engine


def _evaluate(submission: Submission, task: str, client: docker.DockerClient) -> CheckResult:
    evidence = Evidence(client, submission.student)
    evidence.require_lab()
    return submission.exercise.task(task).evaluate(evidence)


def _environ(submission: Submission, means: Means, space: Workspace) -> dict[str, str]:
    more = {
        "LAB_REPLAY": "1",
        "LAB_STUDENT": submission.student.id,
        "LAB_LANGUAGE": submission.language,
        "PYTHONPATH": str(Path(grader.__file__).resolve().parents[1]),
    }
    path = f"{Path(sys.executable).parent}:{means.search_path}"
    return space.environ(means.environ, path, more)


def _engine(client: docker.DockerClient) -> dict[str, str]:
    told = client.version()
    return {"version": told["Version"], "api_version": told["ApiVersion"]}
