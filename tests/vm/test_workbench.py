"""The workbench where the machine allows no namespaces: all of it in a guest."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.config import Config
from lab.sandbox import Workbench
from lab.sandbox.workbench import CellFailed


@pytest.fixture(scope="module")
def bench(vm_home: Path) -> Iterator[Workbench]:
    with Workbench("vm", Config.from_environ({"LAB_HOME": str(vm_home)})) as made:
        yield made


@pytest.mark.timeout(180)
def test_a_workbench_in_a_guest(bench: Workbench, capsys: pytest.CaptureFixture[str]) -> None:
    """Is it the same there: PID 1 of a sandbox, state kept, files handed in, errors told?"""
    assert bench.where == "vm"
    bench.run("import os\nx = os.getpid(), os.getuid(), os.uname().nodename")
    bench.put(b"content" * 100_000, "/run/file")
    bench.run("x, os.path.getsize('/run/file')")
    assert capsys.readouterr().out == "((1, 0, 'lab'), 700000)\n"
    with pytest.raises(CellFailed, match="ZeroDivisionError"):
        bench.run("1 / 0")
    with pytest.raises(CellFailed, match=r"after 0\.5 seconds"):
        bench.run("while True: pass", limit=0.5)


@pytest.mark.timeout(180)
def test_control_groups_in_a_guest(bench: Workbench, capsys: pytest.CaptureFixture[str]) -> None:
    """Are there control groups, and does the kernel end a child that takes too much memory?"""
    bench.run(
        "import os\nfrom lab.kernel.flags import CLONE\n"
        "from lab.runtime.cgroups import Limits, manager\n"
        "groups = manager(CGROUPS)\ngroups.create('small', Limits(memory=16 << 20))\n"
        "continue_in_child(CLONE.NEWPID)\n"
        "for path in groups.join_files('small'):\n    open(path, 'w').write('0')"
    )
    bench.run("hungry = bytearray(32 << 20)")
    assert "signal SIGKILL" in capsys.readouterr().out
    bench.run("groups.oom_kills('small')\n")
    assert capsys.readouterr().out == "1\n"
