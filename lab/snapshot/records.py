"""The records of snapshots, in the engine's database."""

from __future__ import annotations

import time
from collections.abc import Iterator
from sqlite3 import Row

from lab.database import Database
from lab.errors import Conflict, InvalidParameter, NotFound
from lab.snapshot.base import Kind, Snapshot

_SCHEMA = """
CREATE TABLE IF NOT EXISTS snapshots (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    driver TEXT NOT NULL,
    key TEXT NOT NULL,
    kind TEXT NOT NULL,
    parent TEXT,
    size INTEGER,
    created_ns INTEGER NOT NULL,
    UNIQUE (driver, key)
);
CREATE INDEX IF NOT EXISTS snapshots_parent ON snapshots (driver, parent);
"""
_ANCESTORS = """
WITH RECURSIVE ancestors (number, key, kind, parent, size, created_ns, depth) AS (
    SELECT number, key, kind, parent, size, created_ns, 0 FROM snapshots
     WHERE driver = ?1 AND key = ?2
    UNION ALL
    SELECT s.number, s.key, s.kind, s.parent, s.size, s.created_ns, depth + 1
      FROM snapshots s JOIN ancestors a ON s.key = a.parent WHERE s.driver = ?1
)
SELECT * FROM ancestors ORDER BY depth
"""


class Records:
    """The snapshots of one driver; the rules of their life are kept here."""

    def __init__(self, database: Database, driver: str) -> None:
        self._database = database
        self._driver = driver
        self.transaction = database.transaction
        database.define(_SCHEMA)

    def add(self, key: str, kind: Kind, parent: str | None, size: int | None = None) -> Snapshot:
        """Insert a new snapshot; `size` is known of one that is committed from the beginning.

        Raises Conflict if the key is taken, NotFound or InvalidParameter if the parent does not
        exist or is not committed.
        """
        with self.transaction():
            self._refuse_taken(key)
            if parent is not None and self.get(parent).kind is not Kind.COMMITTED:
                raise InvalidParameter(f'parent "{parent}" is not a committed snapshot')
            created_ns = time.time_ns()
            number = self._database.execute(
                "INSERT INTO snapshots (driver, key, kind, parent, size, created_ns)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (self._driver, key, kind, parent, size, created_ns),
            )
        return Snapshot(key, kind, parent, number, size, created_ns)

    def get(self, key: str) -> Snapshot:
        """Return a record; NotFound if there is none."""
        rows = self._database.query(
            "SELECT * FROM snapshots WHERE driver = ? AND key = ?", (self._driver, key)
        )
        if not rows:
            raise NotFound(f"snapshot {key} does not exist")
        return _snapshot(rows[0])

    def with_ancestors(self, key: str) -> list[Snapshot]:
        """Return a record, then its parent's, then that one's parent's; NotFound."""
        rows = self._database.query(_ANCESTORS, (self._driver, key))
        if not rows:
            raise NotFound(f"snapshot {key} does not exist")
        return [_snapshot(row) for row in rows]

    def commit(self, name: str, key: str, size: int) -> None:
        """Make an active snapshot a committed one of another name; NotFound, Conflict."""
        with self.transaction():
            if self.get(key).kind is not Kind.ACTIVE:
                raise Conflict(f"snapshot {key} is not active")
            if name != key:
                self._refuse_taken(name)
            self._database.execute(
                "UPDATE snapshots SET key = ?, kind = ?, size = ? WHERE driver = ? AND key = ?",
                (name, Kind.COMMITTED, size, self._driver, key),
            )

    def resize(self, key: str, size: int) -> None:
        """Change the size of a committed snapshot."""
        self._database.execute(
            "UPDATE snapshots SET size = ? WHERE driver = ? AND key = ?",
            (size, self._driver, key),
        )

    def delete(self, key: str) -> Snapshot:
        """Delete a record and return it; NotFound, or Conflict if it is a parent."""
        with self.transaction():
            snapshot = self.get(key)
            children = self._database.query(
                "SELECT 1 FROM snapshots WHERE driver = ? AND parent = ? LIMIT 1",
                (self._driver, key),
            )
            if children:
                raise Conflict(f"cannot remove snapshot {key}: it has a child")
            self._database.execute(
                "DELETE FROM snapshots WHERE driver = ? AND key = ?", (self._driver, key)
            )
        return snapshot

    def all(self) -> Iterator[Snapshot]:
        """Yield all records, oldest first."""
        rows = self._database.query(
            "SELECT * FROM snapshots WHERE driver = ? ORDER BY number", (self._driver,)
        )
        return map(_snapshot, rows)

    def _refuse_taken(self, key: str) -> None:
        rows = self._database.query(
            "SELECT 1 FROM snapshots WHERE driver = ? AND key = ?", (self._driver, key)
        )
        if rows:
            raise Conflict(f"snapshot {key} already exists")


def _snapshot(row: Row) -> Snapshot:
    return Snapshot(
        row["key"], Kind(row["kind"]), row["parent"], row["number"], row["size"], row["created_ns"]
    )
