"""What both sources of repositories promise; what survives deletion, crashes, a new catalog."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lab.errors import InvalidParameter
from lab.oci.descriptor import OCI_INDEX, OCI_MANIFEST, Descriptor
from lab.oci.digest import Digest
from lab.oci.manifest import Index
from lab.registry.catalog import Catalog
from lab.registry.errors import Code, Refused
from lab.registry.hub import Hub
from lab.registry.names import Repository, Tag
from lab.registry.source import Source, StoredManifest
from lab.registry.storage import Storage

from .conftest import store
from .helpers import Image, make_image, write_layout

NAME, OTHER = Repository("library/nginx"), Repository("library/redis")
IMAGE = make_image(b"base", b"nginx")
ABSENT = Digest.of(b"absent")


def from_catalog(folder: Path) -> Source:
    write_layout(folder, {"nginx:latest": IMAGE, "docker.io/library/nginx:1": IMAGE})
    return Catalog(folder)


def from_storage(folder: Path) -> Source:
    hub = Hub(folder, None)
    for tag in ("latest", "1"):
        store(hub, NAME, tag, IMAGE)
    hub.close()
    return Storage(folder)


@pytest.fixture(params=[from_catalog, from_storage])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Source:
    make: Callable[[Path], Source] = request.param
    return make(tmp_path)


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    hub = Hub(tmp_path / "hub", tmp_path / "catalog")
    yield hub
    hub.close()


def refusal(work: Callable[[], object]) -> Code:
    with pytest.raises(Refused) as refused:
        work()
    return refused.value.code


def test_source_lists_what_it_has(source: Source) -> None:
    """Does a source tell its repositories and their tags, in order?"""
    assert source.repositories() == [NAME]
    assert source.exists(NAME) and not source.exists(OTHER)
    assert source.tags(NAME) == ["1", "latest"]
    assert refusal(lambda: source.tags(OTHER)) is Code.NAME_UNKNOWN


def test_source_gives_manifests(source: Source) -> None:
    """Is a manifest found by tag and by digest, byte for byte, and no other?"""
    expected = StoredManifest(IMAGE.digest, OCI_MANIFEST, IMAGE.manifest)
    assert source.manifest(NAME, Tag("latest")) == expected
    assert source.manifest(NAME, IMAGE.digest) == expected
    for name, reference in (
        (NAME, Tag("2")),
        (NAME, ABSENT),
        (NAME, Digest.of(b"base")),
        (OTHER, IMAGE.digest),
    ):
        code = refusal(lambda n=name, r=reference: source.manifest(n, r))  # type: ignore[misc]
        assert code is Code.MANIFEST_UNKNOWN


def test_source_gives_blobs(source: Source) -> None:
    """Is a blob found where it belongs, and nowhere else?"""
    assert source.blob(NAME, Digest.of(b"base")).read_bytes() == b"base"
    assert refusal(lambda: source.blob(NAME, ABSENT)) is Code.BLOB_UNKNOWN
    assert refusal(lambda: source.blob(OTHER, Digest.of(b"base"))) is Code.BLOB_UNKNOWN


def test_catalog_may_come_change_and_go(tmp_path: Path) -> None:
    """Is a catalog that appears, is replaced, or is removed seen without a restart?"""
    folder = tmp_path / "catalog"
    catalog = Catalog(folder)
    assert catalog.repositories() == []
    write_layout(folder, {"nginx:latest": IMAGE})
    assert catalog.manifest(NAME, Tag("latest")).digest == IMAGE.digest
    newer = make_image(b"base", b"newer")
    write_layout(folder, {"nginx:latest": newer, "redis:7": IMAGE})
    assert catalog.manifest(NAME, Tag("latest")).digest == newer.digest
    assert catalog.repositories() == [NAME, OTHER]
    folder.rename(tmp_path / "gone")
    assert catalog.repositories() == []
    assert Catalog(None).repositories() == []


def test_catalog_shows_official_names_only(tmp_path: Path) -> None:
    """Are entries with another's name, or none, left out?"""
    names = {"alice/web:1": IMAGE, "ghcr.io/x/y:1": IMAGE, "Bad Name": IMAGE, "redis": IMAGE}
    write_layout(tmp_path, names)
    assert Catalog(tmp_path).repositories() == [OTHER]
    assert Catalog(tmp_path).tags(OTHER) == ["latest"]


def test_catalog_knows_the_manifests_of_an_index(tmp_path: Path) -> None:
    """Can a manifest be had that only an index of the catalog names?"""
    part = Descriptor(OCI_MANIFEST, IMAGE.digest, len(IMAGE.manifest))
    index = Image({**IMAGE.blobs, IMAGE.digest: IMAGE.manifest}, Index((part,)).to_bytes())
    write_layout(tmp_path, {"nginx:latest": index})
    catalog = Catalog(tmp_path)
    assert catalog.manifest(NAME, Tag("latest")).media_type == OCI_INDEX
    assert catalog.manifest(NAME, IMAGE.digest).content == IMAGE.manifest


def test_broken_catalog_is_reported(tmp_path: Path) -> None:
    """Is an index that is no JSON an error, rather than an empty catalog?"""
    (tmp_path / "index.json").write_text("{")
    with pytest.raises(InvalidParameter, match=r"index\.json is not valid JSON"):
        Catalog(tmp_path).repositories()


def test_content_goes_with_its_last_repository(hub: Hub, tmp_path: Path) -> None:
    """Does a blob stay as long as one repository holds it, and no longer?"""
    one, two, digest = Repository("alice/one"), Repository("bobby/two/deep"), Digest.of(b"base")
    store(hub, one, "1", IMAGE)
    store(hub, two, "1", IMAGE)
    content = tmp_path / "hub" / "blobs" / "sha256" / digest.hex
    hub.storage.delete_blob(one, digest)
    assert refusal(lambda: hub.storage.blob(one, digest)) is Code.BLOB_UNKNOWN
    assert hub.storage.blob(two, digest) == content and content.exists()
    hub.storage.delete_blob(two, digest)
    assert not content.exists()


def test_restart_keeps_what_is_held_and_sweeps_the_rest(hub: Hub, tmp_path: Path) -> None:
    """After a crash: is content without a repository removed, and everything else there?"""
    name = Repository("alice/web")
    store(hub, name, "1", IMAGE)
    blobs = tmp_path / "hub" / "blobs" / "sha256"
    orphan = blobs / ABSENT.hex
    orphan.write_bytes(b"absent")
    again = Storage(tmp_path / "hub")
    assert not orphan.exists()
    assert again.manifest(name, Tag("1")).content == IMAGE.manifest
    assert {entry.name for entry in blobs.iterdir()} == {
        digest.hex for digest in (*IMAGE.blobs, IMAGE.digest)
    }


def test_half_written_link_is_never_seen(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the disk is full at the last moment: is the old tag whole, and nothing left over?"""
    name = Repository("alice/web")
    store(hub, name, "1", IMAGE)
    newer = make_image(b"base", b"newer")
    store(hub, name, "2", newer)

    def full(fd: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("lab.registry.storage.os.fsync", full)
    manifest = StoredManifest(newer.digest, OCI_MANIFEST, newer.manifest)
    with pytest.raises(OSError, match="No space left"):
        hub.storage.put_manifest(name, (Tag("1"),), manifest, None)
    assert hub.storage.manifest(name, Tag("1")).digest == IMAGE.digest
    assert hub.storage.tags(name) == ["1", "2"]
    left = [path for path in (tmp_path / "hub").rglob(".*")]
    assert left == []


def test_hub_folder_is_its_owner_s_alone(hub: Hub, tmp_path: Path) -> None:
    """Can nobody else read the key and the password hashes?"""
    assert (tmp_path / "hub").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "hub" / "token.key").stat().st_mode & 0o777 == 0o600
    assert os.listdir(tmp_path / "hub" / "uploads") == []
