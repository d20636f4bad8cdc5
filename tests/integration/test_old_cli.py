"""Debian's docker CLI 20.10, unpacked from its package as `lab setup` does, against this engine."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import docker
import pytest

from lab.catalog import docker_cli
from lab.errors import Unavailable
from lab.sandbox.process import EngineProcess
from tests.conftest import HOME, cli_environ

Cli = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def program() -> Path:
    """The CLI of the distribution's package."""
    target = HOME / "tools" / "docker-of-debian"
    if not target.exists():
        try:
            docker_cli.install(target, HOME / "cache", lambda part: None)
        except Unavailable as error:
            pytest.skip(f"the package cannot be had here: {error.message}")
    return target


@pytest.fixture
def old(program: Path, engine: EngineProcess, tmp_path: Path, client: object) -> Cli:
    """Runs the old CLI."""

    def run(*words: str, **options: object) -> subprocess.CompletedProcess[str]:
        settings: dict[str, object] = {"capture_output": True, "text": True, "timeout": 60}
        return subprocess.run(  # type: ignore[call-overload,no-any-return]
            [program, *words],
            env=cli_environ(engine, tmp_path),
            cwd=tmp_path,
            **{**settings, **options},
        )

    return run


def test_version(old: Cli) -> None:
    """Do the old client and the engine agree on a version of the API?"""
    shown = old("version", "--format", "{{.Client.Version}} {{.Server.APIVersion}}").stdout
    assert shown.startswith("20.10") and shown.endswith("1.47\n")


def test_the_first_commands(old: Cli) -> None:
    """Do run, ps, logs, exec, stop, start, inspect and rm work as with a newer client?"""
    assert old("run", "--rm", "busybox", "echo", "hi").stdout == "hi\n"
    assert old("run", "-d", "--name", "old", "busybox", "sleep", "1000").returncode == 0
    assert "old" in old("ps").stdout
    assert (
        old("exec", "old", "hostname").stdout.strip()
        == old("inspect", "-f", "{{.Config.Hostname}}", "old").stdout.strip()
    )
    assert old("exec", "-i", "old", "cat", input="in\n").stdout == "in\n"
    assert old("stop", "-t", "0", "old").returncode == 0
    assert old("wait", "old").stdout == "137\n"
    assert old("start", "old").returncode == 0
    assert old("rm", "-f", "old").returncode == 0
    assert old("run", "--rm", "busybox", "nosuch").returncode == 127


def test_build_login_push_pull(old: Cli, engine: EngineProcess, tmp_path: Path) -> None:
    """Does the loop of build, push and run work?"""
    connection = docker.APIClient(base_url=engine.host)
    account = {"name": "veteran", "password": "old-but-good"}
    answer = connection._post_json(f"{connection.base_url}/lab/v1/accounts", data=account)
    assert answer.status_code in (200, 201)
    connection.close()
    folder = tmp_path / "context"
    folder.mkdir()
    (folder / "Dockerfile").write_text("FROM busybox\nRUN echo made > /made\nCMD cat /made\n")
    built = old("build", "-t", "veteran/loop", str(folder))
    assert "Successfully tagged veteran/loop:latest" in built.stdout, built.stderr
    assert old("push", "veteran/loop").returncode == 1
    logged_in = old("login", "-u", "veteran", "--password-stdin", input=account["password"])
    assert "Login Succeeded" in logged_in.stdout
    pushed = old("push", "veteran/loop")
    assert "digest: sha256:" in pushed.stdout, pushed.stderr
    assert "Deleted" in old("rmi", "veteran/loop").stdout
    assert old("run", "--rm", "veteran/loop").stdout == "made\n"
    assert old("logout").returncode == 0
    assert old("rmi", "veteran/loop").returncode == 0
