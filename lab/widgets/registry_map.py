"""From what is on a registry, and on this machine, to what the registry widget draws.

repository {"name", "official", "images", "truncated", "more"}
image      {"key", "digest", "id", "tags", "size", "here", "layers"}
layer      {"digest", "size", "here", "shared": [other repositories that have this blob]}
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

Json = Mapping[str, Any]

MAX_IMAGES = 12
"""How many images of one repository are drawn; of more, the number is told."""

MAX_SHARED = 8
"""How many other repositories are named for a blob."""

_OFFICIAL = "library/"


@dataclass(frozen=True, slots=True)
class Local:
    """What this machine has: ids of images, and diff ids of layers."""

    images: Collection[str] = ()
    layers: Collection[str] = ()


def name_of(repository: Json, address: str) -> str:
    """Return what people write after `docker pull`."""
    name = str(repository["Name"])
    return f"{address}/{name}" if address else name.removeprefix(_OFFICIAL)


def draw(listing: Json, local: Local, address: str) -> dict[str, Any]:
    """Return the widget's traits: repositories, people's own first; if there are more; and totals."""
    found = sorted(listing["Repositories"], key=lambda each: bool(each["Official"]))
    holders = _holders(found, address)
    return {
        "repositories": [_repository(each, holders, local, address) for each in found],
        "more": bool(listing["Truncated"]),
        "totals": _totals(found),
    }


def _holders(repositories: Collection[Json], address: str) -> dict[str, list[str]]:
    """Return which repositories have each blob."""
    holders: dict[str, list[str]] = {}
    for each in repositories:
        digests = {layer["Digest"] for image in each["Images"] for layer in image["Layers"]}
        for digest in digests:
            holders.setdefault(digest, []).append(name_of(each, address))
    return holders


def _repository(
    listed: Json, holders: Mapping[str, list[str]], local: Local, address: str
) -> dict[str, Any]:
    name = name_of(listed, address)
    return {
        "name": name,
        "official": listed["Official"],
        "images": [_image(each, name, holders, local) for each in listed["Images"][:MAX_IMAGES]],
        "more": max(0, len(listed["Images"]) - MAX_IMAGES),
        "truncated": listed["Truncated"],
    }


def _image(
    listed: Json, repository: str, holders: Mapping[str, list[str]], local: Local
) -> dict[str, Any]:
    return {
        "key": f"{repository}@{listed['Digest']}",
        "digest": listed["Digest"],
        "id": listed["ImageId"],
        "tags": sorted(listed["Tags"], key=lambda tag: (tag != "latest", tag)),
        "size": sum(layer["Size"] for layer in listed["Layers"]),
        "here": bool(listed["ImageId"]) and listed["ImageId"] in local.images,
        "layers": [
            {
                "digest": layer["Digest"],
                "size": layer["Size"],
                "here": bool(layer["DiffId"]) and layer["DiffId"] in local.layers,
                "shared": [name for name in holders[layer["Digest"]] if name != repository][
                    :MAX_SHARED
                ],
            }
            for layer in listed["Layers"]
        ],
    }


def _totals(repositories: Collection[Json]) -> dict[str, int]:
    """Return how many images there are, their bytes together, and those of the blobs, each once."""
    images = [image for each in repositories for image in each["Images"]]
    layers = [layer for image in images for layer in image["Layers"]]
    return {
        "images": len(images),
        "named": sum(layer["Size"] for layer in layers),
        "stored": sum({layer["Digest"]: layer["Size"] for layer in layers}.values()),
    }
