"""The guest itself: what its first process makes of the machine, and how it ends."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable
from pathlib import Path

import docker

from lab.sandbox.process import EngineProcess
from tests.conftest import Start, until
from tests.vm.looking import PYTHON, Answer, Guest

_PROCESSES = """
import os
for pid in os.listdir("/proc"):
    if pid.isdigit() and (words := open(f"/proc/{pid}/cmdline").read().split(chr(0))[:-1]):
        status = dict(line.split(":", 1) for line in open(f"/proc/{pid}/status"))
        adjustment = open(f"/proc/{pid}/oom_score_adj").read().strip()
        print(pid, status["PPid"].strip(), int(status["VmRSS"].split()[0]), adjustment)
"""


def test_time_and_randomness(start_vm: Start, short_tmp: Path) -> None:
    """Is the clock right after a resume, and does each one have random numbers of its own?"""
    script = "date +%s; head -c 24 /dev/urandom | od -An -tx1; cat /proc/sys/kernel/random/uuid"
    seen: list[str] = []
    for number in range(2):
        root = short_tmp / f"fresh{number}"
        engine = start_vm(root, short_tmp / "fresh.sock")
        client = docker.DockerClient(base_url=engine.host)
        client.images.pull("busybox", "latest")
        container = client.containers.create("busybox", ["sh", "-c", script])
        before = time.time()
        container.start()
        container.wait()
        first, *others = container.logs().decode().split("\n", 1)
        assert before - 1 <= int(first) <= time.time() + 1
        seen += [container.id, client.info()["ID"], *others[0].splitlines()]
        client.close()
        assert engine.stop() == 0
    assert len(set(seen)) == len(seen)


def test_engines_processes(guest: Guest) -> None:
    """Are there four, which take little memory, and does the kernel kill others before the daemon?"""
    rows = [tuple(map(int, line.split())) for line in guest.python(_PROCESSES).splitlines()]
    by_parent = {parent: row for row in rows for parent in [row[1]]}
    launcher = next(row for row in rows if row[1] == 1 and row[3] == -900)
    spawner = by_parent[launcher[0]]
    daemon = by_parent[spawner[0]]
    assert (spawner[3], daemon[3]) == (0, -900)
    assert daemon[2] < 70_000
    assert sum(row[2] for row in (launcher, spawner)) < 40_000


def test_commands(guest: Guest) -> None:
    """Are output and exit code of a command told, a missing one named, and a lost one killed?"""
    many = guest.python("print('x' * 1000000)")
    assert len(many) == 1_000_001 and set(many) == {"x", "\n"}
    code, said = guest.run("/nosuch/command", "word")
    assert code == 127 and "No such file" in said
    failing = "import sys; print(1, file=sys.stderr); sys.exit(3)"
    assert guest.run(PYTHON, "-I", "-S", "-c", failing) == (3, "1\n")
    sleeper = "import time, pathlib; pathlib.Path('/tmp/up').touch(); time.sleep(1000)"
    left = guest.start(PYTHON, "-I", "-S", "-c", sleeper)
    exists = "import os; print(os.path.exists('/tmp/up'))"
    until(lambda: guest.python(exists) == "True\n", limit=60, what="it runs")
    number = left.stream.number
    left.stream.reset()

    def told() -> bool:
        guest.loop.turn(0.1)
        return any(each.get("stream") == number for each in guest.messages)

    until(told, limit=30, what="it is killed")
    assert {each["code"] for each in guest.messages if each.get("stream") == number} == {-9}


def test_what_is_no_target(guest: Guest) -> None:
    """Is a stream to nowhere refused, whatever it is called?"""
    targets: tuple[dict[str, object], ...] = (
        {"unix": "/nowhere"},
        {"unix": 5},
        {"exec": []},
        {"exec": ["a", 1]},
        {},
    )
    for target in targets:
        stream = guest.live.mux.open(target)
        stream.receiver = answer = Answer(stream)

        def lost(answer: Answer = answer) -> bool:
            guest.loop.turn(0.1)
            return answer.was_lost

        until(lost, limit=30, what=f"{target} is refused")


def test_an_orderly_end(own_vm: Callable[[], EngineProcess], short_tmp: Path) -> None:
    """Is the disk unmounted at the end, with nothing left for its journal to mend?"""
    engine = own_vm()
    client = docker.DockerClient(base_url=engine.host)
    client.images.pull("busybox", "latest")
    client.containers.run("busybox", "sleep 1000", detach=True)
    client.close()
    assert engine.said() == ""
    started = time.monotonic()
    assert engine.stop() == 0
    assert time.monotonic() - started < 15
    disk = next(Path(engine.socket).with_suffix("").glob("vm/disk.ext4"))
    with disk.open("rb") as file:
        file.seek(1024)
        superblock = file.read(1024)
    (state,) = struct.unpack_from("<H", superblock, 0x3A)
    (incompatible,) = struct.unpack_from("<I", superblock, 0x60)
    assert state == 1 and not incompatible & 4
