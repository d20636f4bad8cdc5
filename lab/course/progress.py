"""What the learner has done, kept in the lab's home: `state/progress.json`.

Notebooks' kernels and the Jupyter server write it, each a program of its own, so every change is
made under a lock, and the file is written beside and renamed.  `lab reset` leaves it alone;
`lab reset --progress` empties it.  A file that cannot be read is kept as
`progress.damaged-NUMBER.json`.  The format is described in lab.course.record.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lab.config import Config
from lab.course import record as records
from lab.course.record import Answer, Record
from lab.errors import InvalidParameter, Unavailable

_NAME = "progress.json"


class Progress:
    """The record in a folder.  All methods may be called by several programs at once.

    They raise Unavailable if the folder cannot be read or written, and Unsupported if a newer lab
    has written the file.
    """

    def __init__(self, folder: Path, clock: Callable[[], float] = time.time) -> None:
        self.folder = folder
        self.path = folder / _NAME
        self.clock = clock

    def read(self) -> Record:
        try:
            return records.parse(self._text())
        except InvalidParameter:
            # another program may be about to mend it
            with self._locked():
                return self._current()

    def cell_done(self, lesson: str, cell_id: str, covers: Iterable[str] = ()) -> None:
        """Note that a cell of a lesson was run; `covers` are the rows in its metadata."""
        self._change(lambda record: record.with_cell(lesson, cell_id, covers, self.clock()))

    def answered(
        self, lesson: str, about: str, key: str, outcome: str, answer: Any = None
    ) -> Record:
        """Note what came of a question (see lab.course.record); return all that there is then."""
        made = Answer(self.clock(), lesson, key, about, outcome, answer)
        return self._change(lambda record: record.with_answer(made))

    def export(self) -> str:
        """Return all of it as a text that `merge` takes, here or in another lab."""
        return self.read().to_json()

    def merge(self, exported: str) -> None:
        """Add what another lab has exported.  Raises InvalidParameter if it is no such text."""
        other = records.parse(exported)
        self._change(lambda record: record.merged(other))

    def reset(self) -> None:
        """Forget all of it, and what was damaged too."""
        with self._locked():
            for path in (self.path, *self.damaged()):
                path.unlink(missing_ok=True)

    def damaged(self) -> list[Path]:
        """Return the files that could not be read, and were kept aside."""
        return sorted(self.folder.glob("progress.damaged-*.json"))

    def version(self) -> tuple[int, ...]:
        """Return numbers that change when the file does."""
        try:
            found = self.path.stat()
        except OSError:
            return ()
        return found.st_ino, found.st_mtime_ns, found.st_size

    # --- the file

    def _text(self) -> str:
        try:
            return self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return Record().to_json()
        except UnicodeDecodeError as error:
            raise InvalidParameter(f"this is no text: {error}") from error
        except OSError as error:
            raise Unavailable(f"the progress cannot be read: {error}") from error

    def _change(self, change: Callable[[Record], Record]) -> Record:
        with self._locked():
            changed = change(self._current())
            beside = self.folder / f".{_NAME}.new"
            with beside.open("w", encoding="utf-8") as file:
                file.write(changed.to_json())
                file.flush()
                os.fsync(file.fileno())
            os.replace(beside, self.path)
        return changed

    def _current(self) -> Record:
        """Return what the file says, under the lock; a damaged one is put aside."""
        try:
            return records.parse(self._text())
        except InvalidParameter:
            number = len(self.damaged()) + 1
            os.replace(self.path, self.folder / f"progress.damaged-{number}.json")
            return Record()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with (self.folder / "progress.lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                yield
        except OSError as error:
            raise Unavailable(f"the progress cannot be kept: {error}") from error


def here() -> Progress:
    """Return the progress of this lab's learner."""
    return Progress(Config.from_environ().state)


def cell_done(lesson: str, cell_id: str, covers: Iterable[str] = ()) -> None:
    """Note that the learner has run a cell of a lesson; no kernel is needed for that."""
    here().cell_done(lesson, cell_id, covers)
