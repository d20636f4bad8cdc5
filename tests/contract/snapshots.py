"""What the tests of snapshotters share: real mounts in a child process, and committed layers.

Mounting happens in a mount namespace of its own: as root directly, or in a user namespace with
many ids, which is what the lab's sandbox is.
"""

from __future__ import annotations

import gzip
import io
import json
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

from lab.database import Database
from lab.image.layer import apply_layer
from lab.kernel.idmap import IdMap
from lab.oci.runtime_spec import Mount
from lab.snapshot.base import Snapshotter
from lab.snapshot.native import NativeSnapshotter
from lab.snapshot.overlay import OverlaySnapshotter

IDS = IdMap(1)

# mount(2) itself, since mount(8) may use calls with other limits
MOUNTER = """
import ctypes, json, os, sys
libc = ctypes.CDLL(None, use_errno=True)
job = json.loads(sys.argv[1])
NEWNS, NEWUSER = 0x20000, 0x10000000
RDONLY, REMOUNT, BIND, REC, PRIVATE = 1, 32, 4096, 16384, 1 << 18

def check(result, what):
    if result < 0:
        code = ctypes.get_errno()
        sys.exit(f"{what}: {os.strerror(code)}")

def mount(source, target, kind, flags, data):
    args = [x.encode() if x is not None else None for x in (source, target, kind)]
    check(libc.mount(*args, ctypes.c_ulong(flags), data.encode()), f"mount {kind} {len(data)}")

check(libc.unshare(NEWNS | (NEWUSER if job["user"] else 0)), "unshare")
if job["user"]:
    print("ready", flush=True)
    sys.stdin.readline()
mount(None, "/", None, REC | PRIVATE, "")
os.chdir(job["base"])
for kind, source, options in job["mounts"]:
    if kind == "bind":
        mount(source, job["target"], None, BIND | REC, "")
        if "ro" in options:
            mount(None, job["target"], None, REMOUNT | BIND | RDONLY, "")
    else:
        data = ",".join(option for option in options if option not in ("ro", "rw"))
        mount(source, job["target"], kind, RDONLY if "ro" in options else 0, data)
os.chdir(job["target"])
os.execvp("sh", ["sh", "-ec", job["command"]])
"""


def run(
    base: Path,
    mounts: list[Mount],
    target: Path,
    command: str,
    user: bool = False,
) -> str:
    """Perform the mounts at `target` in a namespace of its own, run a shell there; its output."""
    job = {
        "base": str(base),
        "mounts": [(mount.type, mount.source, mount.options) for mount in mounts],
        "target": str(target),
        "command": command,
        "user": user,
    }
    target.mkdir(exist_ok=True)
    child = subprocess.Popen(
        [sys.executable, "-c", MOUNTER, json.dumps(job)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    if user:
        assert child.stdout is not None
        if child.stdout.readline() == "ready\n":
            for kind in ("uid", "gid"):
                Path(f"/proc/{child.pid}/{kind}_map").write_text("0 0 1\n1 100000 65536\n")
    output, errors = child.communicate("\n", timeout=60)
    if child.returncode:
        raise RuntimeError(errors + output)
    return output


@cache
def mounting_works(kind: str, user: bool = False) -> bool:
    """Whether this place allows such mounts at all; asked without any snapshotter."""
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        base.chmod(0o755)
        for name in ("lower", "upper", "work"):
            (base / name).mkdir()
        options = ("lowerdir=lower", "upperdir=upper", "workdir=work", "userxattr", "volatile")
        mount = {
            "overlay": Mount("", "overlay", "overlay", options),
            "native": Mount("", "bind", str(base / "lower"), ("rbind", "rw")),
        }[kind]
        try:
            run(base, [mount], base / "target", "touch f", user)
        except (OSError, RuntimeError):
            return False
        return True


def overlay(base: Path) -> Snapshotter:
    return OverlaySnapshotter(base / "root", Database(base / "lab.db"), IDS)


def native(base: Path) -> Snapshotter:
    return NativeSnapshotter(base / "root", Database(base / "lab.db"), IDS)


FACTORIES: dict[str, Callable[[Path], Snapshotter]] = {"overlay": overlay, "native": native}


def layer(files: dict[str, str | None]) -> bytes:
    """A gzip layer: path -> content, None for a deletion; `/` at the end for a directory."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path, content in files.items():
            parent, slash, name = path.rpartition("/")
            member = tarfile.TarInfo(path if content is not None else f"{parent}{slash}.wh.{name}")
            data = (content or "").encode()
            member.size = len(data)
            if path.endswith("/"):
                member.type = tarfile.DIRTYPE
                member.mode = 0o755
            tar.addfile(member, io.BytesIO(data))
    return gzip.compress(buffer.getvalue())


def fill(
    snapshotter: Snapshotter, name: str, parent: str | None, files: dict[str, str | None]
) -> None:
    """Commit a layer under `name`."""
    snapshotter.prepare("unpacking", parent)
    target = snapshotter.upper("unpacking")
    apply_layer(io.BytesIO(layer(files)), "", target, IDS)
    snapshotter.commit(name, "unpacking")
