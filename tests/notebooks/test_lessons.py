"""The lessons: run to their end against a real engine, the same in both languages."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import nbformat
import pytest
from nbclient import NotebookClient

from lab.sandbox.process import EngineProcess

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = ROOT / "notebooks"
LESSONS = sorted(path.name for path in (NOTEBOOKS / "en").glob("*.ipynb"))
ROWS = {f"C{number:02}" for number in range(1, 28)} | {f"K{number:02}" for number in range(1, 17)}
"""The rows of the syllabus: concepts C01-C27, commands K01-K16."""

HANGUL = re.compile("[\uac00-\ud7a3]")
PLAIN_ENDING = re.compile(r"[가-힣](?<!니)다\.")
"""A sentence in the plain style; the lessons are in the polite one (합니다체)."""

Notebook = Any


def read(language: str, lesson: str) -> Notebook:
    return nbformat.read(NOTEBOOKS / language / lesson, as_version=4)


def code_cells(notebook: Notebook) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


@pytest.fixture
def environ(
    engine: EngineProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """What a kernel of the lab has: the engine's address, a docker configuration, a PATH."""
    monkeypatch.setenv("DOCKER_HOST", engine.host)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    monkeypatch.setenv("DOCKER_BUILDKIT", "0")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    yield


def run(lesson: Path, folder: Path) -> Notebook:
    """Run a lesson top to bottom, as nobody were there to help."""
    notebook = nbformat.read(lesson, as_version=4)
    kernel = NotebookClient(
        notebook, timeout=60, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    )
    kernel.execute()
    return notebook


def output(notebook: Notebook, cell_id: str) -> str:
    """Return what a cell printed."""
    cell = next(cell for cell in notebook.cells if cell.id == cell_id)
    return "".join(out.get("text", "") for out in cell.outputs)


def test_there_are_lessons_in_both_languages() -> None:
    """Has each lesson its twin?"""
    assert LESSONS
    assert sorted(path.name for path in (NOTEBOOKS / "ko").glob("*.ipynb")) == LESSONS


@pytest.mark.parametrize("lesson", LESSONS)
def test_twins_are_equal(lesson: str) -> None:
    """Are code, ids, kinds and metadata of all cells the same in both languages?"""
    english, korean = read("en", lesson), read("ko", lesson)
    assert english.metadata == korean.metadata
    assert [(c.id, c.cell_type, c.metadata) for c in english.cells] == [
        (c.id, c.cell_type, c.metadata) for c in korean.cells
    ]
    assert [c.source for c in code_cells(english)] == [c.source for c in code_cells(korean)]


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("lesson", LESSONS)
def test_lesson_is_well_formed(language: str, lesson: str) -> None:
    """Is it a valid notebook with readable ids, no outputs, and rows that the syllabus has?"""
    notebook = read(language, lesson)
    nbformat.validate(notebook)
    ids = [cell.id for cell in notebook.cells]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[a-z][a-z0-9-]*", id) for id in ids)
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code_cells(notebook))
    covered = {row for cell in notebook.cells for row in cell.metadata.get("covers", [])}
    assert covered
    assert covered <= ROWS


@pytest.mark.parametrize("lesson", LESSONS)
def test_korean_is_korean(lesson: str) -> None:
    """Is every text translated, and in the polite style throughout?"""
    for cell in read("ko", lesson).cells:
        if cell.cell_type == "markdown":
            assert HANGUL.search(cell.source), cell.id
            assert not PLAIN_ENDING.search(cell.source), cell.id


@pytest.mark.parametrize("lesson", LESSONS)
def test_same_commands_are_explained_in_both_texts(lesson: str) -> None:
    """Does each text name the same commands and options as its twin?"""
    for english, korean in zip(read("en", lesson).cells, read("ko", lesson).cells, strict=True):
        assert _named(english.source) == _named(korean.source), english.id


def _named(text: str) -> list[str]:
    return sorted(set(re.findall(r"`([^`\n]*docker [^`\n]*)`", text)))


@pytest.mark.timeout(180)
@pytest.mark.usefixtures("environ")
def test_first_container_runs_twice(client: docker.DockerClient, tmp_path: Path) -> None:
    """Does the lesson run to its end, twice, also after another left its names, and leave nothing?"""
    client.containers.create("busybox", ["true"], name="web2")
    for _ in range(2):
        notebook = run(NOTEBOOKS / "en" / "02_first_container.ipynb", tmp_path)
        assert client.containers.list(all=True) == []
    assert re.search(r"^[0-9a-f]{64}\s*$", output(notebook, "run-nginx"), re.MULTILINE)
    assert "0.0.0.0:8080->80/tcp" in output(notebook, "ps")
    assert "Welcome to nginx!" in output(notebook, "read-page")
    assert '"GET / HTTP/1.1" 200' in output(notebook, "logs")
    assert '"running"' in output(notebook, "inspect")
    assert output(notebook, "exec-write").strip() == "hello from a container"
    assert "A /usr/share/nginx/html/hello.html" in output(notebook, "diff")
    assert "50x.html  hello.html  index.html" in output(notebook, "exec-shell")


@pytest.mark.timeout(180)
@pytest.mark.usefixtures("environ")
def test_first_container_shows_what_its_texts_say(
    client: docker.DockerClient, tmp_path: Path
) -> None:
    """Do the errors made on purpose, and the states told of, really appear?  Run in Korean."""
    notebook = run(NOTEBOOKS / "ko" / "02_first_container.ipynb", tmp_path)
    assert "port is already allocated" in output(notebook, "port-taken")
    assert "Created" in output(notebook, "port-taken")
    assert 'The container name "/web2" is already in use' in output(notebook, "name-taken")
    assert "404 Not Found" in output(notebook, "second-has-not")
    assert "Exited (0)" in output(notebook, "stop")
    assert output(notebook, "start").split() == ["web", *"hello from a container".split()]
    assert "container is running" in output(notebook, "rm-refused")
    assert "No such container: web" in output(notebook, "no-such-container")
    assert "RUN" in output(notebook, "shared")
    assert client.containers.list(all=True) == []


def test_lessons_use_the_lab_and_nothing_of_this_machine() -> None:
    """Do the lessons name no place of their author's machine?"""
    for path in NOTEBOOKS.rglob("*.ipynb"):
        text = path.read_text(encoding="utf-8")
        assert not any(place in text for place in ("/home/", "/tmp/", os.sep + "work" + os.sep)), (
            path
        )
