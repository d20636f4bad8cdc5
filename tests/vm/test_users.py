"""Parts made once for everyone: two users of a machine, each with a saved guest of their own."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import docker
import pytest

from tests.conftest import ROOT, START_LIMIT

PYTHON = "/usr/bin/python3"
MAKE = """
import os, sys
from pathlib import Path
from lab.microvm import build
from lab.sandbox.vm.parts import Parts
parts = Parts(Path(sys.argv[1], "vm"))
place = build.Place(parts, Path(sys.argv[1], "cache"), os.environ["PATH"])
build.prepare(place, lambda step, part: None)
build.prepare_catalog(place, Path(sys.argv[1], "catalog"), lambda step, part: None)
"""
SAVE = """
import os
from lab.config import Config
from lab.sandbox.vm.engine_machine import prepare_snapshot
from lab.sandbox.vm.parts import Parts
parts = Parts.of(Config.from_environ())
assert parts.is_everyones, parts.folder
assert prepare_snapshot(parts, os.environ["PATH"])
"""


@pytest.fixture(scope="module")
def prepared(catalog: Path, vm_home: Path) -> Iterator[Path]:
    """A folder of root's that everyone may read, with a Python, the lab, images and parts."""
    if os.getuid() != 0 or shutil.which("useradd") is None:
        pytest.skip("only root can make users")
    with tempfile.TemporaryDirectory(prefix="lab-all-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        ignored = shutil.ignore_patterns("__pycache__")
        for package in ("lab", "grader"):
            shutil.copytree(ROOT / package, folder / package, ignore=ignored)
        subprocess.run([PYTHON, "-m", "venv", folder / "venv"], check=True)
        pip = [folder / "venv" / "bin" / "pip", "install", "-q", "aiohttp", "isal", "argon2-cffi"]
        subprocess.run(pip, check=True)
        shutil.copytree(catalog, folder / "catalog")
        # what has been downloaded needs not be so again
        if (vm_home / "cache").exists():
            shutil.copytree(vm_home / "cache", folder / "cache")
        made = subprocess.run(
            [folder / "venv" / "bin" / "python", "-c", MAKE, folder],
            env={"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "PYTHONPATH": name, "HOME": name},
            capture_output=True,
            text=True,
        )
        assert made.returncode == 0, made.stderr
        subprocess.run(["chmod", "-R", "a+rX,go-w", folder], check=True)
        yield folder


@contextmanager
def user() -> Iterator[pwd.struct_passwd]:
    """A user of this machine, with a home that nobody else may enter and no subordinate ids."""
    name = f"lab{uuid.uuid4().hex[:8]}"
    subprocess.run(["useradd", "--create-home", "--key", "HOME_MODE=0700", name], check=True)
    entry = pwd.getpwnam(name)
    try:
        yield entry
    finally:
        subprocess.run(["userdel", name], check=True)
        shutil.rmtree(entry.pw_dir, ignore_errors=True)


def as_user(who: pwd.struct_passwd, prepared: Path, *words: str) -> subprocess.Popen[str]:
    home = Path(who.pw_dir)
    return subprocess.Popen(
        [prepared / "venv" / "bin" / "python", *words],
        user=who.pw_uid,
        group=who.pw_gid,
        extra_groups=[],
        cwd=home,
        env={
            "PATH": "/usr/bin:/bin:/usr/sbin:/sbin",
            "HOME": who.pw_dir,
            "USER": who.pw_name,
            "PYTHONPATH": str(prepared),
            "LAB_HOME": str(home / "lab"),
            "LAB_PREPARED": str(prepared),
        },
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


@contextmanager
def engine(who: pwd.struct_passwd, prepared: Path) -> Iterator[docker.DockerClient]:
    """An engine that the user runs in a microVM, started from a guest that the user has saved."""
    saving = as_user(who, prepared, "-c", SAVE)
    saving.communicate(timeout=START_LIMIT)
    assert saving.returncode == 0
    home = Path(who.pw_dir)
    words = ["-m", "lab.cli", "engine", "--sandbox", "vm", "--root", f"{home}/lab/engine"]
    words += ["--socket", f"{home}/s", "--catalog", str(prepared / "catalog")]
    running = as_user(who, prepared, *words, "--until-stdin-closes")
    assert running.stdin and running.stdout
    try:
        # nothing but `ready`: the saved guest was resumed
        assert running.stdout.readline() == "ready\n"
        client = docker.DockerClient(base_url=f"unix://{home}/s", timeout=60)
        yield client
        client.close()
    finally:
        running.stdin.close()
        code = running.wait(60)
        running.stdout.close()
    assert code == 0


@pytest.mark.long
@pytest.mark.timeout(600)
def test_two_users(prepared: Path) -> None:
    """Have both their own engine and images, with files that are theirs, and nothing is written?"""
    before = {path: path.stat().st_mtime_ns for path in (prepared / "vm").rglob("*")}
    with ExitStack() as stack:
        users = [stack.enter_context(user()) for _ in range(2)]
        clients = [stack.enter_context(engine(each, prepared)) for each in users]
        for who, client in zip(users, clients, strict=True):
            client.images.pull("busybox", "latest")
            script = f"echo {who.pw_name} > /home/made; cat /home/made"
            bind = [f"{who.pw_dir}:/home"]
            said = client.containers.run("busybox", ["sh", "-c", script], volumes=bind)
            assert said.decode().strip() == who.pw_name
            assert Path(who.pw_dir, "made").stat().st_uid == who.pw_uid
            client.images.get("busybox").tag(who.pw_name)
        for who, client in zip(users, reversed(clients), strict=True):
            assert not client.images.list(who.pw_name)
        # a home is closed to the other user's containers, whoever they run as
        there = [f"{users[0].pw_dir}:/home"]
        with pytest.raises(docker.errors.ContainerError, match="Permission denied"):
            clients[1].containers.run("busybox", "cat /home/made", volumes=there)
    assert {path: path.stat().st_mtime_ns for path in (prepared / "vm").rglob("*")} == before
