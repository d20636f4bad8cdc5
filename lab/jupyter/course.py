"""The course as the Jupyter server tells it: the way, what was run, what is kept.

GET    lab/course       the way (lab.course.overview), and where this is
POST   lab/course/cell  {"path": NOTEBOOK, "cell": ID}: a cell of a lesson was run
GET    lab/progress     all that is kept of the learner, as a text that POST takes
POST   lab/progress     adds what another lab, or the browser, has kept
DELETE lab/progress     forgets it
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Mapping
from typing import Any

from jupyter_server.base.handlers import APIHandler
from tornado import web

from lab.course.lesson import LESSONS
from lab.course.outline import outline
from lab.course.overview import overview
from lab.course.progress import Progress
from lab.errors import InvalidParameter, LabError

COURSE = "lab_course"
"""The key of the Course in the server's settings."""

_LESSON = re.compile(r"(?:.*/)?(?:en|ko)/(\d\d_\w+)\.ipynb")


class Course:
    """One learner's course; `engine` says whose engine it is, `passing` that nothing here lasts."""

    def __init__(self, progress: Progress, engine: str, passing: bool) -> None:
        self.progress = progress
        self._engine = engine
        self._passing = passing
        self._session = secrets.token_hex(8)

    def told(self) -> dict[str, Any]:
        """Return the way, and where this is: on Binder the browser keeps a copy, for `session`."""
        return {
            **overview(self.progress.read(), self.progress.clock()),
            "engine": self._engine,
            "passing": self._passing,
            "session": self._session,
        }

    def ran(self, path: str, cell: str) -> bool:
        """Note that a cell was run; return whether it is one of a lesson."""
        lesson = lesson_of(path)
        inside = outline(lesson) if lesson else None
        if inside is None or cell not in inside.cells:
            return False
        self.progress.cell_done(lesson, cell, inside.cells[cell])
        return True


def lesson_of(path: str) -> str:
    """Return the lesson that a notebook is, by its path; empty if it is none."""
    found = _LESSON.fullmatch(path)
    return found[1] if found and found[1] in LESSONS else ""


def is_passing(environ: Mapping[str, str]) -> bool:
    """Say whether this place is a Binder's: when it ends, everything in it is gone."""
    return "BINDER_REPO_URL" in environ


class _Handler(APIHandler):
    @property
    def course(self) -> Course:
        found: Course = self.settings[COURSE]
        return found

    def refuse(self, error: LabError) -> None:
        self.set_status(400 if isinstance(error, InvalidParameter) else 503)
        self.finish({"message": error.message})


class CourseHandler(_Handler):
    """GET `lab/course`."""

    @web.authenticated
    async def get(self) -> None:
        try:
            self.finish(await asyncio.to_thread(self.course.told))
        except LabError as error:
            self.refuse(error)


class CellHandler(_Handler):
    """POST `lab/course/cell`."""

    @web.authenticated
    async def post(self) -> None:
        asked = self.get_json_body() or {}
        path, cell = str(asked.get("path")), str(asked.get("cell"))
        try:
            self.finish({"noted": await asyncio.to_thread(self.course.ran, path, cell)})
        except LabError as error:
            self.refuse(error)


class ProgressHandler(_Handler):
    """GET, POST and DELETE `lab/progress`."""

    @web.authenticated
    async def get(self) -> None:
        try:
            text = await asyncio.to_thread(self.course.progress.export)
        except LabError as error:
            self.refuse(error)
            return
        self.set_header("Content-Disposition", 'attachment; filename="docker-lab-progress.json"')
        self.finish(text)

    @web.authenticated
    async def post(self) -> None:
        text = self.request.body.decode(errors="replace")
        try:
            await asyncio.to_thread(self.course.progress.merge, text)
        except LabError as error:
            self.refuse(error)
            return
        self.finish({})

    @web.authenticated
    async def delete(self) -> None:
        try:
            await asyncio.to_thread(self.course.progress.reset)
        except LabError as error:
            self.refuse(error)
            return
        self.finish({})


HANDLERS = [
    (r"/lab/course/?", CourseHandler),
    (r"/lab/course/cell", CellHandler),
    (r"/lab/progress", ProgressHandler),
]
