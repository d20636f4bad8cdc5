"""Where the lab keeps things, and what it passes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.config import SOCKET_PATH_LIMIT, Config, EngineConfig, check_socket_path, child_environ
from lab.errors import InvalidParameter


@pytest.mark.parametrize(
    ("environ", "home"),
    [
        ({"HOME": "/h"}, "/h/.local/share/docker-learning-lab"),
        ({"HOME": "/h", "XDG_DATA_HOME": "/data"}, "/data/docker-learning-lab"),
        ({"HOME": "/h", "XDG_DATA_HOME": "/data", "LAB_HOME": "/lab"}, "/lab"),
        (
            {"HOME": "/h", "LAB_HOME": "", "XDG_DATA_HOME": ""},
            "/h/.local/share/docker-learning-lab",
        ),
        ({}, "/root/.local/share/docker-learning-lab"),
    ],
)
def test_the_home(environ: dict[str, str], home: str) -> None:
    """Is the lab's folder where the environment says, and everything else in it?"""
    config = Config.from_environ(environ)
    assert config.home == Path(home)
    inside = (config.engine_root, config.catalog, config.cache, config.tools, config.state)
    assert all(folder.is_relative_to(config.home) for folder in (*inside, config.socket))


def test_terminals(tmp_path: Path) -> None:
    """Does a terminal find the engine, the lab's own credentials, and the lab's docker CLI last?"""
    environ = Config.from_environ({"HOME": str(tmp_path), "PATH": "/bin"}).terminal_environ()
    assert environ["DOCKER_HOST"].startswith(f"unix://{tmp_path}")
    assert environ["DOCKER_CONFIG"].startswith(str(tmp_path))
    assert environ["PATH"].split(":")[0] == "/bin" and environ["PATH"].endswith("/tools/bin")


def test_the_docker_cli(tmp_path: Path) -> None:
    """Is the machine's CLI used before the lab's, and the lab's where there is no other?"""
    config = Config.from_environ({"LAB_HOME": str(tmp_path), "PATH": str(tmp_path / "bin")})
    assert config.find_docker() is None
    for folder in (config.tools, tmp_path / "bin"):
        folder.mkdir(parents=True)
        (folder / "docker").touch(mode=0o755)
        assert config.find_docker() == str(folder / "docker")


def test_what_was_prepared_for_everyone(tmp_path: Path) -> None:
    """Is what set-up makes taken from elsewhere, where the user has none, and nothing else?"""
    environ = {"LAB_HOME": str(tmp_path / "own"), "LAB_PREPARED": str(tmp_path / "all")}
    config = Config.from_environ(environ)
    assert config.catalog == tmp_path / "own/catalog"
    for name in ("catalog", "vm", "tools", "releases", "state", "engine"):
        (tmp_path / "all" / name).mkdir(parents=True)
    made = (config.catalog, config.vm, config.tools.parent, config.releases)
    assert {folder.parent.name for folder in made} == {"all"}
    assert {config.state.parent.name, config.engine_root.parent.name} == {"own"}
    (tmp_path / "own" / "vm").mkdir(parents=True)
    assert config.vm == tmp_path / "own/vm"
    assert config.catalog == tmp_path / "all/catalog"


def test_engine_config_as_json() -> None:
    """Is what the launcher tells the daemon the same on the other side?"""
    for catalog in (Path("/c"), None):
        config = EngineConfig(Path("/r"), catalog, "namespaces", 1, True, 5, 6, {"memory": "/m"})
        assert EngineConfig.from_json(config.to_json()) == config
    guest = EngineConfig(
        Path("/r"), None, "vm", 0, False, 5, 6, waits=True, bind_root="/host", layers="/catalog"
    )
    assert EngineConfig.from_json(guest.to_json()) == guest


def test_the_engines_environment() -> None:
    """Is nothing passed on that could hold a secret or change Python?"""
    given = {"PATH": "/bin", "HOME": "/h", "AWS_SECRET": "x", "PYTHONPATH": "/p", "LD_PRELOAD": "l"}
    assert child_environ(given) == {"PATH": "/bin", "HOME": "/h"}


def test_socket_paths(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Is a path of 107 bytes taken, made absolute, and a longer one refused with a hint?"""
    monkeypatch.chdir(tmp_path)
    assert check_socket_path(Path("d.sock")) == tmp_path / "d.sock"
    longest = Path("/" + "é" * 53)
    assert check_socket_path(longest) == longest
    with pytest.raises(InvalidParameter, match=f"longer than {SOCKET_PATH_LIMIT} bytes") as raised:
        check_socket_path(Path("/a" + "é" * 53))
    assert "--socket" in raised.value.hint
