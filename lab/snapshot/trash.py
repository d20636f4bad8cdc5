"""Deleting whole trees without making anybody wait."""

from __future__ import annotations

import os
import secrets
import threading
from pathlib import Path

from lab.kernel import trees


class Trash:
    """A folder into which trees are renamed, and a thread that empties it.

    What could not be deleted (something is still mounted there) stays until the next sweep.
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
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="trash", daemon=True)
                self._thread.start()

    def sweep(self) -> None:
        """Empty the folder; returns when that is done."""
        with self._emptying, trees.opened(self._folder) as folder:
            for name in os.listdir(folder):
                try:
                    trees.remove(folder, os.fsencode(name))
                except OSError:
                    continue

    def close(self) -> None:
        """Wait until the thread, if it runs, has emptied the folder."""
        with self._starting:
            thread = self._thread
        if thread is not None:
            thread.join()

    def _run(self) -> None:
        while True:
            with self._starting:
                if not self._more:
                    self._thread = None
                    return
                self._more = False
            self.sweep()
