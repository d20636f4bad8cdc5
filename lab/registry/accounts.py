"""Accounts of the lab's Hub: names and hashed passwords, in the Hub's SQLite file.

Another process (`lab hub add-user`) may use the same file while the engine runs: nothing is
cached, every answer is read from the file.
"""

from __future__ import annotations

import re
import sqlite3
import threading
import time
from dataclasses import dataclass

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from lab.database import Database
from lab.errors import Conflict, InvalidParameter, NotFound

_SCHEMA = """
CREATE TABLE IF NOT EXISTS accounts (
    name TEXT PRIMARY KEY,
    password_hash TEXT NOT NULL,
    created_ns INTEGER NOT NULL
);
"""
_NAME = re.compile(r"[a-z0-9]{4,30}")
_RESERVED = frozenset({"library", "localhost"})
_MAX_PASSWORD = 1024


@dataclass(frozen=True, slots=True)
class Account:
    """One account; `created_ns` is nanoseconds since the epoch."""

    name: str
    created_ns: int


def check_account_name(name: str) -> str:
    """Return `name` if it may be an account's: 4 to 30 lower-case letters and digits.

    Raises InvalidParameter.  `library` holds the official images, and `localhost/...` names
    another registry, so neither can be an account.  Source: Docker Hub's rules for a Docker ID.
    """
    if not _NAME.fullmatch(name):
        raise InvalidParameter(
            f"invalid account name {name!r}: it must be 4 to 30 characters long and can only"
            " contain numbers and lowercase letters"
        )
    if name in _RESERVED:
        raise InvalidParameter(f"account name {name!r} is reserved")
    return name


class Accounts:
    """Adds accounts and checks passwords.  Several threads may use one object."""

    def __init__(self, database: Database) -> None:
        self._database = database
        # argon2id in the leanest of OWASP's five equal profiles: 7 MiB, which the C library may
        # keep once it had them.  One at a time, so that a class logging in does not add up
        self._hasher = PasswordHasher(time_cost=5, memory_cost=7 * 1024, parallelism=1)
        self._hashing = threading.Lock()
        database.define(_SCHEMA)

    def add(self, name: str, password: str) -> Account:
        """Make an account.

        Raises InvalidParameter if the name breaks the rules or the password is empty, Conflict
        if the name is taken.
        """
        account = Account(check_account_name(name), time.time_ns())
        hashed = self._hash(password)
        try:
            self._database.execute(
                "INSERT INTO accounts (name, password_hash, created_ns) VALUES (?, ?, ?)",
                (account.name, hashed, account.created_ns),
            )
        except sqlite3.IntegrityError:
            raise Conflict(f"account name {name!r} is already taken") from None
        return account

    def verify(self, name: str, password: str) -> bool:
        """Tell whether `password` is that account's.  An unknown name takes as long to refuse."""
        if not 0 < len(password) <= _MAX_PASSWORD:
            return False
        rows = self._database.query("SELECT password_hash FROM accounts WHERE name = ?", (name,))
        if not rows:
            self._hash(password)
            return False
        with self._hashing:
            try:
                return self._hasher.verify(rows[0]["password_hash"], password)
            except (VerificationError, InvalidHashError):
                return False

    def change_password(self, name: str, password: str) -> None:
        """Set a new password.  Raises NotFound if there is no such account."""
        changed = self._database.execute(
            "UPDATE accounts SET password_hash = ? WHERE name = ?", (self._hash(password), name)
        )
        if not changed:
            raise NotFound(f"no such account: {name}")

    def exists(self, name: str) -> bool:
        """Tell whether there is an account of that name."""
        return bool(self._database.query("SELECT 1 FROM accounts WHERE name = ?", (name,)))

    def list(self) -> tuple[Account, ...]:
        """Return all accounts, by name."""
        rows = self._database.query("SELECT name, created_ns FROM accounts ORDER BY name")
        return tuple(Account(row["name"], row["created_ns"]) for row in rows)

    def _hash(self, password: str) -> str:
        if not 0 < len(password) <= _MAX_PASSWORD:
            raise InvalidParameter(f"a password has 1 to {_MAX_PASSWORD} characters")
        with self._hashing:
            return self._hasher.hash(password)
