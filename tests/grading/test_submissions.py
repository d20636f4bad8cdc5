"""Submissions that are damaged, slow, or odd, and what cannot be graded at all."""

from __future__ import annotations

import copy
import signal
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell

from tests.conftest import until

from .submissions import NAME, answers, grade, grade_id, hand_in, started


def outputs(file: Path) -> dict[str, list[str]]:
    """The outputs of the graded cells of a replayed notebook."""
    cells = nbformat.read(file, as_version=4).cells
    return {
        grade_id(cell): [output["data"]["text/plain"] for output in cell.outputs]
        for cell in cells
        if grade_id(cell).startswith("grade-")
    }


def test_damaged_cells(catalog: Path, tmp_path: Path) -> None:
    """Are missing, doubled, altered and additional graded cells handled, each result written once?"""
    notebook = answers()
    notebook.cells = [
        cell for cell in notebook.cells if grade_id(cell) not in ("setup", "grade-run")
    ]
    for cell in notebook.cells:
        if grade_id(cell) == "grade-build":
            cell.source = "print(4)"
    doubled = [copy.deepcopy(cell) for cell in notebook.cells if cell.id == "grade-build"]
    doubled[0].id = "doubled"
    own = {"grade": True, "grade_id": "mine", "points": 99}
    invented = new_code_cell("99", metadata={"nbgrader": own})
    notebook.cells = [*doubled, *notebook.cells, invented]
    written = tmp_path / "out.ipynb"
    graded = grade(
        hand_in(tmp_path, notebook), catalog, "--assignment", NAME, "--output", str(written)
    )
    assert graded.points == {"build": 4, "run": 0, "push": 3}
    assert "missing from the notebook" in graded.report["tasks"][1]["hint"]
    assert graded.report["max_score"] == 10
    assert outputs(written) == {"grade-build": ["4"], "grade-push": ["3"]}


def test_slow_and_failing_cells(catalog: Path, tmp_path: Path) -> None:
    """Is an endless loop told apart from an error and a dead kernel, and no typed password recorded?"""
    login = "['docker', 'login', '-u', account, '-p', 'hunter2-typed']"
    notebook = answers(
        page=["while True: pass", "raise RuntimeError('hunter2-typed')"],
        dockerfile="",
        build=f"import subprocess; subprocess.run({login}, check=True)",
        run="import os; os._exit(3)",
        push="!docker push {account}/site",
    )
    file = hand_in(tmp_path, notebook)
    graded = grade(file, catalog, "--assignment", NAME, "--cell-timeout", "4")
    assert graded.report["score"] == 0
    assert graded.failed["4"] == "TimeoutError"
    assert graded.failed["5"] == "RuntimeError"
    assert graded.failed["build"] == "CalledProcessError"
    assert graded.failed["run"] == "DeadKernelError"
    assert graded.failed["push"] == "NotRun"
    assert "hunter2-typed" not in graded.out + graded.err


def test_time_for_the_whole(catalog: Path, tmp_path: Path) -> None:
    """Does a submission end when its time is up, and is what stands after that not run?"""
    notebook = answers(build=["import time; time.sleep(100)", "more()"])
    graded = grade(hand_in(tmp_path, notebook), catalog, "--assignment", NAME, "--timeout", "3")
    assert graded.points == {"build": 0, "run": 0, "push": 0}
    assert (graded.failed["build"], graded.failed["push"]) == ("TimeoutError", "NotRun")
    assert graded.report["seconds"] < 40


def test_no_engine(catalog: Path, tmp_path: Path) -> None:
    """Is it said why, with nothing left behind, if no engine can be started to grade with?"""
    long = tmp_path / ("x" * 90) / ("y" * 60)
    long.mkdir(parents=True)
    graded = grade(hand_in(tmp_path, answers()), catalog, TMPDIR=str(long))
    assert (graded.code, graded.out) == (2, "")
    assert "no engine could be started" in graded.err and "socket path" in graded.err
    assert "Traceback" not in graded.err
    assert list(long.iterdir()) == []


def test_engine_ends_meanwhile(catalog: Path, tmp_path: Path, short_tmp: Path) -> None:
    """Is nothing scored, and nothing left behind, if the engine ends while it is needed?"""
    folder = short_tmp / "ends"
    folder.mkdir()
    kill = (
        "import os, pathlib\n"
        "own = os.path.dirname(os.environ['DOCKER_HOST'].removeprefix('unix://'))\n"
        "for path in pathlib.Path('/proc').glob('[0-9]*/cmdline'):\n"
        "    words = path.read_text().split('\\0')\n"
        "    if 'lab.cli' in words and f'{own}/engine' in words:\n"
        "        os.kill(int(path.parent.name), 9)"
    )
    graded = grade(hand_in(tmp_path, answers(build=kill)), catalog, TMPDIR=str(folder))
    assert (graded.code, graded.out) == (2, "")
    assert "engine does not answer" in graded.err and "Traceback" not in graded.err
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted(number: int, catalog: Path, tmp_path: Path, short_tmp: Path) -> None:
    """Does an interrupted grader end at once, with its engine and kernel, and leave no folder?"""
    folder = short_tmp / f"stop{number}"
    folder.mkdir()
    notebook = answers(build=f"import time; open('{folder}/started', 'w'); time.sleep(300)")
    file = hand_in(tmp_path, notebook)
    grader = started(file, catalog, TMPDIR=str(folder))
    try:
        until((folder / "started").exists, 60, "the cell runs")
        grader.send_signal(number)
        out, err = grader.communicate(timeout=20)
    finally:
        grader.kill()
        grader.communicate()
    assert (grader.returncode, out, err) == (130, "", "grader: interrupted\n")
    assert [path.name for path in folder.iterdir()] == ["started"]
    until(lambda: not commands_naming(folder), 10, "every process of it has ended")


def commands_naming(folder: Path) -> list[str]:
    """The command lines of all processes in which a folder is named."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            text = path.read_bytes().decode(errors="replace")
        except OSError:
            continue
        if str(folder) in text:
            found.append(text)
    return found
