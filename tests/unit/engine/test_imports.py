"""Images made of archives, and Dockerfile text as their settings."""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.engine.images import Images
from lab.engine.imports import apply_changes
from lab.errors import BuildError, InvalidParameter, UnsafePath
from lab.image.validate import validate
from lab.oci.image_config import ContainerConfig
from lab.oci.reference import Reference

from .image_parts import Parts, tar

ARCHIVE = tar({"bin": None, "bin/sh": b"#!"})


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[Parts]:
    made = Parts(tmp_path)
    yield made
    made.close()


@pytest.fixture
def images(parts: Parts) -> Images:
    return Images(
        parts.store, parts.layers, parts.blobs, parts.journal, parts.using, parts.database
    )


@pytest.mark.parametrize("content", [ARCHIVE, gzip.compress(ARCHIVE)], ids=["plain", "gzip"])
def test_an_archive_becomes_an_image(parts: Parts, images: Images, content: bytes) -> None:
    """Is the image whole, named, with its comment and settings, and journalled as by Docker?"""
    ref = Reference.parse("imported")
    image = images.import_image(io.BytesIO(content), "from disk", ['CMD ["sh"]'], ref)
    assert validate(image, parts.blobs) == []
    assert image.config.config.cmd == ("sh",)
    assert [entry.comment for entry in image.config.history] == ["from disk"]
    assert image.size == 2
    assert images.get("imported") == image
    assert [action for action, _ in parts.events()] == ["tag", "import"]


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"no archive at all" * 100, InvalidParameter),
        (ARCHIVE[:700], InvalidParameter),
        (gzip.compress(tar({"big": bytes(100_000)}))[:-30], InvalidParameter),
        (tar({"../outside": b"x"}), UnsafePath),
    ],
    ids=["garbage", "truncated", "truncated gzip", "climbs"],
)
def test_a_bad_archive_leaves_nothing(
    parts: Parts, images: Images, content: bytes, error: type[Exception]
) -> None:
    """Is what cannot be imported refused without a trace?"""
    with pytest.raises(error):
        images.import_image(io.BytesIO(content), "", [], None)
    assert parts.store.all() == parts.snapshot_keys() == list(parts.blobs.digests()) == []


def test_changes_are_those_of_a_dockerfile() -> None:
    """Do instructions about settings work as in a Dockerfile, one after the other?"""
    changed = apply_changes(
        ContainerConfig(env=("A=1",)),
        ["ENV B=$A C=3", "WORKDIR /srv", "WORKDIR app", "LABEL x=y", "EXPOSE 80", "CMD run it"],
    )
    assert changed.env == ("A=1", "B=1", "C=3")
    assert changed.working_dir == "/srv/app"
    assert changed.labels == {"x": "y"}
    assert changed.exposed_ports == ("80/tcp",)
    assert changed.cmd == ("/bin/sh", "-c", "run it")
    assert apply_changes(changed, []) == changed


@pytest.mark.parametrize("change", ["RUN ls", "FROM x", "COPY a b", "FOO bar"])
def test_other_instructions_are_no_changes(change: str) -> None:
    """Is what does not concern settings refused in Docker's words?"""
    keyword = change.split()[0].lower()
    with pytest.raises(InvalidParameter, match=f"^{keyword} is not a valid change command"):
        apply_changes(ContainerConfig(), [change])


def test_a_malformed_change_is_refused(parts: Parts, images: Images) -> None:
    """Is an instruction without its argument an error before anything is read?"""
    stream = io.BytesIO(ARCHIVE)
    with pytest.raises(BuildError):
        images.import_image(stream, "", ["ENV"], None)
    assert stream.tell() == 0
