"""Containers' records on disk."""

from __future__ import annotations

import json

from lab.database import Database
from lab.engine.state import Record

_SCHEMA = """
CREATE TABLE IF NOT EXISTS containers (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    record TEXT NOT NULL
);
"""


class ContainerTable:
    """Stores records; each call is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database
        database.define(_SCHEMA)

    def require_room(self) -> None:
        """Raise SyscallError (ENOSPC) if the disk is too full for new records."""
        self._database.require_room()

    def save(self, record: Record) -> None:
        """Store a record, new or changed."""
        self._database.execute(
            "INSERT INTO containers (id, name, record) VALUES (?, ?, ?)"
            " ON CONFLICT (id) DO UPDATE SET name = excluded.name, record = excluded.record",
            (record.id, record.name, json.dumps(record.to_json())),
        )

    def delete(self, container_id: str) -> None:
        """Forget a record; absence is no error."""
        self._database.execute("DELETE FROM containers WHERE id = ?", (container_id,))

    def all(self) -> list[Record]:
        """Return all records, in the order of their creation."""
        rows = self._database.query("SELECT record FROM containers ORDER BY rowid")
        return [Record.from_json(json.loads(row["record"])) for row in rows]
