"""What the grading tests share: a course of the test's own, and nbgrader as a program."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import docker
import pytest

from lab.sandbox.process import EngineProcess
from tests.conftest import ROOT, cli_environ

Program = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def course(tmp_path: Path) -> Path:
    """A copy of the English course, in which nbgrader may write."""
    folder = tmp_path / "en"
    shutil.copytree(ROOT / "exercises" / "en", folder, ignore=shutil.ignore_patterns("*.db"))
    return folder


@pytest.fixture
def nbgrader(engine: EngineProcess, client: docker.DockerClient, course: Path) -> Program:
    """`nbgrader("validate", FILE)` in the course's folder, connected to the shared engine.

    Containers that it leaves are removed after the test.
    """
    environ = {
        **cli_environ(engine, course.parent),
        "PYTHONPATH": str(ROOT),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "JUPYTER_CONFIG_DIR": str(course.parent / "jupyter"),
        "LAB_EXERCISES": str(ROOT / "exercises"),
    }

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "nbgrader", *words],
            env=environ,
            cwd=course,
            capture_output=True,
            text=True,
            timeout=100,
        )

    return run
