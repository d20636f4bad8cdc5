"""The workbench: an interpreter in a sandbox of its own, driven cell by cell, gone without a trace."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from lab.errors import InvalidParameter, SandboxUnavailable, Unavailable
from lab.kernel import procfs
from lab.sandbox import Workbench
from lab.sandbox.workbench import CellFailed
from tests.conftest import ROOT, until

Said = Callable[[str], str]
MARK = b"lab.sandbox.bench"


@pytest.fixture
def bench() -> Iterator[Workbench]:
    with Workbench("namespaces") as made:
        yield made


@pytest.fixture
def said(bench: Workbench, capsys: pytest.CaptureFixture[str]) -> Said:
    def run(source: str) -> str:
        capsys.readouterr()
        bench.run(source)
        return capsys.readouterr().out

    return run


def processes() -> set[int]:
    """Return the processes that belong to workbenches."""
    found = set()
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdecimal() and MARK in (entry / "cmdline").read_bytes():
                found.add(int(entry.name))
        except OSError:
            continue
    return found


def test_state_is_kept_from_cell_to_cell(bench: Workbench, said: Said) -> None:
    """Does a cell find what the one before defined, and is the value of its last line shown?"""
    assert bench.where == "namespaces"
    assert said("x = 20\nx + 1") == "21\n"
    assert said("print('first')\nx * 2") == "first\n40\n"
    assert said("x = None\nx") == ""


def test_it_is_a_sandbox_as_the_engine_has(said: Said) -> None:
    """Is it PID 1, root and alone, in new namespaces, with the ids that containers need?"""
    assert said("import os\n(os.getpid(), os.getuid())") == "(1, 0)\n"
    inner = eval(said("from lab.kernel import procfs\nprocfs.namespaces('self')"))
    outer = procfs.namespaces("self")
    for name in ("user", "mnt", "pid", "ipc", "uts", "net"):
        assert inner[name] != outer[name]
    assert said("[line.split()[0] for line in open('/proc/net/dev')][2:]") == "['lo:']\n"
    assert "65536" in said("print(open('/proc/self/uid_map').read())")


def test_an_error_comes_back_without_our_own_lines(bench: Workbench) -> None:
    """Is the traceback that of the cell, with its lines, and does the next cell run?"""
    with pytest.raises(CellFailed) as caught:
        bench.run("def divide():\n    return 1 / 0\n\ndivide()")
    text = caught.value.message
    assert text.startswith('Traceback (most recent call last):\n  File "<bench 1>", line 4')
    assert "return 1 / 0" in text and text.endswith("ZeroDivisionError: division by zero\n")
    assert "inside.py" not in text
    assert caught.value._render_traceback_() == text.splitlines()
    with pytest.raises(CellFailed, match="SyntaxError"):
        bench.run("if")
    bench.run("1")


def test_what_programs_write_comes_too(said: Said) -> None:
    """Does the output of programs that a cell starts come back before the cell ends?"""
    assert said("import os\ncode = os.system('echo from a program')") == "from a program\n"
    assert said("if os.fork() == 0:\n    print('child')\nelse:\n    _ = os.wait()") == "child\n"


def test_the_hosts_files_stay_as_they_are(said: Said, tmp_path: Path) -> None:
    """Can nothing of the host be written to, also not where this user may, and is /run its own?"""
    tmp_path.chmod(0o777)
    answer = said(
        "import errno\ntry:\n"
        f"    open({str(tmp_path / 'file')!r}, 'w')\n"
        "except OSError as error:\n    print(errno.errorcode[error.errno])"
    )
    assert answer == "EROFS\n"
    assert said("import os\nopen('/run/own', 'w').close()\nos.listdir('/run')") == "['own']\n"
    assert not Path("/run/own").exists()


def test_files_are_handed_in(bench: Workbench, said: Said, tmp_path: Path) -> None:
    """Do a file and bytes arrive as they are, also large ones?"""
    content = os.urandom(700_001)
    (tmp_path / "file").write_bytes(content)
    bench.put(tmp_path / "file", "/run/file")
    bench.put(b"", "/run/empty")
    size = said("import os\nos.path.getsize('/run/file'), os.path.getsize('/run/empty')")
    assert size == "(700001, 0)\n"
    digest = said("import zlib\nzlib.crc32(open('/run/file', 'rb').read())")
    assert int(digest) == zlib.crc32(content)
    with pytest.raises(CellFailed, match="FileNotFoundError"):
        bench.put(b"x", "/run/no/such/folder")


def test_cells_go_on_in_a_child(said: Said) -> None:
    """Do cells run in a child with new namespaces, and in the parent again when it has ended?"""
    said("import os, socket\nfrom lab.kernel.flags import CLONE\nx = 1")
    assert said("continue_in_child(CLONE.NEWUTS | CLONE.NEWPID)\nos.getpid()") == "1\n"
    said("socket.sethostname('inner')\nx = 2")
    assert said("socket.gethostname(), x") == "('inner', 2)\n"
    assert "has ended: exit code 3; back in process 1]" in said("leave(3)")
    assert said("socket.gethostname() == 'inner', x") == "(False, 1)\n"


def test_a_child_becomes_a_program(said: Said) -> None:
    """If the child goes on as another program, does the cell last as long as that?"""
    said("import os\ncontinue_in_child()")
    text = said("os.execv('/bin/sh', ['sh', '-c', 'echo I am a shell; exit 4'])")
    assert text.startswith("I am a shell\n[process ") and "exit code 4" in text
    said("continue_in_child()")
    assert "signal SIGKILL" in said("os.kill(os.getpid(), 9)")
    assert said("os.getpid()") == "1\n"


def test_a_cell_that_takes_too_long(bench: Workbench, said: Said) -> None:
    """Is it ended at its limit, and can the workbench be used on?"""
    with pytest.raises(CellFailed, match=r"after 0\.3 seconds"):
        bench.run("import time\ntime.sleep(1000)", limit=0.3)
    assert said("'still here'") == "'still here'\n"


def test_ctrl_c_interrupts_the_cell(bench: Workbench, said: Said) -> None:
    """Does Ctrl-C reach the cell, and only that, and is it told as the cell's error?"""
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(CellFailed, match="KeyboardInterrupt"):
        bench.run("import time\ntime.sleep(1000)")
    assert signal.getsignal(signal.SIGINT) is before
    assert said("1 + 1") == "2\n"


def test_one_that_does_not_listen_is_closed(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a cell ignores the interrupt, is the workbench closed in the end, and does it say so?"""
    monkeypatch.setattr("lab.sandbox.workbench._GIVE_UP", 0.3)
    with pytest.raises(Unavailable, match="was closed"):
        bench.run(
            "import signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\ntime.sleep(1000)",
            limit=0.3,
        )
    with pytest.raises(Unavailable, match="the workbench is closed"):
        bench.run("1")


def test_its_first_process_stays(bench: Workbench) -> None:
    """Is leaving the outermost process refused, and its death told?"""
    with pytest.raises(CellFailed, match="goes on"):
        bench.run("raise SystemExit(1)")
    with pytest.raises(Unavailable, match="exit code 7"):
        bench.run("import os\nos._exit(7)")


def test_nothing_is_left_when_closed() -> None:
    """After closing, are all processes, mounts and control groups of it gone?"""
    mounts_before = Path("/proc/self/mountinfo").read_text()
    before = processes()
    with Workbench("namespaces") as bench:
        bench.run(
            "import os\nif os.fork() == 0:\n    os.setsid()\n    os.execlp('sleep', 'sleep', '99')"
        )
        own = processes() - before
        assert len(own) >= 2
    assert not [pid for pid in own if Path(f"/proc/{pid}").exists()]
    assert Path("/proc/self/mountinfo").read_text() == mounts_before
    assert not [path for pid in own for path in _control_groups(pid)]


def test_it_ends_with_the_kernel_of_the_notebook() -> None:
    """If the process that made it is killed, is nothing left?"""
    before = processes()
    source = (
        "from lab.sandbox import Workbench; b = Workbench('namespaces'); print('up', flush=True);"
        "b.run('import time; time.sleep(1000)')"
    )
    notebook = subprocess.Popen([sys.executable, "-c", source], stdout=subprocess.PIPE)
    assert notebook.stdout is not None
    assert notebook.stdout.readline() == b"up\n"
    own = processes() - before - {notebook.pid}
    assert len(own) >= 2
    notebook.kill()
    notebook.wait()
    notebook.stdout.close()
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in own), what="all gone")


def test_cells_of_a_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    """Does `%%bench` run a cell there, show only its own traceback, and end at an interrupt?"""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    sources = (
        "from lab.sandbox import Workbench\nbench = Workbench('namespaces')",
        "%%bench\ndef divide(by):\n    return 1 / by\ndivide(0)",
        "%%bench\nimport time\nprint('asleep')\ntime.sleep(1000)",
        "%%bench\n6 * 7",
        "bench.close()",
    )
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(each) for each in sources])
    kernel = NotebookClient(notebook, timeout=60, kernel_name="python3", allow_errors=True)

    def interrupt() -> None:
        until(lambda: notebook.cells[2].outputs, limit=60, what="the cell sleeps")
        asyncio.run(kernel.km.interrupt_kernel())

    interrupting = threading.Thread(target=interrupt)
    interrupting.start()
    kernel.execute()
    interrupting.join()
    (error,) = notebook.cells[1].outputs
    assert error.traceback[0].startswith("Traceback") and "division by zero" in error.traceback[-1]
    assert "<bench 1>" in error.traceback[1] and not any("lab/" in line for line in error.traceback)
    assert notebook.cells[2].outputs[-1].traceback[-1] == "KeyboardInterrupt"
    assert notebook.cells[3].outputs[0].text == "42\n"
    assert notebook.cells[4].outputs == []


def test_not_offered_where_a_submission_is_graded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Is it refused in the grader's replay, and an unknown kind anywhere?"""
    monkeypatch.setenv("LAB_REPLAY", "1")
    with pytest.raises(SandboxUnavailable, match="while a submission is graded"):
        Workbench()
    monkeypatch.delenv("LAB_REPLAY")
    with pytest.raises(InvalidParameter, match="choose auto"):
        Workbench("docker")


def _control_groups(keeper: int) -> list[Path]:
    return list(Path("/sys/fs/cgroup").rglob(f"lab-{keeper}-*"))
