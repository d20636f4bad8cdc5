"""Bring your own Docker: lessons, widgets and checks with an engine that is not the lab's."""

from __future__ import annotations

import contextlib
import gc
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import docker
import nbformat
import pytest

from lab.client import check_docker_host, connect, name_engine
from lab.errors import InvalidParameter, Unavailable
from lab.jupyter.foreign import ForeignEngine
from lab.jupyter.keeper import State
from lab.sandbox.process import EngineProcess
from lab.widgets import Layers

from ..browser.running import RunningLab, check_out, start_lab
from ..conftest import ROOT, until
from ..notebooks.lessons import output
from .foreign import Foreign
from .stand_in import without_extension

pytestmark = [
    pytest.mark.timeout(150),
    # docker-py leaves the socket of a failed connection to the garbage collector
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

LESSON = ROOT / "notebooks" / "en" / "02_first_container.ipynb"
RUN = """
import sys, nbformat
from nbclient import NotebookClient
notebook = nbformat.read(sys.argv[1], as_version=4)
place = {"metadata": {"path": sys.argv[2]}}
NotebookClient(notebook, timeout=60, kernel_name="python3", resources=place).execute()
nbformat.write(notebook, sys.argv[2] + "/done.ipynb")
"""
EXERCISE = """
import subprocess
from grader.learner import Exercise
exercise = Exercise("02_first_container")
print(exercise)
open("index.html", "w").write(exercise.account)
open("Dockerfile", "w").write(
    "FROM nginx\\nLABEL author=me\\nCOPY index.html /usr/share/nginx/html/\\n")
name = exercise.account + "/site"
for command in (f"docker build -t {name} .", f"docker run -d --name site -p {exercise.port}:80 {name}"):
    subprocess.run(command.split(), check=True, capture_output=True)
exercise.check()
print("points:", exercise.grade("build"))
subprocess.run(["docker", "rm", "-f", "site"], check=True, capture_output=True)
subprocess.run(["docker", "rmi", name], check=True, capture_output=True)
"""


def environ(foreign: Foreign, folder: Path) -> dict[str, str]:
    """What a kernel of `lab start --docker-host` has."""
    return {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(folder),
        "LAB_HOME": str(folder / "lab"),
        "LAB_DOCKER_HOST": foreign.host,
        "DOCKER_HOST": foreign.host,
        "DOCKER_CONFIG": str(folder / "docker"),
        "DOCKER_BUILDKIT": "0",
        "PYTHONPATH": str(ROOT),
        "LC_ALL": "C.UTF-8",
    }


def python(foreign: Foreign, folder: Path, program: str, *words: str) -> str:
    done = subprocess.run(
        foreign.beside(sys.executable, "-c", program, *words),
        env=environ(foreign, folder),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_lesson(foreign: Foreign, tmp_path: Path) -> None:
    """Does the first lesson run to its end, and show what its texts say?"""
    python(foreign, tmp_path, RUN, str(LESSON), str(tmp_path))
    notebook = nbformat.read(tmp_path / "done.ipynb", as_version=4)
    assert "Welcome to nginx!" in output(notebook, "read-page")
    assert "A /usr/share/nginx/html/hello.html" in output(notebook, "diff")
    assert "50x.html  hello.html  index.html" in output(notebook, "exec-shell")
    assert "port is already allocated" in output(notebook, "port-taken")
    assert "404 Not Found" in output(notebook, "second-has-not")
    assert output(notebook, "start").split() == ["web", *"hello from a container".split()]
    assert "No such container: web" in output(notebook, "no-such-container")


def test_exercise(foreign: Foreign, tmp_path: Path) -> None:
    """Is judged what Docker tells, is the rest not available, and are no points made up?"""
    told = python(foreign, tmp_path, EXERCISE)
    assert "accounts and the lab's Hub are not available here" in told
    assert "1 of 4 points" in told
    assert "3 of 3 points" in told
    assert told.count("\u2013 not available here: ") == 2
    assert "Points are not available here" in told
    assert told.rstrip().endswith("points: 0")


@pytest.fixture
def layers(foreign: Foreign) -> Iterator[Layers]:
    made = Layers("nginx", "debian", socket=str(foreign.socket))
    until(lambda: made.towers, 20)
    yield made
    made.close()


def test_picture(foreign: Foreign, layers: Layers) -> None:
    """Are layers drawn as Docker tells them, debian's below nginx's, and files left open?"""
    assert layers.engine["state"] == "live"
    assert layers.engine["extension"] is False
    assert foreign.name in layers.engine["name"]
    (base,) = layers.towers
    assert [image["names"][0] for image in base["images"]] == ["debian:latest"]
    assert len(base["owners"]) == 2
    assert base["size"] > 10_000_000
    assert layers._look(base["chain"]) is None
    top = base
    while top["above"]:
        (top,) = top["above"]
    (image,) = top["images"]
    assert image["names"][0] == "nginx:latest"
    assert any("nginx" in step["command"] for step in image["steps"])


def test_picture_follows(foreign: Foreign, layers: Layers) -> None:
    """Does the picture follow a container: made, written to, removed?"""
    client = docker.DockerClient(base_url=foreign.host)
    with contextlib.closing(client):
        made = client.containers.run("nginx", detach=True, name="followed")
        until(lambda: [each["name"] for each in layers.containers] == ["followed"])
        made.exec_run(["touch", "/made-here"])
        until(lambda: "/made-here" in json.dumps(dict(layers.written)), 20)
        made.remove(force=True)
        until(lambda: not layers.containers)


@pytest.fixture
def started(foreign: Foreign, short_tmp: Path) -> Iterator[RunningLab]:
    """`lab start --docker-host`, in a fresh home."""
    folder = short_tmp / f"byod-{abs(hash(foreign.host)) % 10**6}"
    (folder / "home").mkdir(parents=True)
    options = ("--docker-host", foreign.host)
    running = start_lab(check_out(folder / "checkout"), folder / "home", 8960, *options)
    yield running
    assert running.stop() == 0


def test_server(foreign: Foreign, started: RunningLab) -> None:
    """Does the server say which engine is used, start none, and leave that one alone at its end?"""
    told = started.status()
    assert told["state"] == "ready" and told["engine"] == "docker"
    assert foreign.name in told["message"] and foreign.host in told["message"]
    assert started.engine_pid() is None
    assert not (started.home / "engine").exists()
    started.process.terminate()
    started.process.wait(30)
    assert name_engine(foreign.host)


def test_engine_that_goes_away(engine: EngineProcess, short_tmp: Path) -> None:
    """Is it told in words when the Docker Engine goes away under the lab, and when it is back?"""
    path = short_tmp / "fickle.sock"
    watched = ForeignEngine(f"unix://{path}")
    for _ in range(2):
        with without_extension(engine.socket, path):
            assert watched.status.state is State.READY
        told = watched.status
        assert told.state is State.FAILED
        assert f"no Docker Engine answers at unix://{path}" in told.message


@pytest.mark.parametrize(
    ("address", "word"),
    [
        ("tcp://192.0.2.1:2375", "on this machine"),
        ("ssh://host", "on this machine"),
        ("", "on this machine"),
        ("unix://docker.sock", "begin with a slash"),
        ("/var/run/docker.sock", "not an address"),
    ],
)
def test_address_of_the_wrong_form(address: str, word: str) -> None:
    """Is an address that cannot work refused, with one that could as a hint?"""
    with pytest.raises(InvalidParameter, match=word) as refused:
        check_docker_host(address)
    assert "unix:///var/run/docker.sock" in refused.value.hint


def test_address_where_nobody_answers(tmp_path: Path) -> None:
    """Does `lab start` end with one sentence and a hint, and start nothing?"""
    path = tmp_path / "s"
    for make in (lambda: None, path.touch):
        make()
        words = [sys.executable, "-m", "lab.cli", "start", "--docker-host", f"unix://{path}"]
        home = {**os.environ, "LAB_HOME": str(tmp_path / "home"), "PYTHONPATH": str(ROOT)}
        done = subprocess.run(words, env=home, capture_output=True, text=True, timeout=60)
        assert done.returncode == 1
        assert f"no Docker Engine answers at unix://{path}" in done.stderr
        assert "Traceback" not in done.stderr and len(done.stderr.splitlines()) == 2
        assert not (tmp_path / "home").exists()


def test_something_else_answers(short_tmp: Path) -> None:
    """Is a socket whose owner speaks no HTTP told from an engine, within seconds?"""
    path = short_tmp / "mute.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        with pytest.raises(Unavailable, match=str(path)):
            name_engine(f"unix://{path}")
    gc.collect()


def test_advice_names_the_engine_that_is_meant(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Is one told to start Docker where Docker is meant, and the lab where the lab is?"""
    address = f"unix://{tmp_path}/none"
    monkeypatch.setenv("DOCKER_HOST", address)
    with pytest.raises(docker.errors.DockerException, match="lab start"):
        connect()
    monkeypatch.setenv("LAB_DOCKER_HOST", address)
    with pytest.raises(docker.errors.DockerException, match="start that Docker Engine"):
        connect()
