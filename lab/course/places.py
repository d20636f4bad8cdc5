"""Three places for one program: a bare process, a container, a virtual machine.

Each is started until the program in it has answered, asked to work, and stopped.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

import docker
from docker.errors import NotFound

from lab.client import connect
from lab.errors import LabError, Unavailable
from lab.sandbox.vm.machine import MicroVm

IMAGE = "python"
LABEL = "lab.course.measurement"
LIMIT = 120.0
_PAUSE = 0.005

ANSWER = """
import json, os, signal, sys
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
memory = int(status["VmRSS"].split()[0]) * 1024
print(json.dumps({"kernel": os.uname().release, "memory": memory}), flush=True)
if len(sys.argv) > 1:
    signal.pause()
"""
"""The program: says which kernel it runs on and how much memory it takes, and waits if told to."""

WORK = """
import time
began = time.perf_counter()
sum(number * number for number in range(600_000))
print(time.perf_counter() - began)
"""
"""The work: what it computes is the same everywhere, so its seconds can be compared."""


class Answer(NamedTuple):
    """What the program has said."""

    kernel: str
    memory: int


class Running(Protocol):
    """One that was started; its program has answered.

    `disk` are the bytes that it alone takes on the disk, `memory` those that it takes in memory.
    """

    answer: Answer

    def work(self) -> float:
        """Do the work in it; return the seconds that it took, by the clock in there."""

    def memory(self) -> int: ...

    def disk(self) -> int: ...

    def stop(self) -> None:
        """Return when its program has ended; does nothing when it was stopped before."""

    def remove(self) -> None:
        """Leave nothing of it."""


class Place(Protocol):
    """A kind of place; `shared_disk` are bytes that all of one kind have in common."""

    def start(self) -> Running: ...

    def shared_disk(self) -> int: ...


class Process:
    """A process of the machine that this one runs on, with the same Python."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", ANSWER, "wait"], stdout=subprocess.PIPE
        )
        assert self._process.stdout is not None
        self.answer = parse(self._process.stdout.readline())

    def work(self) -> float:
        command = [sys.executable, "-I", "-S", "-c", WORK]
        done = subprocess.run(command, capture_output=True, timeout=LIMIT, check=True)
        return float(done.stdout)

    def memory(self) -> int:
        return self.answer.memory

    def disk(self) -> int:
        """Return 0: what it runs is there already."""
        return 0

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(LIMIT)

    def remove(self) -> None:
        self.stop()
        assert self._process.stdout is not None
        self._process.stdout.close()


class Processes:
    """Bare processes."""

    def start(self) -> Process:
        return Process()

    def shared_disk(self) -> int:
        return 0


class Container:
    """A container of the engine."""

    def __init__(self, client: docker.DockerClient) -> None:
        self._client = client
        self._container: Any = client.containers.run(
            IMAGE, ["python3", "-I", "-S", "-c", ANSWER, "wait"], detach=True, labels=[LABEL]
        )
        try:
            self.answer = parse(self._first_line())
        except BaseException:
            self.remove()
            raise

    def _first_line(self) -> bytes:
        # docker-py cannot close a log that it follows
        end = time.monotonic() + LIMIT
        while not (said := self._container.logs()).endswith(b"\n"):
            self._container.reload()
            if self._container.status != "running" or time.monotonic() > end:
                break
            time.sleep(_PAUSE)
        return bytes(said)

    def work(self) -> float:
        code, output = self._container.exec_run(["python3", "-I", "-S", "-c", WORK])
        if code:
            raise Unavailable(f"the work in the container failed: {output.decode()}")
        return float(output)

    def memory(self) -> int:
        return self.answer.memory

    def disk(self) -> int:
        found = self._client.api.containers(filters={"id": self._container.id}, size=True)
        return int(found[0].get("SizeRw", 0))

    def stop(self) -> None:
        self._container.stop()

    def remove(self) -> None:
        with contextlib.suppress(NotFound):
            self._container.remove(force=True, v=True)


class Containers:
    """Containers of one image, which is fetched first if it is not there."""

    def __init__(self, client: docker.DockerClient) -> None:
        self._client = client
        try:
            self._image = client.images.get(IMAGE)
        except NotFound:
            self._image = client.images.pull(IMAGE, "latest")

    def start(self) -> Container:
        return Container(self._client)

    def shared_disk(self) -> int:
        """Return the size of the image: its layers are there once."""
        return int(self._image.attrs["Size"])


class Vm:
    """A virtual machine with a disk of its own."""

    def __init__(self) -> None:
        self._vm = MicroVm.boot(own_disk=True)
        try:
            self.answer = parse(self._run(ANSWER).encode())
        except BaseException:
            self.remove()
            raise

    def shared(self) -> int:
        return self._vm.disk_shared()

    def work(self) -> float:
        return float(self._run(WORK))

    def memory(self) -> int:
        """Return what the host sees of it: the memory of QEMU's process."""
        return self._vm.memory_used()

    def disk(self) -> int:
        return self._vm.disk_used()

    def stop(self) -> None:
        self._vm.stop()

    def remove(self) -> None:
        self._vm.stop()

    def _run(self, program: str) -> str:
        python = f"python{sys.version_info[0]}.{sys.version_info[1]}"
        ran = self._vm.run([python, "-I", "-S", "-c", program], LIMIT)
        if ran.code:
            raise Unavailable(f"the program in the virtual machine failed: {ran.output}")
        return ran.output


class Vms:
    """Virtual machines that QEMU makes."""

    def __init__(self) -> None:
        self._last: Vm | None = None

    def start(self) -> Vm:
        self._last = Vm()
        return self._last

    def shared_disk(self) -> int:
        return self._last.shared() if self._last else 0


@contextlib.contextmanager
def opened(kind: str) -> Iterator[Place]:
    """Make a place of `kind` ready: process, container or vm."""
    if kind == "process":
        yield Processes()
    elif kind == "vm":
        yield Vms()
    elif kind == "container":
        client = connect()
        try:
            for left in client.containers.list(all=True, filters={"label": LABEL}):
                left.remove(force=True, v=True)
            yield Containers(client)
        finally:
            client.close()
    else:
        raise LabError(f"there is no place of kind {kind!r}")


def parse(line: bytes) -> Answer:
    """Return the program's answer.  Raises Unavailable if that is none."""
    try:
        told = json.loads(line)
        return Answer(str(told["kernel"]), int(told["memory"]))
    except (ValueError, KeyError, TypeError):
        text = line.decode(errors="replace").strip()
        raise Unavailable(f"the program did not answer: {text or 'it said nothing'}") from None
