"""Who may do what with a repository."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from lab.database import Database
from lab.registry.names import OFFICIAL, Repository, owner_of

_SCHEMA = """
CREATE TABLE IF NOT EXISTS repositories (
    name TEXT PRIMARY KEY,
    private INTEGER NOT NULL DEFAULT 0
);
"""


class Action(StrEnum):
    """What can be done with a repository, named as in the scope of a token."""

    PULL = "pull"
    PUSH = "push"
    DELETE = "delete"


class Rights:
    """The rules: an owner may do everything, everybody may pull what is there and public.

    The owner of `alice/web` is the account `alice`.  `library/...` has no owner.  A private
    repository looks to others as if it did not exist.
    """

    def __init__(self, database: Database, exists: Callable[[Repository], bool]) -> None:
        self._database = database
        self._exists = exists
        database.define(_SCHEMA)

    def of(self, account: str, name: Repository) -> frozenset[Action]:
        """Return what `account` (empty: somebody unknown) may do with `name`."""
        if account and owner_of(name) == account and not name.startswith(OFFICIAL):
            return frozenset(Action)
        if self._exists(name) and not self.is_private(name):
            return frozenset({Action.PULL})
        return frozenset()

    def is_private(self, name: Repository) -> bool:
        """Tell whether only its owner sees the repository; the default is public."""
        rows = self._database.query("SELECT private FROM repositories WHERE name = ?", (name,))
        return bool(rows and rows[0]["private"])

    def set_private(self, name: Repository, private: bool) -> None:
        """Hide a repository from all but its owner, or show it again; it need not exist yet."""
        self._database.execute(
            "INSERT INTO repositories (name, private) VALUES (?, ?)"
            " ON CONFLICT (name) DO UPDATE SET private = excluded.private",
            (name, int(private)),
        )
