"""What terminals and kernels inherit, and how JupyterLab is started."""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path
from types import SimpleNamespace

import pytest

from lab.config import Config
from lab.errors import NotFound
from lab.jupyter import _jupyter_server_extension_points, environment, settings, start
from lab.jupyter.extension import LabExtension, engine_command

LESSON = "en/02_first_container.ipynb"


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(tmp_path, tmp_path / "engine" / "docker.sock", search_path="/usr/bin:/bin")


def test_terminals_find_the_engine_and_the_programs(config: Config) -> None:
    """Do they get the engine's address, a docker configuration of the lab's own, and a PATH?"""
    environ = {"PATH": "/usr/bin:/bin", "HOME": "/root", "DOCKER_HOST": "tcp://elsewhere"}
    environment.apply(config, environ)
    assert environ["DOCKER_HOST"] == f"unix://{config.socket}"
    assert environ["DOCKER_CONFIG"] == str(config.docker_config)
    assert environ["HOME"] == "/root"
    first, *_, last = environ["PATH"].split(":")
    assert (first, last) == ("/usr/bin", str(Path(sys.executable).parent))
    assert config.docker_config.stat().st_mode & 0o777 == 0o700


def test_environment_is_the_same_when_applied_twice(config: Config) -> None:
    """Does a second extension load (a restart in one process) change nothing?"""
    environ: dict[str, str] = {}
    environment.apply(config, environ)
    once = dict(environ)
    environment.apply(config, environ)
    assert environ == once


def test_shells_do_not_read_the_profile() -> None:
    """Is the login option taken from a terminal's shell, and nothing else?"""
    assert environment.without_login(["/bin/bash", "-l"]) == ["/bin/bash"]
    assert environment.without_login(["zsh", "--login", "-i"]) == ["zsh", "-i"]


def test_extension_point() -> None:
    """Does jupyter_server find the extension?"""
    assert _jupyter_server_extension_points() == [{"module": "lab.jupyter", "app": LabExtension}]


def test_engine_ends_with_the_server(config: Config) -> None:
    """Is the engine started on the user's own folder and socket, bound to the server's life?"""
    words = engine_command(config)
    assert words[:4] == [sys.executable, "-m", "lab.cli", "engine"]
    assert words[words.index("--socket") + 1] == str(config.socket)
    assert words[words.index("--root") + 1] == str(config.engine_root)
    assert words[-1] == "--until-stdin-closes"


def test_jupyterlab_listens_on_loopback_only() -> None:
    """Is it on loopback, with JupyterLab's own token, and the port that was asked for?"""
    words = start.arguments(Path("/lessons"), 8899, browser=False)
    assert "--ServerApp.ip=127.0.0.1" in words
    assert "--ServerApp.port=8899" in words
    assert "--ServerApp.open_browser=False" in words
    assert not any("token" in word or "password" in word for word in words)


def test_port_and_browser_are_jupyterlabs_choice_otherwise() -> None:
    """Without options, is nothing said of port and browser?"""
    words = " ".join(start.arguments(Path("/lessons"), None, browser=True))
    assert "ServerApp.port" not in words
    assert "open_browser" not in words


def test_defaults_leave_the_learners_choices(tmp_path: Path) -> None:
    """Are only the defaults written, beside what the learner has set?"""
    chosen = tmp_path / "lab" / "user-settings" / "theme"
    chosen.parent.mkdir(parents=True)
    chosen.write_text("dark")
    settings.write_defaults(tmp_path)
    settings.write_defaults(tmp_path)
    written = tmp_path / "labconfig" / "default_setting_overrides.json"
    assert json.loads(written.read_text()) == settings.DEFAULTS
    assert chosen.read_text() == "dark"


def test_lessons_are_found_beside_the_program() -> None:
    """Is the folder that `lab start` shows the one with the lessons in it?"""
    assert (settings.notebooks() / LESSON).is_file()


def test_missing_lessons_are_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without lessons, does the error say what to do?"""
    monkeypatch.setattr("lab.__file__", str(tmp_path / "lab" / "__init__.py"))
    with pytest.raises(NotFound) as missing:
        settings.notebooks()
    assert "make lab" in missing.value.hint


def test_server_that_others_start(tmp_path: Path) -> None:
    """Does a server's configuration file prepare the folder, and load the extension?"""
    found: defaultdict[str, dict[str, object]] = defaultdict(dict)
    place = Config(home=tmp_path, socket=tmp_path / "s")

    class Given:
        ServerApp = SimpleNamespace()

        def __getitem__(self, section: str) -> dict[str, object]:
            return found[section]

    settings.configure(Given(), place)
    folder = tmp_path / "work"
    assert (folder / LESSON).is_file()
    assert found["ServerApp"]["root_dir"] == str(folder)
    assert Given.ServerApp.jpserver_extensions == {"lab.jupyter": True}
    words = start.arguments(folder, None, browser=True)
    for section, options in found.items():
        assert all(f"--{section}.{name}={value}" in words for name, value in options.items())
