"""Real terminals, driven by pexpect: sizes, Ctrl-C, detach keys, exit codes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import docker
import pexpect
import pytest

from lab.sandbox.process import EngineProcess
from tests.conftest import cli_environ, until

Terminal = Callable[..., "pexpect.spawn[str]"]
PROMPT = "/ # "


@pytest.fixture
def terminal(engine: EngineProcess, tmp_path: Path, client: object) -> Iterator[Terminal]:
    """Opens a terminal of 33 rows and 111 columns in which `docker WORDS` runs."""
    opened: list[pexpect.spawn[str]] = []

    def run(*words: str) -> pexpect.spawn[str]:
        child = pexpect.spawn(
            "docker",
            list(words),
            env=cli_environ(engine, tmp_path),  # type: ignore[arg-type]
            cwd=str(tmp_path),
            dimensions=(33, 111),
            encoding="utf-8",
            timeout=15,
        )
        opened.append(child)
        return child

    yield run
    for child in opened:
        child.close(force=True)


def ended(child: pexpect.spawn[str]) -> int | None:
    child.expect(pexpect.EOF)
    child.close()
    return child.exitstatus


def test_size_and_name_of_the_terminal(terminal: Terminal) -> None:
    """Has the program a terminal of the right size, which follows the window?"""
    child = terminal("run", "-it", "--rm", "busybox", "sh")
    child.expect_exact(PROMPT)
    child.sendline("stty size; tty")
    child.expect_exact("33 111")
    child.expect_exact("/dev/pts/0")
    child.setwinsize(20, 70)
    until(lambda: _asks(child, "stty size", "20 70"), what="the new size arrives")
    child.sendline("exit 7")
    assert ended(child) == 7


def _asks(child: pexpect.spawn[str], command: str, answer: str) -> bool:
    child.sendline(command)
    return child.expect_exact([answer, "33 111"]) == 0


def test_ctrl_c_reaches_the_program(terminal: Terminal) -> None:
    """Does Ctrl-C end the program in the foreground, and not the shell?"""
    child = terminal("run", "-it", "--rm", "busybox", "sh")
    child.expect_exact(PROMPT)
    # said by a program that is in the foreground already
    child.sendline("sh -c 'echo started; exec sleep 1000'")
    child.expect_exact("\nstarted")
    child.sendintr()
    child.expect_exact(PROMPT)
    child.sendline("exit")
    assert ended(child) == 130 or child.exitstatus == 0


def test_ctrl_c_without_a_terminal(terminal: Terminal) -> None:
    """Does the client pass SIGINT on to a program that has no terminal?"""
    script = "trap 'echo caught; exit 4' INT; echo up; while :; do sleep 0.05; done"
    child = terminal("run", "--rm", "busybox", "sh", "-c", script)
    child.expect_exact("up")
    child.sendintr()
    child.expect_exact("caught")
    assert ended(child) == 4


def test_detach_keys_leave_it_running(terminal: Terminal, client: docker.DockerClient) -> None:
    """Do Ctrl-P Ctrl-Q leave the container running, to be attached again?"""
    child = terminal("run", "-it", "--name", "left", "busybox", "sh")
    child.expect_exact(PROMPT)
    child.send("\x10\x11")
    child.expect(pexpect.EOF)
    assert client.containers.get("left").status == "running"
    again = terminal("attach", "left")
    again.sendline("echo back-$((40+2))")
    again.expect_exact("back-42")
    again.sendline("exit")
    ended(again)
    until(lambda: client.containers.get("left").status == "exited", what="exit ends it")


def test_start_attached(terminal: Terminal) -> None:
    """Does `start -ai` give the terminal back, and the exit code?"""
    first = terminal("run", "-it", "--name", "twice", "busybox", "sh")
    first.expect_exact(PROMPT)
    first.sendline("echo kept > /note; exit")
    ended(first)
    second = terminal("start", "-ai", "twice")
    second.expect_exact(PROMPT)
    second.sendline("cat /note; exit 3")
    second.expect_exact("kept")
    assert ended(second) == 3


def test_bash_in_a_running_container(terminal: Terminal, client: docker.DockerClient) -> None:
    """Is `docker exec -it ID /bin/bash` a shell in which a file can be made, and `exit` leaves?"""
    container = client.containers.run("nginx", detach=True, ports={"80/tcp": None})
    child = terminal("exec", "-it", container.id[:12], "/bin/bash")
    child.expect(r"root@[0-9a-f]{12}:/# ")
    child.sendline("echo made > /tmp/by-hand; stty size; exit 5")
    child.expect_exact("33 111")
    assert ended(child) == 5
    assert container.exec_run("cat /tmp/by-hand").output == b"made\n"
    container.reload()
    assert container.status == "running"
