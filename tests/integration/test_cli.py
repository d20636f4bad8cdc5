"""The genuine docker CLI: exit codes, wording, columns."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import pytest

Cli = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.mark.usefixtures("client")
class TestExitCodes:
    """The exit codes that Docker documents for `docker run`."""

    @pytest.mark.parametrize(
        ("command", "code", "message"),
        [
            (["true"], 0, ""),
            (["sh", "-c", "exit 42"], 42, ""),
            (["nosuch"], 127, 'exec: "nosuch": executable file not found in $PATH'),
            (["/etc/passwd"], 126, "permission denied"),
            (["/etc"], 126, "is a directory"),
            (["sh", "-c", "sleep 100 & kill -9 $!; wait $!"], 137, ""),
        ],
    )
    def test_of_the_program(self, cli: Cli, command: list[str], code: int, message: str) -> None:
        """Is the exit code the program's, or says why it did not run?"""
        done = cli("run", "--rm", "busybox", *command)
        assert done.returncode == code
        assert message in done.stderr

    def test_of_the_engine(self, cli: Cli) -> None:
        """Is 125 the code when the engine refuses?"""
        done = cli("run", "--rm", "-u", "nobody-at-all", "busybox", "true")
        assert done.returncode == 125 or done.returncode == 126
        assert (
            "unable to find user nobody-at-all: no matching entries in passwd file" in done.stderr
        )
        assert cli("run", "--rm", "--name", "?", "busybox", "true").returncode == 125
        assert not cli("ps", "-aq").stdout


def test_version_and_info(cli: Cli) -> None:
    """Do version and info show the engine?"""
    assert "Docker Learning Lab" in cli("version").stdout
    info = cli("info", "--format", "{{.OSType}} {{.Driver}} {{.ServerVersion}}").stdout
    assert info.startswith("linux overlay2 ")


def test_ps_columns(cli: Cli, client: object) -> None:
    """Are the columns of ps those that the lesson explains?"""
    cli("run", "-d", "--name", "columns", "-p", "0:80", "busybox", "sleep", "1000")
    header, row = cli("ps", "--filter", "name=columns").stdout.splitlines()
    assert header.split("  ")[0] == "CONTAINER ID"
    for text in ("busybox", '"sleep 1000"', "Up", "->80/tcp", "columns"):
        assert text in row


def test_half_closed_input(cli: Cli) -> None:
    """Does a program that reads its input to the end still answer afterwards?"""
    command = ("run", "-i", "--rm", "busybox", "sh", "-c", "cat; echo after")
    assert cli(*command, input="before\n").stdout == "before\nafter\n"


def test_large_output_is_whole(cli: Cli) -> None:
    """Does a slow pipe lose nothing?"""
    done = cli("run", "--rm", "busybox", "sh", "-c", "seq 1 200000", timeout=60)
    assert done.stdout.splitlines() == [str(number) for number in range(1, 200001)]


def test_rm_and_prefix(cli: Cli, client: object) -> None:
    """Is a container found by the beginning of its id?"""
    container = cli("create", "busybox", "true").stdout.strip()
    assert cli("start", container[:10]).stdout.strip() == container[:10]
    assert cli("wait", container[:6]).stdout == "0\n"
    assert cli("rm", container[:12]).returncode == 0


def test_inspect_of_nothing(cli: Cli) -> None:
    """Does inspect say in Docker's words that there is no such object?"""
    done = cli("inspect", "nothing-here")
    assert done.returncode == 1
    assert "no such object: nothing-here" in done.stderr.lower()


def test_entrypoint_env_and_workdir(cli: Cli) -> None:
    """Do --entrypoint, -e and -w reach the program?"""
    done = cli(
        "run",
        "--rm",
        "--entrypoint",
        "sh",
        "-e",
        "A=b",
        "-w",
        "/tmp",
        "busybox",
        "-c",
        "echo $A $PWD",
    )
    assert done.stdout == "b /tmp\n"


def test_env_from_the_client_is_cleared(cli: Cli) -> None:
    """Has the program only Docker's own variables and HOME?"""
    names = {
        line.partition("=")[0] for line in cli("run", "--rm", "busybox", "env").stdout.splitlines()
    }
    assert names == {"PATH", "HOSTNAME", "HOME"}


def test_unsupported_options_are_named(cli: Cli) -> None:
    """Is an option that this engine lacks refused by its name, and nothing left behind?"""
    for option in (["--cgroup-parent", "/x"], ["--userns", "host"], ["--cpu-rt-period", "5"]):
        done = cli("create", *option, "busybox", "true")
        assert done.returncode != 0
        assert "does not" in done.stderr, option
    assert not cli("ps", "-aq").stdout
