"""The engine's SQLite file: one connection, shared by threads, in write-ahead mode.

Whoever keeps records owns its tables: it hands its `CREATE TABLE IF NOT EXISTS` text to
`Database.define` and uses `transaction` for what must happen together.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lab.errors import SyscallError

_ROOM = 1 << 20
"""Bytes that must be free before anything new is begun."""

_FULL = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE}
"""What SQLite says on a full disk, the second one while it opens a file there."""


class Database:
    """A SQLite file that several threads may use; statements are serialized by a lock.

    Whatever writes raises SyscallError (ENOSPC) when the disk is full.
    """

    def __init__(self, path: Path, reserve: int = 0, durable: bool = False) -> None:
        """`durable`: what was written survives the end of the machine too, as is needed where that
        is a virtual one, which its host may kill.  `reserve` bytes of the disk are taken at once,
        so that records can be written when it is full: what frees it again must be recorded, too.
        """
        self._lock = threading.RLock()
        self._folder = path.parent
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._connection.row_factory = sqlite3.Row
        with _explained():
            self._connection.execute("PRAGMA journal_mode=WAL")
        # WAL with NORMAL survives the death of the process; only a power cut may lose the last
        # transactions, and never leaves the file damaged
        self._connection.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
        if reserve:
            with _explained():
                self._reserve(path, reserve)

    def define(self, schema: str) -> None:
        """Create tables; `schema` must be repeatable (`CREATE TABLE IF NOT EXISTS`)."""
        with self._lock, _explained():
            self._connection.executescript(schema)

    def require_room(self) -> None:
        """Raise SyscallError (ENOSPC) if the disk is as good as full.

        To be asked before anything new is begun: what is left is for recording how things end.
        """
        status = os.statvfs(self._folder)
        if status.f_bavail * status.f_frsize < _ROOM:
            raise _full_disk()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make the statements within take effect together, or not at all."""
        with self._lock, _explained():
            if self._connection.in_transaction:
                yield
                return
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                # a full disk may have made SQLite give the transaction up by itself
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> int:
        """Run one statement; return the row id of an insert, else the number of rows touched."""
        with self._lock, _explained():
            cursor = self._connection.execute(statement, parameters)
            is_insert = statement.lstrip()[:6].upper() == "INSERT"
            return (cursor.lastrowid or 0) if is_insert else cursor.rowcount

    def query(self, statement: str, parameters: Sequence[Any] = ()) -> list[sqlite3.Row]:
        """Return all rows of a SELECT."""
        with self._lock:
            return self._connection.execute(statement, parameters).fetchall()

    def _reserve(self, path: Path, size: int) -> None:
        """Make the log of writes as long as it may get; its unused end is no content to SQLite.

        Once written to the file itself, the log is used again from its beginning, and is never
        cut short while the file is open.  Source: SQLite's documentation, Write-Ahead Logging.
        """
        # the log does not exist before the first write
        self._connection.execute("PRAGMA user_version = 1")
        fd = os.open(f"{path}-wal", os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.posix_fallocate(fd, 0, size)
        except OSError:
            pass  # the disk is full already, or cannot do that
        finally:
            os.close(fd)

    def close(self) -> None:
        """Close the file; later calls raise sqlite3.ProgrammingError."""
        with self._lock:
            self._connection.close()


@contextmanager
def _explained() -> Iterator[None]:
    """Say in the system's words that the disk is full."""
    try:
        yield
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode in _FULL:
            raise _full_disk() from error
        raise


def _full_disk() -> SyscallError:
    error = SyscallError(errno.ENOSPC, "write to the engine's records")
    error.hint = "remove images and containers that are no longer needed"
    return error
