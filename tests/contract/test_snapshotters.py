"""The contract of snapshotters, for both of them; overlay's mounts are really performed.

Mounting happens in a child process with a mount namespace of its own: as root directly, and once
in a user namespace with many ids, which is what the lab's sandbox is.
"""

from __future__ import annotations

import errno
import gzip
import io
import json
import os
import stat
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from lab.database import Database
from lab.errors import Conflict, InvalidParameter, NotFound, SyscallError
from lab.image.blobs import BlobStore
from lab.image.layer import apply_layer, changes, layer_entries, write_layer
from lab.kernel.idmap import IdMap
from lab.oci.runtime_spec import Mount
from lab.snapshot.base import Kind, Snapshotter
from lab.snapshot.native import NativeSnapshotter
from lab.snapshot.overlay import OverlaySnapshotter

IDS = IdMap(1)
CONTAINER_ROOT = 1

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

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0, reason="snapshots have owners: root is needed, if only of a namespace"
)


@pytest.fixture(params=sorted(FACTORIES))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def snapshotter(kind: str, tmp_path: Path) -> Iterator[Snapshotter]:
    made = FACTORIES[kind](tmp_path)
    yield made
    made.close()


@pytest.fixture
def mounted(snapshotter: Snapshotter, kind: str, tmp_path: Path) -> Callable[[str, str], str]:
    """Runs a shell command in a mounted snapshot, given by its key."""
    if not mounting_works(kind):
        pytest.skip(f"mounting is refused here ({kind})")

    def run_in(key: str, command: str) -> str:
        return run(snapshotter.base, snapshotter.mounts(key), tmp_path / "mnt", command)

    return run_in


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


TREE = "find . -mindepth 1 | sort"


def test_layers_are_seen_through_each_other(
    snapshotter: Snapshotter, mounted: Callable[[str, str], str]
) -> None:
    """Does a snapshot show its parents' files, without what a layer in between deleted?"""
    fill(
        snapshotter, "one", None, {"etc/": "", "etc/a": "1", "etc/b": "1", "dir/": "", "dir/x": "x"}
    )
    fill(snapshotter, "two", "one", {"etc/a": "2", "etc/b": None, "dir": None})
    fill(snapshotter, "three", "two", {"dir/": "", "dir/y": "y"})
    snapshotter.prepare("c", "three")
    assert mounted("c", TREE).split() == ["./dir", "./dir/y", "./etc", "./etc/a"]
    assert mounted("c", "cat etc/a") == "2"


def test_containers_do_not_see_each_other(
    snapshotter: Snapshotter, mounted: Callable[[str, str], str]
) -> None:
    """Are two snapshots of one parent apart, and is the parent unchanged?"""
    fill(snapshotter, "base", None, {"f": "base"})
    snapshotter.prepare("a", "base")
    snapshotter.prepare("b", "base")
    mounted("a", "echo a > f; touch new")
    assert mounted("b", "ls; cat f") == "f\nbase"
    assert mounted("a", "ls; cat f") == "f\nnew\na\n"


def test_changes_survive_mounting_again(
    snapshotter: Snapshotter, mounted: Callable[[str, str], str]
) -> None:
    """Can a container be started again and again on what it wrote?"""
    fill(snapshotter, "base", None, {"f": "x"})
    snapshotter.prepare("c", "base")
    for number in range(3):
        mounted("c", f"echo {number} >> log; rm -f f")
    assert mounted("c", "cat log; ls") == "0\n1\n2\nlog\n"


def test_the_upper_directory_tells_what_a_container_changed(
    snapshotter: Snapshotter, mounted: Callable[[str, str], str]
) -> None:
    """Are changes, as `docker diff` tells them, the same with both snapshotters?"""
    fill(
        snapshotter,
        "base",
        None,
        {"etc/": "", "etc/a": "1", "etc/b": "1", "etc/kept": "", "old/": "", "old/x": "", "t/": ""},
    )
    fill(snapshotter, "top", "base", {"t/inside": "1"})
    snapshotter.prepare("c", "top")
    mounted("c", "echo 22 > etc/a; rm etc/b; mkdir -p srv/d; touch srv/d/f; rm -r old t")
    mounted("c", "mkdir t; touch t/fresh; ln etc/kept etc/link; chmod 600 etc/kept")
    found = [
        f"{change.kind.name[0]} {change.path}"
        for change in changes(snapshotter.upper("c"), snapshotter.lowers("c"))
    ]
    assert found == [
        "M /etc",
        "M /etc/a",
        "D /etc/b",
        "M /etc/kept",
        "A /etc/link",
        "D /old",
        "A /srv",
        "A /srv/d",
        "A /srv/d/f",
        "M /t",
        "A /t/fresh",
        "D /t/inside",
    ]


def test_what_a_container_wrote_becomes_a_layer(
    snapshotter: Snapshotter, mounted: Callable[[str, str], str], tmp_path: Path
) -> None:
    """Does a layer written from a container, unpacked upon the same parent, show the same?"""
    fill(snapshotter, "base", None, {"etc/": "", "etc/a": "1", "etc/b": "1", "d/": "", "d/x": "x"})
    snapshotter.prepare("c", "base")
    mounted("c", "echo 2 > etc/a; rm etc/b; rm -r d; mkdir d; echo y > d/y; ln d/y d/z")
    blobs = BlobStore(tmp_path / "blobs")
    written = write_layer(snapshotter.upper("c"), IDS, blobs)
    snapshotter.prepare("unpack", "base")
    with blobs.open(written.descriptor.digest) as blob:
        apply_layer(blob, "", snapshotter.upper("unpack"), IDS, written.diff_id)
    snapshotter.commit("committed", "unpack")
    snapshotter.prepare("again", "committed")
    look = f"{TREE}; cat etc/a d/*; stat -c %h d/y"
    assert mounted("again", look) == mounted("c", look)
    assert mounted("again", look).endswith("2\ny\ny\n2\n")


def test_a_containers_snapshot_can_be_committed(
    snapshotter: Snapshotter, mounted: Callable[[str, str], str]
) -> None:
    """Can what a container wrote be a parent, with its layer still to be looked at?"""
    fill(snapshotter, "base", None, {"f": "x"})
    snapshotter.prepare("c", "base")
    mounted("c", "echo hello > new; rm f")
    snapshotter.commit("image", "c")
    snapshotter.prepare("d", "image")
    assert mounted("d", "ls; cat new") == "new\nhello\n"
    assert [(entry.path, entry.kind) for entry in layer_entries(snapshotter.upper("image"))] == [
        ("/f", "whiteout"),
        ("/new", "file"),
    ]
    assert snapshotter.usage("image") == snapshotter.stat("image").size == len("hello\n")


def test_a_snapshot_without_parent(
    snapshotter: Snapshotter, mounted: Callable[[str, str], str]
) -> None:
    """Does an active snapshot of nothing start empty, and take files?"""
    snapshotter.prepare("c", None)
    assert mounted("c", "ls -A") == ""
    mounted("c", "echo x > f")
    assert mounted("c", "cat f") == "x\n"
    assert snapshotter.lowers("c") == []
    assert [change.path for change in changes(snapshotter.upper("c"), [])] == ["/f"]


@pytest.mark.parametrize("layers", [0, 1, 3])
def test_a_view_cannot_be_written(
    snapshotter: Snapshotter, mounted: Callable[[str, str], str], layers: int
) -> None:
    """Does a view show all layers, of any number, and refuse every change?"""
    parent = None
    for number in range(layers):
        fill(snapshotter, f"l{number}", parent, {f"f{number}": "x"})
        parent = f"l{number}"
    snapshotter.view("v", parent)
    assert mounted("v", "ls") == "".join(f"f{number}\n" for number in range(layers))
    with pytest.raises(RuntimeError, match="Read-only"):
        mounted("v", "touch x")
    assert snapshotter.usage("v") == 0


def test_the_root_directory_belongs_to_the_container(
    snapshotter: Snapshotter, mounted: Callable[[str, str], str]
) -> None:
    """Has the root directory mode 755 and the container's root as owner, also upon layers?"""
    fill(snapshotter, "base", None, {"f": "x"})
    snapshotter.prepare("c", "base")
    snapshotter.prepare("empty", None)
    for key in ("c", "empty"):
        assert mounted(key, "stat -c '%a %u %g' .") == f"755 {CONTAINER_ROOT} {CONTAINER_ROOT}\n"


def test_a_change_of_the_root_directory_is_inherited(
    snapshotter: Snapshotter, mounted: Callable[[str, str], str]
) -> None:
    """Does a container that changes `/` itself hand that on to what starts from it?"""
    snapshotter.prepare("c", None)
    mounted("c", "chmod 750 .; touch f")
    snapshotter.commit("image", "c")
    snapshotter.prepare("d", "image")
    assert mounted("d", "stat -c %a .") == "750\n"


def test_many_layers(snapshotter: Snapshotter, mounted: Callable[[str, str], str]) -> None:
    """Do the options of 125 layers, with large numbers, fit into one mount(2)?"""
    parent = None
    for number in range(125):
        fill(snapshotter, f"layer{number}", parent, {f"f{number:03}": ""})
        parent = f"layer{number}"
    snapshotter.prepare("c", parent)
    assert mounted("c", "ls | wc -l") == "125\n"
    [mount] = snapshotter.mounts("c")
    # even if a lab has made a million snapshots before
    assert len(",".join(mount.options)) + 126 * 4 < 4095


def test_a_user_namespace_can_mount(snapshotter: Snapshotter, kind: str, tmp_path: Path) -> None:
    """Do mounts work, deletions included, where the sandbox performs them?"""
    if not mounting_works(kind, user=True):
        pytest.skip(f"mounting in a user namespace is refused here ({kind})")
    fill(snapshotter, "base", None, {"f": "x", "g": "x", "d/": "", "d/old": ""})
    fill(snapshotter, "top", "base", {"g": None})
    snapshotter.prepare("c", "top")
    snapshotter.view("v", "top")
    tmp_path.chmod(0o755)
    command = "rm -r f d; mkdir d; echo new > d/h; ls -R"
    _give_to_user_namespace(snapshotter.base.parent)
    output = run(snapshotter.base, snapshotter.mounts("c"), tmp_path / "mnt", command, user=True)
    assert output == ".:\nd\n\n./d:\nh\n"
    output = run(snapshotter.base, snapshotter.mounts("v"), tmp_path / "mnt", "ls", user=True)
    assert output == "d\nf\n"
    found = [change.path for change in changes(snapshotter.upper("c"), snapshotter.lowers("c"))]
    assert found == ["/d", "/d/h", "/d/old", "/f"]


def _give_to_user_namespace(folder: Path) -> None:
    """Change owners 1 to 100000, which is 1 in the namespace, as if the daemon had run there."""
    for path in [folder, *folder.rglob("*")]:
        if path.lstat().st_uid == 1:
            os.chown(path, 100000, 100000, follow_symlinks=False)


def test_records(snapshotter: Snapshotter) -> None:
    """Are kind, parent, time and order of snapshots told?"""
    before = time.time_ns()
    fill(snapshotter, "base", None, {"f": "12345"})
    snapshotter.prepare("a", "base")
    snapshotter.view("v", "base")
    assert [(s.key, s.kind, s.parent) for s in snapshotter.walk()] == [
        ("base", Kind.COMMITTED, None),
        ("a", Kind.ACTIVE, "base"),
        ("v", Kind.VIEW, "base"),
    ]
    assert before <= snapshotter.stat("a").created_ns <= time.time_ns()
    assert snapshotter.stat("base").size == 5
    assert snapshotter.stat("a").size is None


def test_usage_counts_hard_links_once(snapshotter: Snapshotter) -> None:
    """Is usage the bytes of the snapshot's own files?"""
    fill(snapshotter, "base", None, {"big": "x" * 1000})
    snapshotter.prepare("c", "base")
    upper = snapshotter.upper("c")
    (upper / "one").write_text("1234")
    os.link(upper / "one", upper / "two")
    assert snapshotter.usage("c") == 4


def test_keys_are_unique(snapshotter: Snapshotter) -> None:
    """Is a key or name that is taken a conflict, and free again after commit?"""
    fill(snapshotter, "base", None, {})
    snapshotter.prepare("a", "base")
    for again in (snapshotter.prepare, snapshotter.view):
        with pytest.raises(Conflict, match="already exists"):
            again("a", None)
    with pytest.raises(Conflict, match="already exists"):
        snapshotter.commit("base", "a")
    snapshotter.commit("b", "a")
    snapshotter.prepare("a", "b")
    assert snapshotter.stat("a").parent == "b"


def test_unknown_keys(snapshotter: Snapshotter) -> None:
    """Is every question about an unknown key NotFound?"""
    asks: list[Callable[[], object]] = [
        lambda: snapshotter.mounts("x"),
        lambda: snapshotter.commit("name", "x"),
        lambda: snapshotter.remove("x"),
        lambda: snapshotter.stat("x"),
        lambda: snapshotter.usage("x"),
        lambda: snapshotter.upper("x"),
        lambda: snapshotter.lowers("x"),
        lambda: snapshotter.prepare("a", "x"),
        lambda: snapshotter.view("a", "x"),
    ]
    for ask in asks:
        with pytest.raises(NotFound):
            ask()
    assert list(snapshotter.walk()) == []
    assert list(snapshotter.base.iterdir()) == []


def test_only_committed_snapshots_are_parents(snapshotter: Snapshotter) -> None:
    """Are active snapshots and views refused as parents, leaving nothing?"""
    snapshotter.prepare("a", None)
    snapshotter.view("v", None)
    for parent in ("a", "v"):
        with pytest.raises(InvalidParameter, match="not a committed snapshot"):
            snapshotter.prepare("b", parent)
    assert len(list(snapshotter.base.iterdir())) == 2


def test_what_each_kind_refuses(snapshotter: Snapshotter) -> None:
    """Are committing twice, committing a view, mounting what is committed, conflicts?"""
    fill(snapshotter, "base", None, {})
    snapshotter.view("v", "base")
    with pytest.raises(Conflict):
        snapshotter.commit("again", "base")
    with pytest.raises(Conflict):
        snapshotter.commit("again", "v")
    with pytest.raises(Conflict):
        snapshotter.mounts("base")
    with pytest.raises(Conflict):
        snapshotter.upper("v")


def test_parents_cannot_be_removed(snapshotter: Snapshotter) -> None:
    """Is a snapshot removed only after its children?"""
    fill(snapshotter, "one", None, {"f": "x"})
    fill(snapshotter, "two", "one", {})
    with pytest.raises(Conflict, match="child"):
        snapshotter.remove("one")
    snapshotter.remove("two")
    snapshotter.remove("one")
    assert list(snapshotter.walk()) == []


def test_removing_leaves_nothing(snapshotter: Snapshotter) -> None:
    """Is a snapshot gone at once, and its files after the sweep, whatever their modes?"""
    snapshotter.prepare("c", None)
    upper = snapshotter.upper("c")
    (upper / "d/e").mkdir(parents=True)
    (upper / "d/e/f").touch()
    (upper / "d").chmod(0)
    os.mknod(upper / "gone", stat.S_IFCHR, 0)
    snapshotter.remove("c")
    with pytest.raises(NotFound):
        snapshotter.stat("c")
    assert not upper.exists()
    snapshotter.sweep()
    assert list((snapshotter.base.parent / "trash").iterdir()) == []


def test_the_thread_deletes_too(snapshotter: Snapshotter) -> None:
    """Are removed files deleted without a sweep?"""
    for number in range(5):
        snapshotter.prepare(f"c{number}", None)
        snapshotter.remove(f"c{number}")
    snapshotter.close()
    assert list((snapshotter.base.parent / "trash").iterdir()) == []


def test_a_new_start_keeps_snapshots_and_clears_the_rest(
    snapshotter: Snapshotter, kind: str, tmp_path: Path
) -> None:
    """After a crash: are snapshots there, folders without a record and trash gone?"""
    fill(snapshotter, "base", None, {"f": "x"})
    (snapshotter.base / "999").mkdir()
    trash = snapshotter.base.parent / "trash"
    (trash / "left").mkdir()
    snapshotter.close()
    again = FACTORIES[kind](tmp_path)
    again.close()
    assert [snapshot.key for snapshot in again.walk()] == ["base"]
    assert [path.name for path in again.base.iterdir()] == [str(again.stat("base").number)]
    assert list(trash.iterdir()) == []


def test_a_folder_in_the_way_is_no_obstacle(snapshotter: Snapshotter) -> None:
    """If a record was lost after its folder was made, can the number be used again?"""
    snapshotter.prepare("a", None)
    number = snapshotter.stat("a").number
    (snapshotter.base / str(number + 1)).mkdir()
    snapshotter.prepare("b", None)
    assert snapshotter.stat("b").number == number + 1
    assert list(snapshotter.upper("b").iterdir()) == []


def test_a_full_disk_leaves_no_snapshot(
    snapshotter: Snapshotter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Is a snapshot that cannot be furnished not there at all?"""
    true_chown = os.chown

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "chown", full)
    with pytest.raises(SyscallError, match="No space left"):
        snapshotter.prepare("c", None)
    monkeypatch.setattr(os, "chown", true_chown)
    assert (list(snapshotter.walk()), list(snapshotter.base.iterdir())) == ([], [])
    snapshotter.prepare("c", None)


def test_several_threads(snapshotter: Snapshotter) -> None:
    """Can containers be made and removed in parallel?"""
    fill(snapshotter, "base", None, {"f": "x"})
    failures: list[BaseException] = []

    def work(name: str) -> None:
        try:
            for number in range(10):
                snapshotter.prepare(f"{name}{number}", "base")
                snapshotter.mounts(f"{name}{number}")
                snapshotter.remove(f"{name}{number}")
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert [snapshot.key for snapshot in snapshotter.walk()] == ["base"]


def test_two_snapshotters_do_not_mix(tmp_path: Path) -> None:
    """Do both keep their records apart in one database?"""
    database = Database(tmp_path / "lab.db")
    first = OverlaySnapshotter(tmp_path / "one", database, IDS)
    second = NativeSnapshotter(tmp_path / "two", database, IDS)
    first.prepare("a", None)
    second.prepare("a", None)
    first.remove("a")
    assert [snapshot.key for snapshot in second.walk()] == ["a"]
    first.close()
    second.close()


def test_overlay_allows_itself_to_be_mounted_again(tmp_path: Path) -> None:
    """Is the mark that a volatile mount leaves removed by `mounts`?"""
    snapshotter = overlay(tmp_path)
    fill(snapshotter, "base", None, {})
    [mount] = snapshotter.prepare("c", "base")
    assert {"volatile", "userxattr"} <= set(mount.options)
    mark = snapshotter.base / str(snapshotter.stat("c").number) / "work/work/incompat/volatile"
    mark.mkdir(parents=True)
    snapshotter.mounts("c")
    assert not mark.parent.exists()
    snapshotter.close()
