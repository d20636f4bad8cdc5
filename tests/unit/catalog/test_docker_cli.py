"""The docker CLI where the machine has none: from a package, or with a word on what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.catalog import docker_cli
from lab.catalog.release import Release
from lab.errors import Unavailable
from tests.unit.catalog.helpers import stanza, write_deb

BOOKWORM = Release("bookworm", "12", "amd64")


@pytest.fixture(autouse=True)
def debian(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(docker_cli, "read_release", lambda: BOOKWORM)
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")


def install(folder: Path) -> Path:
    target = folder / "tools" / "docker"
    docker_cli.install(target, folder / "cache", lambda part: None)
    return target


def test_it_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is the program taken out of its package, and nothing else?"""
    content = {"usr/bin/docker": "the client", "usr/bin/other": "else"}
    package = write_deb(tmp_path, stanza("docker.io"), content)
    asked: list[str] = []
    monkeypatch.setattr(
        docker_cli, "fetch_one", lambda name, *_: bool(asked.append(name)) or package
    )
    target = install(tmp_path)
    assert asked == ["docker.io"]
    assert target.read_text() == "the client"
    assert [path.name for path in target.parent.iterdir()] == ["docker"]
    assert target.stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize("lacking", ["Debian", "apt", "network", "program"])
def test_what_to_do_instead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lacking: str) -> None:
    """Is it said why there is none, and where one is to be had and put?"""

    def refuse(*_: object) -> None:
        raise Unavailable("apt-get: Could not resolve 'deb'")

    if lacking == "Debian":
        monkeypatch.setattr(docker_cli, "read_release", refuse)
    elif lacking == "apt":
        monkeypatch.setattr("shutil.which", lambda name: None)
    elif lacking == "network":
        monkeypatch.setattr(docker_cli, "fetch_one", refuse)
    else:
        empty = write_deb(tmp_path, stanza("docker.io"), {"usr/bin/other": "else"})
        monkeypatch.setattr(docker_cli, "fetch_one", lambda *_: empty)
    with pytest.raises(Unavailable) as raised:
        install(tmp_path)
    reasons = {
        "Debian": "no Debian",
        "apt": "no apt-get",
        "network": "Could not resolve 'deb'",
        "program": "has none",
    }
    assert "this machine has no docker command" in raised.value.message
    assert reasons[lacking] in raised.value.message
    assert str(tmp_path / "tools" / "docker") in raised.value.hint
    assert "run the set-up again" in raised.value.hint
