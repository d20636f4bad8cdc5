"""The program, where nothing can be graded: exit code 2 and one sentence, before anything starts."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest

from grader import cli, exercise

NAME = "02_first_container"


@pytest.fixture(autouse=True)
def own_signals() -> Iterator[None]:
    """Keep what the program does with SIGTERM from the tests' own process."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A submission: the instructor's own notebook."""
    path = tmp_path / "submitted" / "ann" / NAME / f"{NAME}.ipynb"
    path.parent.mkdir(parents=True)
    source = exercise.source_of(exercise.folder_of_exercises({}) / "en", NAME)
    path.write_text(source.read_text())
    return path


def refused(capsys: pytest.CaptureFixture[str], file: Path, *options: str) -> str:
    """What is said of a file that cannot be graded."""
    options = options or ("--assignment", NAME)
    assert cli.main(["grade", str(file), "--json", *options]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    return told.err


@pytest.mark.parametrize(
    ("content", "told"), [(b"{", "not valid JSON"), (b"{}", "no notebook"), (b"\xff", "not UTF-8")]
)
def test_no_notebook(
    capsys: pytest.CaptureFixture[str], file: Path, content: bytes, told: str
) -> None:
    """Is a file that is no notebook refused with its reason?"""
    file.write_bytes(content)
    assert told in refused(capsys, file)


def test_absent_file(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Is a file refused that is not there?"""
    assert "none.ipynb cannot be read" in refused(capsys, tmp_path / "none.ipynb")


def test_wrong_kernel(capsys: pytest.CaptureFixture[str], file: Path) -> None:
    """Is a notebook of another language refused, with what to do?"""
    notebook = nbformat.read(file, as_version=4)
    notebook.metadata = {"kernelspec": {"name": "ir", "language": "R", "display_name": "R"}}
    nbformat.write(notebook, file)
    told = refused(capsys, file)
    assert "'ir'" in told and "Change Kernel" in told


@pytest.mark.parametrize(
    "options",
    [
        ("--assignment", "99_none"),
        ("--assignment", "../checks"),
        ("--assignment", NAME, "--course", "/nonexistent/en"),
    ],
)
def test_no_such_assignment(
    capsys: pytest.CaptureFixture[str], file: Path, options: tuple[str, ...]
) -> None:
    """Is an unknown exercise or course refused with its name?"""
    assert options[-1] in refused(capsys, file, *options)


def test_links_in_a_submission(capsys: pytest.CaptureFixture[str], file: Path) -> None:
    """Is a submission refused that would bring a foreign file along?"""
    (file.parent / "notes.txt").symlink_to("/etc/hostname")
    assert "links are refused" in refused(capsys, file)


@pytest.mark.parametrize(
    "argv", [[], ["grade"], ["grade", "x", "--assignment", "y", "--timeout", "0"]]
)
def test_usage(capsys: pytest.CaptureFixture[str], argv: list[str]) -> None:
    """Is a wrong call answered with how to call it?"""
    with pytest.raises(SystemExit) as ending:
        cli.main(argv)
    assert ending.value.code == 2
    assert "usage: grader" in capsys.readouterr().err
