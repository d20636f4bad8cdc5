"""The lab's Hub: builds its parts and keeps them together."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import web

from lab.database import Database
from lab.errors import InvalidParameter
from lab.oci.manifest import parse
from lab.registry.access import Access
from lab.registry.accounts import Accounts
from lab.registry.app import make_app
from lab.registry.catalog import Catalog
from lab.registry.errors import Refused
from lab.registry.listing import ListedRepository, public
from lab.registry.names import OFFICIAL, Repository
from lab.registry.rights import Rights
from lab.registry.source import Source
from lab.registry.storage import Storage
from lab.registry.tokens import Tokens, load_key
from lab.registry.uploads import Uploads

if TYPE_CHECKING:
    from lab.registry.page.site import Site

SERVICE = "docker-learning-lab"
"""The name under which the Hub issues and accepts tokens."""

_DATABASE = "hub.sqlite"
_ABOUT = "org.opencontainers.image.description"


@dataclass(frozen=True, slots=True)
class Pushed:
    """A manifest has been pushed; `tag` is empty if it was pushed by its digest alone."""

    repository: str
    tag: str
    digest: str
    account: str


PushListener = Callable[[Pushed], None]


@contextmanager
def open_accounts(root: Path) -> Iterator[Accounts]:
    """Yield the accounts of the Hub in `root`, which may be running, and need not exist yet."""
    database = _database(root)
    try:
        yield Accounts(database)
    finally:
        database.close()


class Hub:
    """An OCI distribution server with accounts.

    `root` is the Hub's folder, made if absent: `storage` tells what is in it, besides
    `hub.sqlite` (accounts, private repositories) and `token.key`.  `catalog` is an OCI image
    layout with the official images, or None.  `durable`: what it took in survives the end of the
    machine, which a virtual one may meet at any time.
    """

    def __init__(self, root: Path, catalog: Path | None, durable: bool = False) -> None:
        self.database = _database(root, durable)
        self.accounts = Accounts(self.database)
        self.storage = Storage(root, durable)
        self.catalog = Catalog(catalog)
        self.uploads = Uploads(root / "uploads")
        self.rights = Rights(self.database, lambda name: self.source(name).exists(name))
        self._key = load_key(root / "token.key")
        tokens = Tokens(self._key, SERVICE)
        self.access = Access(self.accounts, self.rights, tokens, SERVICE)
        self._listeners: list[PushListener] = []

    def app(self) -> web.Application:
        """Return the web application that serves this Hub."""
        return make_app(self)

    @cached_property
    def site(self) -> Site:
        """The Hub's page for people; loaded when somebody looks at it."""
        from lab.registry.page.site import Site

        return Site(self, hmac.digest(self._key, b"page", "sha256"))

    def source(self, name: Repository) -> Source:
        """Return where a repository is read from."""
        return self.catalog if name.startswith(OFFICIAL) else self.storage

    def repositories(self) -> list[Repository]:
        """Return the names of all repositories, official ones included; sorted."""
        return sorted([*self.catalog.repositories(), *self.storage.repositories()])

    def about(self, name: Repository) -> str:
        """Return the sentence that the first of a repository's images says of itself; maybe none."""
        source = self.source(name)
        try:
            stored = source.manifest(name, source.tags(name)[0])
            return parse(stored.content, stored.media_type).annotations.get(_ABOUT, "")
        except (Refused, InvalidParameter, IndexError):
            return ""

    def public(self, architecture: str, limit: int) -> tuple[list[ListedRepository], bool]:
        """Return what everybody may pull, as far as `limit` repositories; and if there are more."""
        return public(self, architecture, limit)

    def on_push(self, listener: PushListener) -> None:
        """Call `listener` after each push, in the thread that stored it."""
        self._listeners.append(listener)

    def announce(self, repository: Repository, tag: str, digest: str, account: str) -> None:
        """Tell the listeners of a push."""
        for listener in self._listeners:
            listener(Pushed(repository, tag, digest, account))

    def close(self) -> None:
        """Close the Hub's database; the application must have been shut down before."""
        self.database.close()


def _database(root: Path, durable: bool = False) -> Database:
    # password hashes and the key are in there: for nobody but the owner to look at
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    root.chmod(0o700)
    return Database(root / _DATABASE, durable=durable)
