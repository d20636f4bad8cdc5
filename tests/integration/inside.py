"""An engine that finds things as one in a virtual machine does, in a sandbox of namespaces.

Run as a program: JSON on the command line says where; `members` go into the engine's configuration.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from lab.config import EngineConfig
from lab.engine.layers import chain_ids
from lab.image.layer import apply_layer
from lab.kernel import syscalls
from lab.kernel.flags import CLONE, MS
from lab.kernel.idmap import IdMap
from lab.oci import fields, manifest
from lab.oci.digest import Digest
from lab.oci.image_config import ImageConfig
from lab.oci.manifest import Index, Manifest
from lab.sandbox import launcher, process
from lab.sandbox.base import Launch
from lab.sandbox.ids import plan_ids
from lab.sandbox.process import EngineProcess


@contextlib.contextmanager
def running(
    root: Path, socket: Path, catalog: Path | None, readonly: Path, members: Mapping[str, Any]
) -> Iterator[EngineProcess]:
    """Run such an engine; it sees the folder `readonly` as a file system that is only read."""
    job = {
        "root": str(root),
        "socket": str(socket),
        "catalog": str(catalog) if catalog else None,
        "readonly": str(readonly),
        "members": dict(members),
    }
    said = tempfile.TemporaryFile()  # noqa: SIM115 - open for as long as the engine runs
    child = subprocess.Popen(
        [sys.executable, "-m", __name__, json.dumps(job)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=said,
        cwd=Path(__file__).parents[2],
    )
    engine = EngineProcess(child, socket, said)
    try:
        assert process._is_ready(child, 30), engine.said()
        yield engine
    finally:
        engine.stop()


def unpack_catalog(catalog: Path, folder: Path) -> None:
    """Unpack all layers of a catalog, with the owners that a sandbox of ours shows as a container's."""
    plan = plan_ids()
    ids = IdMap(plan.uids.start) if plan.container_base else IdMap(0)
    entries: dict[Digest, dict[str, Any]] = {}
    index = Index.from_json(fields.load_object((catalog / "index.json").read_bytes(), "index"))
    for entry in index.manifests:
        document = manifest.parse(_blob(catalog, entry.digest).read_bytes())
        assert isinstance(document, Manifest)
        config = ImageConfig.from_bytes(_blob(catalog, document.config.digest).read_bytes())
        chains = [None, *chain_ids(config.diff_ids)]
        for place, layer in enumerate(document.layers):
            chain = chains[place + 1]
            assert chain is not None
            if chain not in entries:
                target = folder / "layers" / chain.hex / "fs"
                target.mkdir(parents=True)
                os.chown(target, ids.to_sandbox(0), ids.to_sandbox(0))
                with open(_blob(catalog, layer.digest), "rb", buffering=0) as blob:
                    size = apply_layer(blob, layer.media_type, target, ids).size
                entries[chain] = {
                    "chain": str(chain),
                    "diff_id": str(config.diff_ids[place]),
                    "parent": str(chains[place]) if place else None,
                    "digest": str(layer.digest),
                    "usage": size,
                }
    (folder / "index.json").write_text(json.dumps({"layers": list(entries.values())}))


def _blob(catalog: Path, digest: Digest) -> Path:
    return catalog / "blobs" / digest.algorithm / digest.hex


def _main(job: dict[str, Any]) -> int:
    if os.geteuid() == 0:
        syscalls.unshare(CLONE.NEWNS)
        syscalls.mount(None, "/", None, MS.REC | MS.PRIVATE)
        place = job["readonly"]
        syscalls.mount(place, place, None, MS.BIND)
        syscalls.mount(None, place, None, MS.REMOUNT | MS.BIND | MS.RDONLY)

    def configured(**members: Any) -> EngineConfig:
        return dataclasses.replace(EngineConfig(**members), **job["members"])

    launcher.EngineConfig = configured  # type: ignore[assignment,attr-defined]
    catalog = Path(job["catalog"]) if job["catalog"] else None
    launch = Launch(Path(job["root"]), Path(job["socket"]), catalog, sys.stdin.fileno())
    return launcher.Launcher(launch, lambda line: print(line, flush=True)).run()


if __name__ == "__main__":
    sys.exit(_main(json.loads(sys.argv[1])))
