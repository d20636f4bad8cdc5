"""From what an engine tells to what the layers widget draws.  Plain values in, JSON out.

tower     a layer, with what stands on it: {"chain", "number", ..., "above": [towers],
          "images": [images whose topmost layer this is]}
image     {"id", "names", "size", "steps"}
container {"id", "name", "image", "status", "running"}
written   {"size", "counts", "changes", "truncated"}
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from lab.widgets.history import Step
from lab.widgets.naming import name_of

Json = dict[str, Any]

MAX_IMAGES = 12
"""How many images are drawn; the rest is counted."""

MAX_CHANGES = 100
"""How many changed paths of a container are drawn."""


@dataclass(frozen=True, slots=True)
class Shown:
    """An image to draw: its id, its names and its history, base first."""

    id: str
    names: tuple[str, ...]
    steps: tuple[Step, ...]


def towers(images: Sequence[Shown]) -> list[Json]:
    """Return the layers as they stand on each other; what images share is there once.

    Images without layers (or none that the engine could tell) are towers of their own.
    """
    found: list[Json] = []
    by_chain: dict[str, Json] = {}
    for image in images:
        floor, below = found, None
        for step in image.steps:
            if not step.number:
                continue
            if step.chain not in by_chain:
                by_chain[step.chain] = _tower(step)
                floor.append(by_chain[step.chain])
            below = by_chain[step.chain]
            floor = below["above"]
        if below is None:
            below = _tower(Step(0, "", "", chain=f"empty:{image.id}"))
            found.append(below)
        below["images"].append(_image(image))
    for tower in found:
        _count_owners(tower)
    return found


def containers(listed: Sequence[Mapping[str, Any]], images: Sequence[str]) -> list[Json]:
    """Return the containers of these images, given by id, the oldest first.

    `listed` is what GET /containers/json answers, the latest first.
    """
    return [
        {
            "id": each["Id"],
            "name": name_of(each),
            "image": each["ImageID"],
            "status": each["State"],
            "running": each["State"] in ("running", "paused", "restarting"),
        }
        for each in reversed(listed)
        if each["ImageID"] in images
    ]


def written(state: Mapping[str, Any]) -> Json:
    """Return what a container changed; `counts` are changed, added, deleted, as Docker numbers them.

    Each change is [kind, path, bytes]; bytes is None where the engine does not tell.
    """
    changes = state["Changes"]
    counts = [0, 0, 0]
    for change in changes:
        counts[change["Kind"]] += 1
    return {
        "size": state["Size"],
        "counts": counts,
        "changes": [[c["Kind"], c["Path"], c.get("Size")] for c in changes[:MAX_CHANGES]],
        "truncated": state["Truncated"] or len(changes) > MAX_CHANGES,
    }


def short_names(names: Sequence[str] | None) -> tuple[str, ...]:
    """Return an image's names, the one with `latest` first; Docker's `<none>` is no name."""
    known = [name for name in names or () if "<none>" not in name]
    return tuple(sorted(known, key=lambda name: (not name.endswith(":latest"), name)))


def _tower(step: Step) -> Json:
    return {
        "chain": step.chain,
        "number": step.number,
        "size": step.size,
        "command": step.command,
        "created": step.created,
        "layer": step.layer,
        "elsewhere": list(step.shared_with),
        "above": [],
        "images": [],
        "owners": [],
    }


def _image(image: Shown) -> Json:
    sizes = [step.size for step in image.steps if step.number]
    return {
        "id": image.id,
        "names": list(image.names),
        "size": None if None in sizes else sum(size or 0 for size in sizes),
        "steps": [asdict(step) for step in image.steps],
    }


def _count_owners(tower: Json) -> list[str]:
    """Fill in, for a tower and all above it, which drawn images have the layer."""
    owners = [image["id"] for image in tower["images"]]
    for above in tower["above"]:
        owners += _count_owners(above)
    tower["owners"] = owners
    return owners
