"""Deleting whole trees without making anybody wait."""

from __future__ import annotations

import logging
import os
import secrets
import threading
from pathlib import Path

from lab.kernel import trees

_log = logging.getLogger(__name__)


class Trash:
    """A folder into which trees are renamed, and a thread that empties it.

    What could not be deleted (something is still mounted there, no descriptor is free) stays until
    the next sweep; that is no error of whoever asked for it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._emptying = threading.Lock()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._more = False
        folder.mkdir(parents=True, exist_ok=True)

    def discard(self, path: Path) -> None:
        """Make `path`, which lies on the same file system, vanish at once."""
        os.rename(path, self._folder / secrets.token_hex(12))
        self.wake()

    def wake(self) -> None:
        """Let the thread empty the folder; returns at once."""
        with self._starting:
            self._more = True
            if self._thread is not None:
                return
            thread = threading.Thread(target=self._run, name="trash", daemon=True)
            try:
                thread.start()
            except RuntimeError as error:
                _log.warning("what was removed is not deleted yet: %s", error)
            else:
                self._thread = thread

    def sweep(self) -> None:
        """Empty the folder; returns when that is done, as far as it can be."""
        try:
            with self._emptying, trees.opened(self._folder) as folder:
                for name in os.listdir(folder):
                    self._delete(folder, name)
        except OSError as error:
            _log.warning("what was removed is not deleted yet: %s", error)

    def close(self) -> None:
        """Wait until the thread, if it runs, has emptied the folder."""
        with self._starting:
            thread = self._thread
        if thread is not None:
            thread.join()

    def _delete(self, folder: int, name: str) -> None:
        try:
            trees.remove(folder, os.fsencode(name))
        except OSError:
            pass  # whatever keeps it: the next sweep tries again

    def _run(self) -> None:
        while True:
            with self._starting:
                if not self._more:
                    self._thread = None
                    return
                self._more = False
            self.sweep()
