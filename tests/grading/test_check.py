"""`check()` in a notebook, while the work goes on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from grader.learner import Exercise
from lab.sandbox.process import EngineProcess
from tests.conftest import ROOT, cli_environ

from .submissions import NAME

CODE = """
import io, json, sys
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
shell = InteractiveShell.instance()
outputs = []
for cell in json.load(sys.stdin):
    with capture_output() as told:
        result = shell.run_cell(cell)
    assert result.success, result.error_in_exec
    outputs.append([told.stderr, [each.data for each in told.outputs]])
print(json.dumps(outputs), file=sys.__stdout__)
"""


def run(environ: dict[str, str], folder: Path, *cells: str) -> list[list[dict[str, str]]]:
    """Run cells in an IPython of its own; return what each displayed.  None may write to stderr."""
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        input=json.dumps(cells),
        env=environ,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    outputs = json.loads(done.stdout.splitlines()[-1])
    assert [stderr for stderr, _ in outputs] == [""] * len(cells)
    return [shown for _, shown in outputs]


@pytest.fixture
def environ(engine: EngineProcess, tmp_path: Path) -> dict[str, str]:
    return {**cli_environ(engine, tmp_path), "PYTHONPATH": str(ROOT), "LAB_STUDENT": tmp_path.name}


def test_states_of_the_work(environ: dict[str, str], tmp_path: Path) -> None:
    """Does the hint follow the work, step by step, and is there always text and HTML?"""
    build = "import subprocess; subprocess.run('docker build -t ' + exercise.account + '/site .',"
    build += " shell=True, check=True, capture_output=True)"
    shown = run(
        environ,
        tmp_path,
        f"from grader.learner import Exercise; exercise = Exercise({NAME!r})",
        "exercise.check('build')",
        "open('Dockerfile', 'w').write('FROM nginx'); " + build,
        "exercise.check('build')",
        "open('index.html', 'w').write(exercise.account)",
        "open('Dockerfile', 'w').write('''FROM nginx\\nLABEL author=me\\n"
        "COPY index.html /usr/share/nginx/html/'''); " + build,
        "exercise.check()",
    )
    first, second, last = shown[1], shown[3], shown[6]
    for (display,) in (first, second, last):
        assert "Next:" in display["text/plain"]
        assert "<div" in display["text/html"]
    assert "Write a Dockerfile" in first[0]["text/plain"]
    assert "adds nothing" in second[0]["text/plain"]
    assert "4 of 4 points" in last[0]["text/plain"]
    assert "docker run -d" in last[0]["text/plain"]


def test_no_engine(environ: dict[str, str], tmp_path: Path) -> None:
    """Is one told how to start the lab, if no engine answers, without a traceback?"""
    shown = run(
        {**environ, "DOCKER_HOST": f"unix://{tmp_path}/none.sock"},
        tmp_path,
        f"from grader.learner import Exercise; exercise = Exercise({NAME!r})",
        "exercise.check()",
    )
    (display,) = shown[1]
    assert "make lab" in display["text/plain"]


def test_quick_enough_to_press_often(
    engine: EngineProcess, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Does a check of everything answer in less than 200 milliseconds?"""
    monkeypatch.setenv("DOCKER_HOST", engine.host)
    exercise = Exercise(NAME, {"PATH": os.environ["PATH"], "LAB_STUDENT": "quick"})
    seconds = []
    for _ in range(5):
        began = time.perf_counter()
        exercise.check()
        seconds.append(time.perf_counter() - began)
    assert min(seconds) < 0.2
    assert capsys.readouterr().out.count("Next:") == 15
