"""Images out of archives: what is stored of them when something goes wrong."""

from __future__ import annotations

import errno
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.engine.loading import Loader
from lab.errors import SyscallError
from lab.journal import Entry
from lab.oci.digest import Digest
from lab.oci.image_config import History, ImageConfig

from .image_parts import Parts, tar


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[Parts]:
    made = Parts(tmp_path)
    yield made
    made.close()


def test_the_record_and_its_event(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is there no image of which the journal does not know, and both when it works?"""
    saved = tar({"bin": None, "bin/sh": b"#!"})
    diff_id = Digest.of(saved)
    config = ImageConfig("amd64", "linux").with_step(History("2026-01-02T03:04:05Z", "x"), diff_id)
    rows = [{"Config": "config", "Layers": ["layer"], "RepoTags": ["saved:1"]}]
    archive = tar(
        {
            "config": config.to_bytes(),
            "layer": saved,
            "manifest.json": json.dumps(rows).encode(),
        }
    )
    scratch = parts.folder / "scratch"
    loader = Loader(parts.store, parts.blobs, parts.layers, parts.journal, scratch)
    with monkeypatch.context() as broken:

        def append(*words: object) -> Entry:
            raise SyscallError(errno.ENOSPC, "write to the engine's records")

        broken.setattr(parts.journal, "append", append)
        with pytest.raises(SyscallError):
            loader.run(io.BytesIO(archive), lambda message: None, quiet=True)
    assert parts.store.all() == []
    assert parts.snapshot_keys() == []
    loader.run(io.BytesIO(archive), lambda message: None, quiet=True)
    [image] = parts.store.all()
    assert parts.events() == [("load", str(image.id))]
