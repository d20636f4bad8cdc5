"""The launcher on the host: what it starts from, what it leaves, what ends it."""

from __future__ import annotations

import io
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import docker
import pytest

from lab.cli import main
from lab.errors import Unavailable
from lab.sandbox.process import EngineProcess
from tests.conftest import Start
from tests.vm.conftest import start_in

ROOT = Path(__file__).resolve().parents[2]


def qemu_of(engine: EngineProcess) -> int:
    """Return the pid of an engine's QEMU."""
    children = Path(f"/proc/{engine.process.pid}/task/{engine.process.pid}/children")
    return int(children.read_text().split()[0])


def wait_for(condition: Callable[[], bool], limit: float = 20.0) -> bool:
    end = time.monotonic() + limit
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    return condition()


def has_ended(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")")[1].split()[0] in "ZX"
    except OSError:
        return True


def ping(engine: EngineProcess) -> bool:
    client = docker.DockerClient(base_url=engine.host)
    try:
        return bool(client.ping())
    finally:
        client.close()


def is_resumed(engine: EngineProcess) -> bool:
    return b"-incoming" in Path(f"/proc/{qemu_of(engine)}/cmdline").read_bytes()


def test_only_its_owner_reaches_the_engine(engine: EngineProcess) -> None:
    """Is the socket the owner's alone, and is there no TCP port at all?"""
    assert stat.S_IMODE(engine.socket.stat().st_mode) == 0o600
    for pid in (engine.process.pid, qemu_of(engine)):
        inodes = set()
        for fd in Path(f"/proc/{pid}/fd").iterdir():
            try:
                inodes.add(os.readlink(fd))
            except OSError:
                continue
        for table in ("tcp", "tcp6"):
            for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
                words = line.split()
                assert f"socket:[{words[9]}]" not in inodes or words[3] != "0A", line


def test_a_saved_guest_is_never_written(home: Path, folder: Path) -> None:
    """Is a start from the saved guest what it says it is, and is its memory the same afterwards?"""
    saved = home / "vm" / "snapshot"
    before = {path.name: path.read_bytes() for path in saved.iterdir()}
    engine = start_in(home, folder)
    assert is_resumed(engine) and ping(engine)
    assert engine.stop() == 0
    assert {path.name: path.read_bytes() for path in saved.iterdir()} == before


def test_two_labs_at_once(start_vm: Start, folder: Path) -> None:
    """Do two labs run from one saved guest, and is a second one on the same folder refused?"""
    (folder / "a").mkdir()
    (folder / "b").mkdir()
    first = start_vm(folder / "a", folder / "a.sock")
    second = start_vm(folder / "b", folder / "b.sock")
    assert ping(first) and ping(second)
    ids = [docker.DockerClient(base_url=each.host).info()["ID"] for each in (first, second)]
    assert ids[0] != ids[1]
    with pytest.raises(Unavailable, match="another engine is already running"):
        start_vm(folder / "a", folder / "c.sock")
    with pytest.raises(Unavailable, match="something already listens"):
        start_vm(folder / "c", folder / "a.sock")
    assert first.stop() == 0
    assert ping(second)
    assert second.stop() == 0


def test_a_killed_launcher_leaves_nothing_in_the_way(start_vm: Start, folder: Path) -> None:
    """When the launcher is killed, does QEMU end, and does the next start just work?"""
    engine = start_vm(folder / "root", folder / "s")
    qemu = qemu_of(engine)
    engine.process.kill()
    engine.stop()
    assert wait_for(lambda: has_ended(qemu))
    assert (folder / "s").exists()
    again = start_vm(folder / "root", folder / "s")
    assert ping(again)
    assert again.stop() == 0
    assert not (folder / "s").exists()
    assert sorted(path.name for path in (folder / "root" / "vm").iterdir()) == ["disk.ext4"]


def test_a_killed_guest_is_told(start_vm: Start, folder: Path) -> None:
    """When QEMU is killed, does the launcher say so and end with 1, and is the socket gone?"""
    engine = start_vm(folder / "root", folder / "s")
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(20)
        client.connect(str(engine.socket))
        client.sendall(b"GET /events HTTP/1.1\r\nHost: lab\r\n\r\n")
        os.kill(qemu_of(engine), signal.SIGKILL)
        while client.recv(4096):
            pass
    assert engine.process.wait(20) == 1
    assert "has ended unexpectedly: it was killed" in engine.said()
    assert not (folder / "s").exists()
    engine.stop()


def test_a_second_signal_ends_it_at_once(start_vm: Start, folder: Path) -> None:
    """Does a guest that does not stop end at the second SIGTERM?"""
    engine = start_vm(folder / "root", folder / "s")
    qemu = qemu_of(engine)
    # a guest that stands still does not hear the first one
    os.kill(qemu, signal.SIGSTOP)
    engine.process.send_signal(signal.SIGTERM)
    with pytest.raises(subprocess.TimeoutExpired):
        engine.process.wait(1)
    engine.process.send_signal(signal.SIGTERM)
    assert engine.process.wait(20) == 128 + signal.SIGKILL
    assert has_ended(qemu)
    engine.stop()


def test_a_signal_while_it_starts(home: Path, folder: Path) -> None:
    """Does a lab that is stopped while its guest starts end cleanly, with nothing left?"""
    shutil.rmtree(home / "vm" / "snapshot")
    argv = [sys.executable, "-m", "lab.cli", "engine", "--sandbox", "vm", "--catalog", ""]
    argv += ["--root", str(folder / "root"), "--socket", str(folder / "s")]
    environ = {**os.environ, "LAB_HOME": str(home)}
    launcher = subprocess.Popen(argv, cwd=ROOT, env=environ, stdout=subprocess.DEVNULL)
    assert wait_for((folder / "s").exists)
    launcher.send_signal(signal.SIGTERM)
    assert launcher.wait(20) == 0
    assert not (folder / "s").exists()


def damage(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(bytes(4096))


def lose(path: Path) -> None:
    (path.parent / "stamp.json").unlink()


def age(path: Path) -> None:
    stamp = path.parent / "stamp.json"
    stamp.write_text(stamp.read_text().replace('"kernel": "', '"kernel": "2.'))


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (damage, "trying again from the beginning"),
        (lose, "there is no saved guest, so the guest starts from the beginning"),
        (age, "the saved guest is of another kernel, so the guest starts from the beginning"),
    ],
)
def test_without_a_usable_saved_guest(
    home: Path, folder: Path, harm: Callable[[Path], None], told: str
) -> None:
    """Does the guest start from the beginning if none is saved, or what is saved is of no use?"""
    harm(home / "vm" / "snapshot" / "state")
    argv = [sys.executable, "-m", "lab.cli", "engine", "--sandbox", "vm", "--catalog", ""]
    argv += ["--root", str(folder / "root"), "--socket", str(folder / "s")]
    environ = {**os.environ, "LAB_HOME": str(home)}
    launcher = subprocess.Popen(
        argv, cwd=ROOT, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert launcher.stdout is not None
    said = [launcher.stdout.readline(), launcher.stdout.readline()]
    assert told in said[0] and said[1] == "ready\n", (said, launcher.poll())
    launcher.send_signal(signal.SIGTERM)
    assert launcher.communicate(timeout=30) == ("", "")
    assert launcher.returncode == 0


def test_without_qemu(home: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is a machine without QEMU told what to do?"""
    (home / "vm" / "qemu").unlink(missing_ok=True)
    (folder / "bin").mkdir()
    monkeypatch.setenv("PATH", str(folder / "bin"))
    with pytest.raises(Unavailable, match="there is no qemu-system-") as raised:
        start_in(home, folder)
    assert "lab setup" in raised.value.message


def test_a_closed_terminal(start_vm: Start, folder: Path) -> None:
    """Does the lab end in an orderly way when its terminal is closed?"""
    engine = start_vm(folder / "root", folder / "s")
    engine.process.send_signal(signal.SIGHUP)
    assert engine.process.wait(30) == 0
    assert not engine.socket.exists()
    engine.stop()


def test_an_account_of_the_hub_inside(
    start_vm: Start, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Is an account made in the Hub that the learner sees, or refused while it cannot be reached?"""
    argv = ["hub", "add-user", "anna", "--password-stdin", "--root", str(folder / "root")]
    engine = start_vm(folder / "root", folder / "s")
    monkeypatch.setattr(sys, "stdin", io.StringIO("secret words\n"))
    assert main(argv) == 0
    client = docker.DockerClient(base_url=engine.host)
    assert client.login("anna", "secret words")["Status"] == "Login Succeeded"
    client.close()
    assert engine.stop() == 0
    monkeypatch.setattr(sys, "stdin", io.StringIO("secret words\n"))
    assert main(argv) == 1


@pytest.mark.parametrize("count", [5, pytest.param(100, marks=pytest.mark.long)])
@pytest.mark.timeout(1200)
def test_starts_in_a_row(start_vm: Start, folder: Path, count: int) -> None:
    """Does each of many starts answer, from the saved guest, without a hang?"""
    for _ in range(count):
        engine = start_vm(folder / "root", folder / "s")
        assert is_resumed(engine) and ping(engine)
        assert engine.stop() == 0
