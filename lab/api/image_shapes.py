"""What images look like in answers: `docker images`, `docker image inspect`, `docker history`."""

from __future__ import annotations

from collections.abc import Iterable

from lab.engine.image_list import Listed
from lab.engine.image_removal import Removed
from lab.engine.images import HistoryRow
from lab.engine.moments import parse_moment
from lab.engine.registries import Found
from lab.engine.state import NEVER, moment
from lab.oci.fields import Json, without_empty
from lab.oci.image_config import ContainerConfig, ImageConfig
from lab.oci.reference import Reference

Version = tuple[int, ...]

_MISSING = "<missing>"
_EMPTY_CONFIG: Json = {
    "Hostname": "",
    "Domainname": "",
    "User": "",
    "AttachStdin": False,
    "AttachStdout": False,
    "AttachStderr": False,
    "Tty": False,
    "OpenStdin": False,
    "StdinOnce": False,
    "Env": None,
    "Cmd": None,
    "Image": "",
    "Volumes": None,
    "WorkingDir": "",
    "Entrypoint": None,
    "OnBuild": None,
    "Labels": None,
}


def summary(row: Listed, version: Version) -> Json:
    """Return one row of ImageList, as that version of the API has it."""
    image = row.image
    labels = image.config.config.labels
    shape: Json = {
        "Containers": row.containers,
        "Created": _seconds(image.config.created),
        "Id": str(image.id),
        "Labels": labels or None,
        "ParentId": str(image.parent or ""),
        "RepoDigests": _familiar(row.digests),
        "RepoTags": _familiar(row.tags),
        "SharedSize": row.shared,
        "Size": image.size,
    }
    if version < (1, 43) and not row.tags and not row.digests:
        shape["RepoTags"], shape["RepoDigests"] = ["<none>:<none>"], ["<none>@<none>"]
    if version < (1, 44):
        shape["VirtualSize"] = image.size
    return shape


def inspect(row: Listed, driver: Json, tagged_at: float | None, version: Version) -> Json:
    """Return what ImageInspect answers.

    `driver` tells where the layers are; `tagged_at` is seconds since the epoch.
    """
    image, config = row.image, row.image.config
    shape: Json = {
        "Id": str(image.id),
        "RepoTags": _familiar(row.tags),
        "RepoDigests": _familiar(row.digests),
        "Parent": str(image.parent or ""),
        "Comment": config.history[-1].comment if config.history else "",
        "Created": config.created,
        "DockerVersion": "",
        "Author": config.author,
        "Config": container_config(config.config),
        "Architecture": config.architecture,
        **without_empty({"Variant": config.variant}),
        "Os": config.os,
        "Size": image.size,
        "GraphDriver": driver,
        "RootFS": _rootfs(config),
        "Metadata": {"LastTagTime": NEVER if tagged_at is None else moment(tagged_at)},
    }
    if version < (1, 44):
        shape["VirtualSize"] = image.size
        shape["Created"] = config.created or NEVER
    if version < (1, 45):
        shape["Container"] = ""
        shape["ContainerConfig"] = dict(_EMPTY_CONFIG)
    return shape


def container_config(config: ContainerConfig) -> Json:
    """Return an image's settings with all members that Docker's Config has."""
    return {**_EMPTY_CONFIG, **config.to_json()}


def history(rows: Iterable[HistoryRow]) -> list[Json]:
    """Return what ImageHistory answers."""
    return [
        {
            "Comment": row.entry.comment,
            "Created": _seconds(row.entry.created),
            "CreatedBy": row.entry.created_by,
            "Id": row.image or _MISSING,
            "Size": row.size,
            "Tags": _familiar(row.tags) or None,
        }
        for row in rows
    ]


def removed(records: Iterable[Removed]) -> list[Json]:
    """Return what ImageDelete answers."""
    return [
        {"Untagged": each.untagged} if each.untagged else {"Deleted": each.deleted}
        for each in records
    ]


def found(repositories: Iterable[Found]) -> list[Json]:
    """Return what ImageSearch answers."""
    return [
        {
            "star_count": 0,
            "is_official": each.official,
            "name": each.name,
            "is_automated": False,
            "description": each.about,
        }
        for each in repositories
    ]


def _rootfs(config: ImageConfig) -> Json:
    return {"Type": "layers", "Layers": [str(diff_id) for diff_id in config.diff_ids]}


def _familiar(names: Iterable[Reference]) -> list[str]:
    return [name.familiar() for name in names]


def _seconds(created: str) -> int:
    return (parse_moment(created) or 0) // 1_000_000
