"""Binder's rules: run a program as a container platform runs it that allows nothing.

    python -m tests.deploy.rules [--uid N] [--home DIR] [--cpus N] [--set NAME=VALUE]
        [--show FOLDER] COMMAND ...

The program gets an ordinary user's id, no capability and none in reach (an empty bounding set,
no_new_privs), Docker's default seccomp profile for a container without capabilities, a /dev with a
container's few devices, an environment of its own, and on request fewer processors.  It replaces
this process, so it has this process's id.  Only root can start it.

A folder to be shown (this interpreter's always is) may lie where only root may go: the program sees
it there all the same, and of what surrounds it nothing.

What a Docker container has besides (a root of its own, a pid namespace, /proc and /sys veiled) is
not here: what these would refuse, the filter refuses before.
"""

from __future__ import annotations

import argparse
import os
import stat
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from lab.errors import LabError
from lab.kernel import syscalls
from lab.kernel.flags import CLONE, MS, PR
from lab.runtime import capabilities
from lab.runtime.seccomp import compile_default

UID = 1000
DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
LINKS = {
    "fd": "/proc/self/fd",
    "stdin": "/proc/self/fd/0",
    "stdout": "/proc/self/fd/1",
    "stderr": "/proc/self/fd/2",
    "ptmx": "pts/ptmx",
}
FILE_SYSTEMS = (
    ("devpts", "/dev/pts", "newinstance,ptmxmode=0666,mode=620"),
    ("tmpfs", "/dev/shm", "mode=1777"),
)
ROOT = Path(__file__).resolve().parents[2]
PATH = "/usr/local/bin:/usr/bin:/bin"


def command(
    *words: str,
    home: Path,
    cpus: int = 0,
    environ: Mapping[str, str] | None = None,
    show: Sequence[Path] = (),
) -> list[str]:
    """Return the command line that runs `words` under these rules, from any working folder."""
    options = ["--home", str(home), "--cpus", str(cpus)]
    for name, value in (environ or {}).items():
        options += ["--set", f"{name}={value}"]
    for folder in show:
        options += ["--show", str(folder)]
    program = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\nfrom tests.deploy.rules import main\n"
    )
    return [sys.executable, "-c", f"{program}sys.exit(main())", *options, "--", *words]


def why_not() -> str:
    """Return why nothing can be run under these rules here; empty if it can."""
    if os.geteuid() != 0:
        return "only root can take on another user's id"
    try:
        compile_default(())
    except OSError as error:
        return f"no filter can be compiled: {error}"
    return ""


def main(argv: Sequence[str] | None = None) -> int:
    """Become the program; return only if that fails."""
    options = _parser().parse_args(argv)
    words: list[str] = options.command[options.command[:1] == ["--"] :]
    given = dict(each.partition("=")[::2] for each in options.set)
    try:
        enter(options.uid, options.cpus, options.show)
        os.execvpe(words[0], words, {**environment(options.home), **given})
    except (LabError, OSError) as error:
        print(f"rules: {words[0]}: {error}", file=sys.stderr)
    return 126


def environment(home: Path) -> dict[str, str]:
    """Return all that the program sees of an environment: nothing of ours."""
    return {
        "HOME": str(home),
        "USER": "jovyan",
        "NB_USER": "jovyan",
        "SHELL": "/bin/bash",
        "PATH": PATH,
        "LANG": "C.UTF-8",
        "TERM": "xterm",
    }


def enter(uid: int, cpus: int = 0, show: Sequence[Path] = ()) -> None:
    """Put this process under the rules, for good; `cpus` is how many processors it may use, 0: all."""
    filtering = compile_default(())
    last = capabilities.last_capability()
    # what is mounted from here on only this process sees
    syscalls.unshare(CLONE.NEWNS)
    syscalls.mount(None, Path("/"), None, MS.REC | MS.PRIVATE)
    _show([Path(sys.base_prefix), Path(sys.prefix), *show], uid)
    _few_devices()
    _own_pipes(uid)
    if cpus:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cpus])
    capabilities.drop_bounding(0, last)
    syscalls.prctl(PR.SET_NO_NEW_PRIVS, 1)
    capabilities.become(uid, uid, [uid], 0)
    syscalls.seccomp_load(filtering)


def _show(folders: Sequence[Path], uid: int) -> None:
    """Make folders reachable for `uid`: where it may not go, cover all but the way to them."""
    hidden = {}
    for folder in map(Path.resolve, folders):
        closed = [each for each in reversed(folder.parents) if not _may_enter(each, uid)]
        if closed:
            hidden[folder] = (closed[0], os.open(folder, os.O_PATH))
    for cover in {cover for cover, _ in hidden.values()}:
        syscalls.mount(Path("tmpfs"), cover, Path("tmpfs"), MS.NOSUID, Path("mode=755"))
    for folder, (_, held) in sorted(hidden.items()):
        folder.mkdir(parents=True, exist_ok=True)
        syscalls.mount(Path(f"/proc/self/fd/{held}"), folder, None, MS.BIND | MS.REC)
        os.close(held)


def _may_enter(folder: Path, uid: int) -> bool:
    found = folder.stat()
    return bool(found.st_mode & (stat.S_IXUSR if found.st_uid == uid else stat.S_IXOTH))


def _few_devices() -> None:
    """Make a /dev as a container has it: no kvm, no tun, no fuse."""
    old = Path(tempfile.mkdtemp(prefix="dev-"))
    syscalls.mount(Path("/dev"), old, None, MS.BIND)
    syscalls.mount(Path("tmpfs"), Path("/dev"), Path("tmpfs"), MS.NOSUID, Path("mode=755"))
    for name in DEVICES:
        node = Path("/dev", name)
        node.touch()
        syscalls.mount(old / name, node, None, MS.BIND)
    for name, target in LINKS.items():
        Path("/dev", name).symlink_to(target)
    for kind, place, data in FILE_SYSTEMS:
        Path(place).mkdir()
        syscalls.mount(Path(kind), Path(place), Path(kind), MS.NOSUID | MS.NOEXEC, Path(data))
    syscalls.umount2(old)
    old.rmdir()


def _own_pipes(uid: int) -> None:
    """Give the program the pipes that it writes to, so that it can open /dev/stdout again."""
    for fd in (0, 1, 2):
        if stat.S_ISFIFO(os.fstat(fd).st_mode):
            os.fchown(fd, uid, -1)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tests.deploy.rules", description=__doc__)
    parser.add_argument("--uid", type=int, default=UID)
    parser.add_argument("--home", type=Path, default=Path("/nonexistent"))
    parser.add_argument("--cpus", type=int, default=0)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--show", action="append", default=[], type=Path, metavar="FOLDER")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    return parser


if __name__ == "__main__":
    sys.exit(main())
