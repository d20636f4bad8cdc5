"""Who does an exercise, and what is drawn for each: account, password, port.

The same id gives the same things everywhere, so that the grader makes what the learner had.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

NOBODY = "learner"
"""The id of someone who works alone."""

PASSWORD = "docker-lab"
"""The password of every exercise's account: public, since the account is for throwing away."""

_FIRST_PORT, _PORTS = 20000, 10000
_FOLDERS = ("submitted", "autograded")


@dataclass(frozen=True, slots=True)
class Student:
    """Someone doing one exercise."""

    id: str
    exercise: str

    @property
    def account(self) -> str:
        """The name of the Hub account: readable where the id is, different for every id."""
        readable = re.sub(r"[^a-z0-9]", "", self.id.lower())[:12]
        return f"{readable}{self._draw('account')[:6]}"

    @property
    def password(self) -> str:
        return PASSWORD

    @property
    def port(self) -> int:
        """The host port to publish on: below those that the kernel hands out by itself."""
        return _FIRST_PORT + int(self._draw("port"), 16) % _PORTS

    def _draw(self, what: str) -> str:
        return hashlib.sha256(f"{what}\0{self.exercise}\0{self.id}".encode()).hexdigest()


def id_from_path(path: Path) -> str | None:
    """Return the student whose submission lies at `path`, a folder or a file in one.

    Source: nbgrader, CourseDirectory.directory_structure: submitted/STUDENT/ASSIGNMENT.
    """
    parts = path.absolute().parts
    for place in range(len(parts) - 3, -1, -1):
        if parts[place] in _FOLDERS:
            return parts[place + 1]
    return None


def id_of_learner(environ: Mapping[str, str], folder: Path) -> str:
    """Return the id of the one who runs a notebook in `folder`.

    That is whom the grader names (`LAB_STUDENT`), else whose submission nbgrader runs, else the
    user of a JupyterHub.
    """
    return (
        environ.get("LAB_STUDENT")
        or id_from_path(folder)
        or environ.get("JUPYTERHUB_USER")
        or NOBODY
    )
