"""The rules under which Binder is tested: what they refuse, and what a lab needs that they allow."""

from __future__ import annotations

import errno
import json
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from . import rules

pytestmark = pytest.mark.skipif(bool(rules.why_not()), reason=rules.why_not() or "works")

CALLS = {"x86_64": {"keyctl": 250, "bpf": 321, "add_key": 248, "kexec_load": 246}}
CLONE3 = 435
TRY = """
import ctypes, json, sys
libc = ctypes.CDLL(None, use_errno=True)
found = {}
for name, number in json.loads(sys.argv[1]).items():
    result = libc.syscall(ctypes.c_long(number), None, 0, 0, 0, 0)
    found[name] = ctypes.get_errno() if result < 0 else 0
print(json.dumps(found))
"""


def run(*words: str, home: Path, **options: object) -> subprocess.CompletedProcess[str]:
    line = rules.command(*words, home=home, **options)  # type: ignore[arg-type]
    return subprocess.run(line, capture_output=True, text=True, timeout=60, cwd="/")


def python(program: str, *words: str, home: Path) -> str:
    done = run(sys.executable, "-c", program, *words, home=home)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_program_has_nothing(tmp_path: Path) -> None:
    """Is the program an ordinary user without any capability, filtered, with no way back?"""
    told = dict(
        line.split(":\t", 1)
        for line in run("cat", "/proc/self/status", home=tmp_path).stdout.splitlines()
        if ":\t" in line
    )
    assert told["Uid"].split() == ["1000"] * 4
    assert {told[f"Cap{name}"] for name in ("Inh", "Prm", "Eff", "Bnd", "Amb")} == {"0" * 16}
    assert (told["NoNewPrivs"], told["Seccomp"]) == ("1", "2")


@pytest.mark.parametrize(
    "words",
    [
        ("unshare", "--user", "true"),
        ("unshare", "--user", "--map-root-user", "--mount", "--pid", "--fork", "true"),
        ("mount", "-t", "tmpfs", "none", "/mnt"),
        ("nsenter", "--target", "1", "--net", "true"),
        ("chroot", "/", "true"),
    ],
    ids=lambda words: words[0],
)
def test_refused(words: tuple[str, ...], tmp_path: Path) -> None:
    """Are namespaces, mounts and other roots refused?"""
    assert run(*words, home=tmp_path).returncode != 0


@pytest.mark.skipif(platform.machine() not in CALLS, reason="numbers of this architecture")
def test_calls_answer_as_in_docker(tmp_path: Path) -> None:
    """Are a platform's dangerous calls refused with EPERM, and is clone3 "no such call"?"""
    calls = {**CALLS[platform.machine()], "clone3": CLONE3}
    found = json.loads(python(TRY, json.dumps(calls), home=tmp_path))
    assert found.pop("clone3") == errno.ENOSYS
    assert set(found.values()) == {errno.EPERM}


def test_clone_makes_processes_and_no_namespaces(tmp_path: Path) -> None:
    """Do threads and processes work, while clone with a flag for a namespace is refused?"""
    program = """
import ctypes, subprocess, sys, threading
thread = threading.Thread(target=print, args=("thread",))
thread.start(); thread.join()
subprocess.run([sys.executable, "-c", "print('process')"], check=True)
libc = ctypes.CDLL(None, use_errno=True)
number = {"x86_64": 56, "aarch64": 220}[sys.argv[1]]
print(libc.syscall(ctypes.c_long(number), ctypes.c_long(0x10000000 | 17), 0, 0, 0, 0), ctypes.get_errno())
"""
    said = python(program, platform.machine(), home=tmp_path).split()
    assert sorted(said[:2]) == ["process", "thread"]
    assert said[2:] == ["-1", str(errno.EPERM)]


def test_own_children_can_be_traced(tmp_path: Path) -> None:
    """Does ptrace of a child of one's own work, as in a container on a kernel of today?"""
    program = """
import ctypes, os, signal
libc = ctypes.CDLL(None, use_errno=True)
pid = os.fork()
if pid == 0:
    libc.ptrace(0, 0, 0, 0)
    os.kill(os.getpid(), signal.SIGSTOP)
    os._exit(0)
_, status = os.waitpid(pid, 0)
print(os.WIFSTOPPED(status), libc.ptrace(7, pid, 0, 0), os.WEXITSTATUS(os.waitpid(pid, 0)[1]))
"""
    assert python(program, home=tmp_path).split() == ["True", "0", "0"]


def test_only_a_containers_devices(tmp_path: Path) -> None:
    """Are there no devices of a hypervisor, a tunnel or FUSE, while a terminal can be opened?"""
    said = run("ls", "/dev", home=tmp_path).stdout.split()
    assert not {"kvm", "fuse", "net", "vhost-net", "vda"} & set(said)
    program = "import os; a, b = os.openpty(); os.write(a, b'x\\n'); print(os.read(b, 9))"
    assert python(program, home=tmp_path).strip() == r"b'x\n'"


def test_environment_and_processors(tmp_path: Path) -> None:
    """Is nothing of this environment seen, what is set is, and may processors be fewer?"""
    done = run("env", home=tmp_path, environ={"LAB_HOME": "/x"})
    told = dict(line.split("=", 1) for line in done.stdout.splitlines())
    assert told["HOME"] == str(tmp_path) and told["LAB_HOME"] == "/x"
    assert set(told) == {*rules.environment(tmp_path), "LAB_HOME"}
    assert run("nproc", home=tmp_path, cpus=1).stdout == "1\n"


def test_folder_is_shown_through_a_closed_one(tmp_path: Path) -> None:
    """Can folders below one that only root may enter be shown, and nothing else of it?"""
    closed = tmp_path / "closed"
    for name in ("a/b", "c", "secret"):
        (closed / name).mkdir(parents=True)
        (closed / name / "file").write_text(name)
    closed.chmod(0o700)
    assert run("cat", f"{closed}/c/file", home=tmp_path).returncode != 0
    shown = [closed / "a/b", closed / "c"]
    files = [str(folder / "file") for folder in shown]
    assert run("cat", *files, home=tmp_path, show=shown).stdout == "a/bc"
    assert run("ls", str(closed), home=tmp_path, show=shown).stdout.split() == ["a", "c"]


def test_nothing_of_the_host_is_changed(tmp_path: Path) -> None:
    """Do mounts that the rules make stay with the program?"""
    before = Path("/proc/self/mounts").read_text()
    assert run("true", home=tmp_path).returncode == 0
    assert Path("/proc/self/mounts").read_text() == before
