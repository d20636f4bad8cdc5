"""Everything that happens, as frozen entries in one append-only table.

Docker's events, the widgets and the grader are readers of it.  An entry is never changed or
deleted, except by `lab reset`, which starts a new file.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from lab.database import Database

Listener = Callable[["Entry"], None]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS journal (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    at_ns INTEGER NOT NULL,
    type TEXT NOT NULL,
    action TEXT NOT NULL,
    actor TEXT NOT NULL,
    attributes TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS journal_at ON journal (at_ns);
"""
_PAGE = 500


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened.

    `type` and `action` are Docker's (`container`, `start`); `actor` is the id or name of the
    object; `at_ns` is nanoseconds since the epoch, never less than in the entry before.
    """

    seq: int
    at_ns: int
    type: str
    action: str
    actor: str
    attributes: Mapping[str, str] = field(default_factory=dict)


class Journal:
    """Appends entries, replays them, and tells listeners of new ones."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.RLock()
        self._untold: list[Entry] | None = None
        self._listeners: list[Listener] = []
        database.define(_SCHEMA)
        rows = database.query("SELECT MAX(at_ns) AS latest FROM journal")
        self._latest_ns: int = rows[0]["latest"] or 0

    def append(
        self, type: str, action: str, actor: str, attributes: Mapping[str, str] | None = None
    ) -> Entry:
        """Store what happened and tell the listeners, in the order of storing."""
        attributes = dict(attributes or {})
        with self._lock:
            # the clock may step back; the order of the journal must not
            at_ns = self._latest_ns = max(time.time_ns(), self._latest_ns + 1)
            seq = self._database.execute(
                "INSERT INTO journal (at_ns, type, action, actor, attributes)"
                " VALUES (?, ?, ?, ?, ?)",
                (at_ns, type, action, actor, json.dumps(attributes)),
            )
            entry = Entry(seq, at_ns, type, action, actor, attributes)
            if self._untold is None:
                self._tell([entry])
            else:
                self._untold.append(entry)
        return entry

    @contextmanager
    def together(self) -> Iterator[None]:
        """Store the entries of the block, and the records they tell of, together or not at all.

        So the journal and the records agree whenever the engine ends.  Listeners are told at the
        end of the block.
        """
        with self._lock:
            if self._untold is not None:
                yield
                return
            entries = self._untold = []
            try:
                with self._database.transaction():
                    yield
            finally:
                self._untold = None
            self._tell(entries)

    def _tell(self, entries: list[Entry]) -> None:
        for entry in entries:
            for listener in self._listeners:
                listener(entry)

    def subscribe(self, listener: Listener) -> int:
        """Call `listener` for every later entry; return the last entry's number.

        History up to that number, then the listener's calls, is everything, with no gap and
        nothing twice.  The listener runs in the appending thread and must not block.
        """
        with self._lock:
            self._listeners.append(listener)
            rows = self._database.query("SELECT MAX(seq) AS latest FROM journal")
            return rows[0]["latest"] or 0

    def unsubscribe(self, listener: Listener) -> None:
        """Stop calling `listener`; an unknown one is no error."""
        with self._lock:
            if listener in self._listeners:
                self._listeners.remove(listener)

    def replay(
        self,
        since_ns: int = 0,
        until_ns: int | None = None,
        last_seq: int | None = None,
        after_seq: int = 0,
    ) -> Iterator[Entry]:
        """Yield stored entries in order: at `since_ns` or later, at `until_ns` or earlier.

        `last_seq` bounds the replay to what was there when `subscribe` answered; `after_seq` is an
        entry that it follows.
        """
        seq = after_seq
        while True:
            rows = self._database.query(
                "SELECT * FROM journal WHERE seq > ? AND at_ns >= ? AND at_ns <= ? AND seq <= ?"
                " ORDER BY seq LIMIT ?",
                (seq, since_ns, _or_max(until_ns), _or_max(last_seq), _PAGE),
            )
            for row in rows:
                seq = row["seq"]
                yield Entry(
                    seq,
                    row["at_ns"],
                    row["type"],
                    row["action"],
                    row["actor"],
                    json.loads(row["attributes"]),
                )
            if len(rows) < _PAGE:
                return


def _or_max(value: int | None) -> int:
    return (1 << 63) - 1 if value is None else value
