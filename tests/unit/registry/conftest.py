"""A running Hub with two accounts, an official image, and what alice has pushed."""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from lab.oci.descriptor import OCI_MANIFEST
from lab.registry.hub import Hub
from lab.registry.names import Repository, Tag
from lab.registry.source import StoredManifest

from .helpers import Image, Served, make_image, served, write_layout
from .stand_in import StandIn

ALICE, BOBBY = "alice:sesame", "bobby:swordfish"
NGINX = make_image(b"base layer", b"nginx layer", config=b'{"os":"linux"}')
WEB = make_image(b"base layer", b"web layer")


@dataclass(frozen=True)
class Running:
    """A Hub, and where it is served."""

    hub: Hub
    at: Served
    root: Path
    catalog: Path


@pytest.fixture(autouse=True)
def no_power_cuts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spare the disk: nothing here is read after the machine has lost its power."""
    monkeypatch.setattr(os, "fsync", lambda fd: None)


@contextmanager
def running(folder: Path) -> Iterator[Running]:
    """Serve a Hub with two accounts, one official image, and one of alice's."""
    root, catalog = folder / "hub", folder / "catalog"
    write_layout(catalog, {"nginx:latest": NGINX, "nginx:1": NGINX})
    hub = Hub(root, catalog)
    for user in (ALICE, BOBBY):
        add_cheaply(hub, *user.split(":"))
    store(hub, "alice/web", "1", WEB)
    with served(hub.app(), folder) as at:
        yield Running(hub, at, root, catalog)
    hub.close()


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Running]:
    with running(tmp_path) as hub:
        yield hub


def add_cheaply(hub: Hub, name: str, password: str) -> None:
    """Make an account whose password takes no time to check: the hash says how costly it is."""
    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(password)
    hub.database.execute("INSERT INTO accounts VALUES (?, ?, 0)", (name, cheap))


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Callable[..., tuple[StandIn, Served]]]:
    """Start stand-ins, each on a port of its own."""
    with ExitStack() as stack:

        def start(tls: ssl.SSLContext | None = None) -> tuple[StandIn, Served]:
            folder = tmp_path / str(len(list(tmp_path.iterdir())))
            folder.mkdir()
            registry = StandIn()
            return registry, stack.enter_context(served(registry.app(), folder, tls))

        yield start


@pytest.fixture
def registry(stand: Callable[..., tuple[StandIn, Served]]) -> tuple[StandIn, Served]:
    return stand()


def store(hub: Hub, name: str, tag: str, image: Image) -> None:
    """Put an image into the Hub's storage, past HTTP."""
    for digest, content in image.blobs.items():
        upload = hub.uploads.start(Repository(name))
        upload.append(content)
        upload.verify(digest)
        hub.storage.adopt_upload(Repository(name), digest, upload.path)
        hub.uploads.end(upload)
    manifest = StoredManifest(image.digest, OCI_MANIFEST, image.manifest)
    hub.storage.put_manifest(Repository(name), (Tag(tag),), manifest, None)
