"""Images that stand in for those which docker-py's tests name: made for the tests, never shipped.

The tests want `alpine:3.10`, `alpine`, `busybox` and `hello-world`, and of them only a shell, common
commands and two users.  The lab's own busybox has all that but the users.
"""

from __future__ import annotations

import io
import json
import shutil
import tarfile
from dataclasses import replace
from pathlib import Path

from lab.catalog.layout import REF_NAME, Layer, LayoutWriter
from lab.oci import fields
from lab.oci.descriptor import Descriptor
from lab.oci.image_config import History, ImageConfig
from lab.oci.manifest import Index, Manifest

_USERS = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\n"
    "operator:x:11:0:operator:/root:/bin/sh\n"
    "postgres:x:70:70::/var/lib/postgresql:/bin/sh\n"
    "nobody:x:65534:65534:nobody:/:/sbin/nologin\n",
    "etc/group": "root:x:0:root\npostgres:x:70:\nnogroup:x:65533:\nnobody:x:65534:\n",
}
_FOLDERS = ("var/opt", "opt", "srv", "mnt", "media")
_DATE = "2025-01-01T00:00:00Z"


def make(catalog: Path, folder: Path) -> None:
    """Write a layout of the stand-ins to `folder`, which must not exist, out of the lab's catalog."""
    folder.mkdir()
    made = LayoutWriter(folder)
    busybox = _image(catalog, "busybox:latest")
    hello = _image(catalog, "hello-world:latest")
    for manifest, _ in (busybox, hello):
        for layer in manifest.layers:
            shutil.copy(_blob(catalog, layer), _blob(folder, layer))
    added = made.add_layer([_users()])
    # two images: what a test does to one of them must not happen to the other
    _add(made, busybox, added, ["alpine:3.10"], ("/bin/sh",))
    _add(made, busybox, added, ["alpine:latest"], ("/bin/sh",), "latest")
    _add(made, busybox, None, ["busybox:latest"], ("sh",))
    _add(made, hello, None, ["hello-world:latest"], hello[1].config.cmd or ())
    made.finish()


def _add(
    made: LayoutWriter,
    image: tuple[Manifest, ImageConfig],
    added: Layer | None,
    names: list[str],
    cmd: tuple[str, ...],
    version: str = "",
) -> None:
    manifest, config = image
    layers = list(manifest.layers)
    if added is not None:
        layers.append(added.descriptor)
        config = config.with_step(
            History(_DATE, "users and folders of the stand-in"), added.diff_id
        )
    labels = {"stand-in": version} if version else {}
    config = replace(config, config=replace(config.config, cmd=cmd, labels=labels))
    made.add_image(config, layers, names, {"org.opencontainers.image.description": "a stand-in"})


def _image(catalog: Path, name: str) -> tuple[Manifest, ImageConfig]:
    index = Index.from_json(json.loads((catalog / "index.json").read_bytes()))
    entry = next(each for each in index.manifests if each.annotations.get(REF_NAME) == name)
    content = _blob(catalog, entry).read_bytes()
    manifest = Manifest.from_json(fields.load_object(content, name))
    return manifest, ImageConfig.from_bytes(_blob(catalog, manifest.config).read_bytes())


def _blob(folder: Path, entry: Descriptor) -> Path:
    return folder / "blobs" / "sha256" / entry.digest.hex


def _users() -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        for name, text in _USERS.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            member.mode = 0o644
            archive.addfile(member, io.BytesIO(text.encode()))
        for name in _FOLDERS:
            folder = tarfile.TarInfo(name)
            folder.type, folder.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(folder)
    return target.getvalue()
