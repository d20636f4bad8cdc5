"""What is remembered of builds: how each image came about, and what the cache decided.

The step's record stays as long as its image does; it is what a later build finds in the cache.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from lab.build.cache import Decision, Reason, StepRecord
from lab.database import Database
from lab.oci.digest import Digest

_SCHEMA = """
CREATE TABLE IF NOT EXISTS build_steps (
    image TEXT PRIMARY KEY,
    parent TEXT NOT NULL,
    record TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS build_steps_parent ON build_steps (parent);
CREATE TABLE IF NOT EXISTS builds (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    started_ns INTEGER NOT NULL,
    ended_ns INTEGER NOT NULL,
    image TEXT NOT NULL,
    base TEXT NOT NULL,
    dockerfile TEXT NOT NULL,
    tags TEXT NOT NULL,
    error TEXT NOT NULL,
    decisions TEXT NOT NULL
);
"""
KEPT = 200
"""How many builds are remembered."""

UNFINISHED = "not finished"


@dataclass(frozen=True, slots=True)
class BuildRecord:
    """One build.  `image`, `base` and `dockerfile` are empty where it did not come to them.

    Times are nanoseconds since the epoch; `error` is empty for a build that succeeded.  One that
    goes on, or that the engine's end cut short, has no end (0) and says so as its error.
    """

    number: int
    started_ns: int
    ended_ns: int
    image: str
    base: str
    dockerfile: str
    tags: tuple[str, ...]
    error: str
    decisions: tuple[Decision, ...]


class BuildRecords:
    """The tables of builds; several threads may use them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        database.define(_SCHEMA)

    def add_step(self, image: Digest, parent: str, record: StepRecord) -> None:
        """Remember how an image was made from `parent` (empty: from nothing)."""
        self._database.execute(
            "INSERT INTO build_steps (image, parent, record) VALUES (?, ?, ?)"
            " ON CONFLICT (image) DO UPDATE SET record = excluded.record",
            (str(image), parent, json.dumps(record.to_json())),
        )

    def steps_from(self, parent: str) -> list[tuple[Digest, StepRecord]]:
        """Return the images that were made from `parent`; some may be gone."""
        rows = self._database.query(
            "SELECT image, record FROM build_steps WHERE parent = ?", (parent,)
        )
        return [
            (Digest.parse(row["image"]), StepRecord.from_json(json.loads(row["record"])))
            for row in rows
        ]

    def forget_step(self, image: Digest) -> None:
        """Forget an image that is gone."""
        self._database.execute("DELETE FROM build_steps WHERE image = ?", (str(image),))

    def begin_build(self, started_ns: int) -> int:
        """Remember that a build has begun, and return its number; the oldest are forgotten."""
        with self._database.transaction():
            number = self._database.execute(
                "INSERT INTO builds (started_ns, ended_ns, image, base, dockerfile, tags, error,"
                " decisions) VALUES (?, 0, '', '', '', '[]', ?, '[]')",
                (started_ns, UNFINISHED),
            )
            self._database.execute("DELETE FROM builds WHERE number <= ?", (number - KEPT,))
        return number

    def end_build(
        self,
        number: int,
        ended_ns: int,
        decisions: Sequence[Decision],
        image: str = "",
        base: str = "",
        dockerfile: str = "",
        tags: Sequence[str] = (),
        error: str = "",
    ) -> None:
        """Remember what a build has come to."""
        self._database.execute(
            "UPDATE builds SET ended_ns = ?, image = ?, base = ?, dockerfile = ?, tags = ?,"
            " error = ?, decisions = ? WHERE number = ?",
            (
                ended_ns,
                image,
                base,
                dockerfile,
                json.dumps(list(tags)),
                error,
                json.dumps([asdict(decision) for decision in decisions]),
                number,
            ),
        )

    def builds(self, limit: int = KEPT) -> list[BuildRecord]:
        """Return the latest builds, the latest first."""
        rows = self._database.query("SELECT * FROM builds ORDER BY number DESC LIMIT ?", (limit,))
        return [
            BuildRecord(
                number=row["number"],
                started_ns=row["started_ns"],
                ended_ns=row["ended_ns"],
                image=row["image"],
                base=row["base"],
                dockerfile=row["dockerfile"],
                tags=tuple(json.loads(row["tags"])),
                error=row["error"],
                decisions=tuple(map(_decision, json.loads(row["decisions"]))),
            )
            for row in rows
        ]


def _decision(source: dict[str, object]) -> Decision:
    members = {**source, "reason": Reason(source["reason"]), "details": tuple(source["details"])}  # type: ignore[arg-type]
    return Decision(**members)  # type: ignore[arg-type]
