"""Room that the engine's records have taken for themselves, for when the disk is full."""

from __future__ import annotations

import shutil
from pathlib import Path

from lab.database import Database

RESERVE = 1 << 20


def count(database: Database) -> int:
    return int(database.query("SELECT COUNT(*) AS n FROM t")[0]["n"])


def filled(path: Path) -> Database:
    database = Database(path, RESERVE)
    database.define("CREATE TABLE IF NOT EXISTS t (x TEXT)")
    for _ in range(50):
        database.execute("INSERT INTO t VALUES (?)", ("x" * 100,))
    return database


def test_the_reserve_is_on_the_disk_and_stays(tmp_path: Path) -> None:
    """Is the room really taken, also after the log was written to the file?"""
    database = filled(tmp_path / "lab.db")
    log = tmp_path / "lab.db-wal"
    assert log.stat().st_blocks * 512 >= RESERVE
    database.query("PRAGMA wal_checkpoint(RESTART)")
    database.execute("INSERT INTO t VALUES ('y')")
    assert log.stat().st_blocks * 512 >= RESERVE
    assert count(database) == 51
    database.close()


def test_what_was_written_survives_a_crash(tmp_path: Path) -> None:
    """Is the unused end of the log no content for who opens the files after a crash?"""
    database = filled(tmp_path / "lab.db")
    crashed = tmp_path / "crashed"
    crashed.mkdir()
    for file in tmp_path.glob("lab.db*"):
        shutil.copy(file, crashed)
    database.close()
    again = Database(crashed / "lab.db", RESERVE)
    assert count(again) == 50
    again.close()
    plain = Database(tmp_path / "lab.db")
    assert count(plain) == 50
    plain.close()
