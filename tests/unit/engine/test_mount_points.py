"""What -v, --mount, --tmpfs and --volumes-from ask for, and Docker's words for what is wrong."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest

from lab.engine.container_mounts import in_order, wanted
from lab.engine.mount_points import (
    MountPoint,
    anonymous,
    parse_bind,
    parse_mount,
    parse_tmpfs,
    parse_volumes_from,
)
from lab.errors import InvalidParameter, LabError, Unsupported
from lab.oci.runtime_spec import Mount


def bind(source: str, destination: str, **members: Any) -> MountPoint:
    return MountPoint("bind", destination, source, propagation="rprivate", make=True, **members)


def volume(name: str, destination: str, **members: Any) -> MountPoint:
    return MountPoint("volume", destination, name=name, **{"copy": True, "mode": "z", **members})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/a:/b", bind("/a", "/b")),
        ("/a/:/b/:ro", bind("/a", "/b", mode="ro", rw=False)),
        ("/a:/b:rw,z", bind("/a", "/b", mode="rw,z")),
        ("/a:/b:", bind("/a", "/b")),
        ("//a/../c:/b", bind("/c", "/b")),
        ("data:/b", volume("data", "/b")),
        ("data:/b:ro,nocopy", volume("data", "/b", mode="ro,nocopy", rw=False, copy=False)),
        ("/b", volume("", "/b", mode="", anonymous=True)),
    ],
)
def test_binds(text: str, expected: MountPoint) -> None:
    """Are the forms of -v read?"""
    assert parse_bind(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("/a:/b:ro:x", "invalid volume specification: '/a:/b:ro:x'"),
        ("/a:b", "mount path must be absolute"),
        ("/a:/", "destination can't be '/'"),
        ("data:/.", "destination can't be '/'"),
        ("/a:ro", "invalid volume specification"),
        ("/a:/b:fast", "invalid mode: fast"),
        ("/a:/b:ro,rw", "invalid mode: ro,rw"),
        ("/a:/b:shared", "not a shared mount"),
        (":/b", "invalid volume specification"),
        (r"C:\x:/b", "invalid volume specification"),
    ],
)
def test_wrong_binds(text: str, message: str) -> None:
    """Is what cannot be refused?"""
    with pytest.raises(InvalidParameter, match=message):
        parse_bind(text)


def test_mounts() -> None:
    """Are the three types of --mount read?"""
    made = parse_mount({"Type": "bind", "Source": "/a", "Target": "/b", "ReadOnly": True})
    assert (made.source, made.rw, made.make) == ("/a", False, False)
    options = {"NoCopy": True, "Labels": {"x": "y"}, "Subpath": "in/it"}
    made = parse_mount(
        {"Type": "volume", "Source": "data", "Target": "/b", "VolumeOptions": options}
    )
    assert (made.name, made.copy, made.labels, made.subpath) == ("data", False, {"x": "y"}, "in/it")
    options = {"SizeBytes": 64 << 20, "Mode": 0o1770}
    made = parse_mount({"Type": "tmpfs", "Target": "/b", "TmpfsOptions": options})
    assert made.words == ("noexec", "nosuid", "nodev", "mode=1770", "size=64m")


@pytest.mark.parametrize(
    ("spec", "kind", "message"),
    [
        ({"Type": "bind", "Target": "/b"}, InvalidParameter, "field Source must not be empty"),
        ({"Type": "volume"}, InvalidParameter, "field Target must not be empty"),
        ({"Type": "volume", "Target": "/"}, InvalidParameter, "destination can't be '/'"),
        ({"Type": "what", "Target": "/b"}, InvalidParameter, "mount type unknown"),
        ({"Type": "image", "Target": "/b", "Source": "x"}, Unsupported, "type=image"),
        (
            {"Type": "tmpfs", "Target": "/b", "Source": "x"},
            InvalidParameter,
            "field Source must not be specified",
        ),
        (
            {"Type": "tmpfs", "Target": "/b", "BindOptions": {}},
            InvalidParameter,
            "field BindOptions must not be specified",
        ),
        (
            {
                "Type": "volume",
                "Source": "d",
                "Target": "/b",
                "VolumeOptions": {"Subpath": "a/../.."},
            },
            InvalidParameter,
            "subpath must be a relative path within the volume",
        ),
        (
            {"Type": "volume", "Target": "/b", "VolumeOptions": {"Subpath": "a"}},
            InvalidParameter,
            "must not set Subpath when using anonymous volumes",
        ),
    ],
)
def test_wrong_mounts(spec: dict[str, Any], kind: type[LabError], message: str) -> None:
    """Are impossible mounts refused in Docker's words?"""
    with pytest.raises(kind, match=message):
        parse_mount(spec)


def test_tmpfs_words() -> None:
    """Do options of --tmpfs change Docker's defaults, and are unknown ones refused?"""
    assert parse_tmpfs("/t/", "exec,size=1m").options == ("nosuid", "nodev", "size=1m")
    assert parse_tmpfs("/t", "").destination == "/t"
    with pytest.raises(InvalidParameter, match=r'Invalid tmpfs option \["foo" "bar"\]'):
        parse_tmpfs("/t", "foo,rw,bar")


def test_volumes_from() -> None:
    """Is the mode of --volumes-from read, and one that makes no sense refused?"""
    assert parse_volumes_from("other") == ("other", True)
    assert parse_volumes_from("other:ro") == ("other", False)
    with pytest.raises(InvalidParameter, match="invalid mode: nocopy"):
        parse_volumes_from("other:nocopy")


def test_later_kinds_replace_earlier_ones() -> None:
    """Do -v and --mount win over --volumes-from, and all of them over the image's VOLUME?"""
    others = [volume("old", "/a"), volume("kept", "/c")]
    config, host = {"Volumes": {"/a": {}, "/t": {}, "/v": {}}}, {"VolumesFrom": ["other:ro"]}
    found = wanted([parse_bind("new:/a")], ["/t"], config, host, lambda name: others)
    assert [(each.destination, each.name, each.rw) for each in found] == [
        ("/a", "new", True),
        ("/c", "kept", False),
        ("/v", "", True),
    ]
    with pytest.raises(InvalidParameter, match="Duplicate mount point: /t"):
        wanted([parse_bind("new:/t")], ["/t"], config, {"VolumesFrom": None}, lambda name: [])


def test_what_lies_above_comes_first() -> None:
    """Is a mount inside another one mounted after it?"""
    mounts = [Mount("/a/b/c"), Mount("/a"), Mount("/a/b"), Mount("/z")]
    assert [each.destination for each in in_order(mounts)] == ["/a", "/z", "/a/b", "/a/b/c"]


@pytest.mark.parametrize("point", [parse_bind("/a:/b:ro"), anonymous("/x"), volume("d", "/y")])
def test_records(point: MountPoint) -> None:
    """Does what is stored give the same again?"""
    assert MountPoint.from_json(asdict(point)) == point
