"""The lessons' notebooks: read, run to their end as nobody were there to help, looked into."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import nbformat
import pytest
from nbclient import NotebookClient

from lab.sandbox.process import EngineProcess
from tests.conftest import HOME, ROOT

NOTEBOOKS = ROOT / "notebooks"
LESSONS = sorted(path.stem for path in (NOTEBOOKS / "en").glob("*.ipynb"))
LANGUAGES = ("en", "ko")

IN_KOREAN_TOO = ("02_first_container", "08_networks")
"""`make test` runs every lesson in English, and these in Korean; `make test-all` all in both."""

IN_THE_VM_TOO = ("01", "02", "05", "06", "08", "10")
"""Numbers of the lessons that `make test-all` runs against an engine in the microVM as well."""

LEFT_BEHIND = {"02_first_container": "web2"}
"""For some lessons: a container that stands there already when the lesson begins."""

OFFICIAL = {"busybox", "debian", "hello-world", "nginx", "python", "redis", "registry"}
"""Images that a lesson may leave here, once it has pulled them."""

CELL_LIMIT, LESSON_LIMIT = 60, 300
"""Seconds that one cell, and a whole lesson, may take on a busy machine."""

Notebook = Any


@dataclass(frozen=True)
class Variant:
    """A lesson, the language it is run in, and the sandbox of the engine that it talks to."""

    lesson: str
    language: str
    sandbox: str

    def __str__(self) -> str:
        return f"{self.lesson}-{self.language}" + ("-vm" if self.sandbox == "vm" else "")

    @property
    def is_long(self) -> bool:
        in_korean = self.language == "ko" and self.lesson not in IN_KOREAN_TOO
        return in_korean or self.sandbox == "vm"


@dataclass(frozen=True)
class Ran:
    """A lesson that was run to its end, and what it left: names of containers and so on."""

    variant: Variant
    notebook: Notebook
    left: Mapping[str, list[str]]

    def cell(self, cell_id: str) -> Any:
        return cell_of(self.notebook, cell_id)

    def output(self, cell_id: str) -> str:
        """Return what a cell printed."""
        return output(self.notebook, cell_id)


def cell_of(notebook: Notebook, cell_id: str) -> Any:
    return next(cell for cell in notebook.cells if cell.id == cell_id)


def output(notebook: Notebook, cell_id: str) -> str:
    """Return what a cell of a notebook printed."""
    return "".join(out.get("text", "") for out in cell_of(notebook, cell_id).outputs)


def read(language: str, lesson: str) -> Notebook:
    return nbformat.read(NOTEBOOKS / language / f"{lesson}.ipynb", as_version=4)


def code_cells(notebook: Notebook) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def variants(lessons: list[str]) -> Iterator[Any]:
    """Yield the parameters of tests that run these lessons; those that take long are marked."""
    for lesson in lessons:
        found = [Variant(lesson, language, "namespaces") for language in LANGUAGES]
        if lesson[:2] in IN_THE_VM_TOO:
            found.append(Variant(lesson, "en", "vm"))
        for variant in found:
            marks = [pytest.mark.timeout(LESSON_LIMIT), *([pytest.mark.long] * variant.is_long)]
            yield pytest.param(variant, id=str(variant), marks=marks)


def environ(host: str, home: Path) -> dict[str, str]:
    """Return what a kernel of the lab has set, with its home in `home`."""
    return {
        "DOCKER_HOST": host,
        "PATH": f"{os.environ['PATH']}{os.pathsep}{Path(sys.executable).parent}",
        "DOCKER_CONFIG": str(home / "docker"),
        "DOCKER_CLI_DISABLE_OAUTH_LOGIN": "1",
        "DOCKER_BUILDKIT": "0",
        "LAB_HOME": str(home),
        "LAB_PREPARED": os.environ.get("LAB_TEST_VM", str(HOME)),
        "PYTHONPATH": str(ROOT),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
    }


def run(variant: Variant, engine: EngineProcess, home: Path) -> Ran:
    """Run a lesson top to bottom, in a folder of its own that is called as its language."""
    host = engine.host
    folder = home / "pages" / variant.sandbox / variant.language
    folder.mkdir(parents=True, exist_ok=True)
    # `lab hub add-user` finds the engine's folder in the lab's home
    (home / "engine").unlink(missing_ok=True)
    (home / "engine").symlink_to(engine.socket.with_suffix(""))
    notebook = read(variant.language, variant.lesson)
    with looking(host) as client:
        if name := LEFT_BEHIND.get(variant.lesson):
            client.images.pull("busybox", "latest")
            client.containers.create("busybox", ["true"], name=name)
        before = things(client)
        with pytest.MonkeyPatch.context() as patch:
            for key, value in environ(host, home).items():
                patch.setenv(key, value)
            NotebookClient(
                notebook,
                timeout=CELL_LIMIT,
                kernel_name="python3",
                resources={"metadata": {"path": str(folder)}},
            ).execute()
        left = {kind: sorted(names - before[kind]) for kind, names in things(client).items()}
    left["files"] = sorted(path.name for path in folder.iterdir())
    return Ran(variant, notebook, left)


@contextmanager
def looking(host: str) -> Iterator[docker.DockerClient]:
    client = docker.DockerClient(base_url=host)
    try:
        yield client
    finally:
        client.close()


def things(client: docker.DockerClient) -> dict[str, set[str]]:
    """Return the names of all that an engine has, apart from official images."""
    tags = {tag for image in client.images.list() for tag in image.tags or ["<none>"]}
    return {
        "containers": {each.name for each in client.containers.list(all=True)},
        "networks": {each.name for each in client.networks.list()},
        "volumes": {each.name for each in client.volumes.list()},
        "images": {tag for tag in tags if tag.partition(":")[0] not in OFFICIAL},
    }
