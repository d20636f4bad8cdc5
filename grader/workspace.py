"""The folders of one replay, gone when it is over.

base/
  work/            the kernel's working folder: what was handed in, then the course's files
  home/            its HOME, with nothing of the instructor's
  kernel/          the connection to it
  engine/          the engine's state
  docker.sock      where that engine listens
"""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from grader.errors import BadSubmission

MAX_BYTES = 64 << 20
"""The most that a submission's folder may hold."""

MAX_FILES = 2000

_PREFIX = "grader-"
_YOUNG = 60.0
"""Seconds in which a folder may not have its lock yet."""

_KEPT = ("LANG", "LC_ALL", "TZ", "USER", "LOGNAME")


@dataclass(frozen=True, slots=True)
class Workspace:
    """The folders of one replay."""

    base: Path

    @property
    def work(self) -> Path:
        return self.base / "work"

    @property
    def home(self) -> Path:
        return self.base / "home"

    @property
    def kernel(self) -> Path:
        return self.base / "kernel"

    @property
    def engine(self) -> Path:
        return self.base / "engine"

    @property
    def socket(self) -> Path:
        return self.base / "docker.sock"

    def environ(
        self, environ: Mapping[str, str], path: str, more: Mapping[str, str]
    ) -> dict[str, str]:
        """Return the kernel's environment: little of `environ`, programs from `path`, this engine."""
        kept = {key: environ[key] for key in _KEPT if key in environ}
        return {
            **kept,
            "PATH": path,
            "HOME": str(self.home),
            "IPYTHONDIR": str(self.home / "ipython"),
            "TERM": "dumb",
            "DOCKER_HOST": f"unix://{self.socket}",
            "DOCKER_CONFIG": str(self.home / "docker"),
            "DOCKER_CLI_DISABLE_OAUTH_LOGIN": "1",
            "DOCKER_BUILDKIT": "0",
            **more,
        }


@contextmanager
def workspace() -> Iterator[Workspace]:
    """Make the folders for the time of the block; the engine must have ended by then."""
    base = Path(tempfile.mkdtemp(prefix=_PREFIX))
    space = Workspace(base)
    lock = _take_lock(base)
    try:
        for folder in (space.work, space.home, space.kernel):
            folder.mkdir(mode=0o700)
        yield space
    finally:
        shutil.rmtree(base, ignore_errors=True)
        if lock is not None:
            os.close(lock)


def abandoned() -> Iterator[Workspace]:
    """Yield what killed graders of this user left; each is deleted after its turn."""
    for base in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        lock = _take_lock(base) if _is_ours(base) else None
        if lock is not None:
            try:
                yield Workspace(base)
                shutil.rmtree(base, ignore_errors=True)
            finally:
                os.close(lock)


def _is_ours(base: Path) -> bool:
    try:
        status = base.lstat()
        return (
            stat.S_ISDIR(status.st_mode)
            and status.st_uid == os.geteuid()
            and time.time() - status.st_mtime > _YOUNG
        )
    except FileNotFoundError:
        return False


def _take_lock(base: Path) -> int | None:
    """Return a descriptor that holds the lock of a workspace, None if another process has it."""
    try:
        lock = os.open(base / "lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    return lock


def copy_submission(file: Path, assignment: str, work: Path) -> None:
    """Copy what was handed in with the notebook `file`, if its folder is a submission's.

    That is a folder named as the assignment.  Raises BadSubmission for links, for what is no
    file, and for too much of it.
    """
    folder = file.absolute().parent
    if folder.name != assignment:
        return
    left_bytes, left_files = MAX_BYTES, MAX_FILES
    for path in sorted(folder.rglob("*")):
        target = work / path.relative_to(folder)
        if path.is_symlink() or not (path.is_dir() or path.is_file()):
            raise BadSubmission(f"{path} is a link or no regular file, and links are refused")
        if path.is_dir():
            target.mkdir(exist_ok=True)
        elif path.suffix != ".ipynb":
            left_bytes, left_files = left_bytes - path.stat().st_size, left_files - 1
            if left_bytes < 0 or left_files < 0:
                raise BadSubmission(
                    f"{folder} holds more than {MAX_BYTES >> 20} MB or {MAX_FILES} files"
                )
            shutil.copyfile(path, target, follow_symlinks=False)
            os.chmod(target, path.stat().st_mode & 0o777 | 0o600)


def copy_course_files(source: Path, work: Path) -> None:
    """Copy what lies beside the instructor's notebook `source`, over files of the same names."""
    for path in sorted(source.parent.iterdir()):
        if path.is_file() and path.suffix != ".ipynb":
            shutil.copyfile(path, work / path.name)
