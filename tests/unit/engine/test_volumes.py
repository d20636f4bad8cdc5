"""The store of volumes: made, removed, found again, and swept after a crash."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from lab.database import Database
from lab.engine.host_folders import HostFolders
from lab.engine.volume_options import tmpfs_words
from lab.engine.volumes import ANONYMOUS, Volumes
from lab.errors import Conflict, InvalidParameter, LabError, NotFound, Unsupported
from lab.journal import Journal
from lab.kernel.idmap import IdMap


class Store:
    """Volumes below a folder; `used` maps names to the containers that have them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.used: dict[str, list[str]] = {}
        self.database = Database(folder / "db")
        self.journal = Journal(self.database)

    def open(self) -> Volumes:
        return Volumes(
            self.folder / "volumes",
            self.database,
            self.journal,
            IdMap(os.getuid()),
            lambda name: self.used.get(name, []),
            HostFolders(Path("/"), [Path("/forbidden")]),
        )

    def events(self) -> list[tuple[str, str]]:
        return [(entry.action, entry.actor) for entry in self.journal.replay()]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def test_a_volumes_life(store: Store) -> None:
    """Is a volume made once, kept over a restart, refused to go while used, and then gone?"""
    volumes = store.open()
    made = volumes.create("data", labels={"a": "b"})
    assert volumes.create("data", labels={"other": "x"}) == made
    (volumes.path("data") / "file").write_text("x")
    again = store.open()
    assert again.all() == [made]
    store.used["data"] = ["one", "two"]
    with pytest.raises(Conflict, match=r"^remove data: volume is in use - \[one, two\]$"):
        again.remove("data")
    store.used.clear()
    again.remove("data")
    again.close()
    assert not (store.folder / "volumes" / "data").exists()
    with pytest.raises(NotFound, match=r"^get data: no such volume$"):
        again.get("data")
    assert store.events() == [("create", "data"), ("destroy", "data")]


def test_what_a_crash_leaves_is_swept(store: Store) -> None:
    """Does a folder without a record vanish, and a half filled one, but no data?"""
    volumes = store.open()
    volumes.create("data")
    (volumes.path("data") / "kept").write_text("x")
    (store.folder / "volumes" / "data" / "_filling" / "half").mkdir(parents=True)
    (store.folder / "volumes" / "orphan" / "_data").mkdir(parents=True)
    again = store.open()
    again.close()
    assert [path.name for path in (store.folder / "volumes").iterdir()] == ["data"]
    assert [path.name for path in (store.folder / "volumes" / "data").iterdir()] == ["_data"]
    assert (again.path("data") / "kept").exists()
    assert not any((store.folder / "volumes-removed").iterdir())


def test_a_crash_while_content_is_moved(store: Store, tmp_path: Path) -> None:
    """Does the next start move the rest, without a second look at what has been moved or changed?"""
    volumes = store.open()
    volumes.create("data")
    (volumes.path("data") / "moved").write_text("changed since")
    filled = store.folder / "volumes" / "data" / "_filled"
    filled.mkdir(mode=0o700)
    (filled / "rest").mkdir()
    (filled / "rest" / "file").write_text("x")
    (filled / "moved").write_text("old")
    again = store.open()
    again.close()
    assert not filled.exists()
    assert (again.path("data") / "rest" / "file").read_text() == "x"
    assert (again.path("data") / "moved").read_text() == "changed since"
    assert again.path("data").stat().st_mode & 0o777 == 0o700


def test_content_for_a_volume_that_is_looked_at(store: Store, tmp_path: Path) -> None:
    """Does who has the folder open see what it is given, in the folder that he knows?"""
    volumes = store.open()
    volumes.create("data")
    source = tmp_path / "source"
    source.mkdir(mode=0o750)
    (source / "file").write_text("x")
    looking = os.open(volumes.path("data"), os.O_RDONLY)
    volumes.give("data", source)
    assert os.listdir(looking) == ["file"]
    assert os.fstat(looking).st_mode & 0o777 == 0o750
    os.close(looking)
    volumes.close()
    assert [path.name for path in (store.folder / "volumes" / "data").iterdir()] == ["_data"]


def test_a_transaction_that_is_given_up(store: Store) -> None:
    """Does nothing stay of a volume that was made in a transaction that failed?"""
    volumes = store.open()
    kept = volumes.create("kept")
    with pytest.raises(InvalidParameter), store.journal.together():
        volumes.create("lost")
        volumes.create("x")
    volumes.forget_unsaved()
    assert volumes.all() == [kept]
    volumes.close()
    assert [path.name for path in (store.folder / "volumes").iterdir()] == ["kept"]


def test_anonymous_volumes_have_a_label(store: Store) -> None:
    """Does a volume without a name get one, and Docker's label?"""
    made = store.open().create()
    assert len(made.name) == 64
    assert made.labels == {ANONYMOUS: ""}


@pytest.mark.parametrize(
    ("name", "driver", "options", "kind", "message"),
    [
        ("x", "", {}, InvalidParameter, "create x: volume name is too short"),
        ("a/b", "", {}, InvalidParameter, 'create a/b: "a/b" includes invalid characters'),
        ("vol", "nfs", {}, NotFound, 'error looking up volume plugin nfs: plugin "nfs" not found'),
        ("vol", "", {"what": "x"}, InvalidParameter, 'create vol: invalid option: "what"'),
        ("vol", "", {"type": "tmpfs"}, InvalidParameter, 'missing required option: "device"'),
        ("vol", "", {"size": "10g"}, InvalidParameter, "quota size requested but no quota support"),
        ("vol", "", {"type": "nfs", "device": ":/x", "o": "addr=h"}, Unsupported, "type=nfs"),
        ("vol", "", {"type": "ext4", "device": "/dev/sda1"}, Unsupported, "type=ext4"),
        (
            "vol",
            "",
            {"type": "none", "device": "/forbidden", "o": "bind"},
            InvalidParameter,
            "/forbidden holds the engine's own state",
        ),
    ],
)
def test_refusals(
    store: Store,
    name: str,
    driver: str,
    options: Mapping[str, str],
    kind: type[LabError],
    message: str,
) -> None:
    """Is what cannot be made refused, in Docker's words, with nothing left behind?"""
    volumes = store.open()
    with pytest.raises(kind, match=message):
        volumes.create(name, driver, options)
    assert volumes.all() == []
    assert not any((store.folder / "volumes").iterdir())


def test_owners_of_volumes_in_memory() -> None:
    """Do uid and gid of a tmpfs name ids of the container?"""
    words = tmpfs_words({"o": "size=1m,uid=1000"}, IdMap(1).to_sandbox)
    assert words == ("uid=1001", "gid=1", "size=1m")
