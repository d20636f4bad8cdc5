"""How an image came about, step by step: from the lab's extension, or from Docker's API."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

Json = Mapping[str, Any]

_SHELL = "/bin/sh -c "
_NOP = "#(nop) "
_MAKES_FILES = ("RUN", "COPY", "ADD", "WORKDIR")


@dataclass(frozen=True, slots=True)
class Step:
    """One step: a layer, numbered from 1, the base; or (`number` 0) settings, which make none.

    `chain` identifies the layer together with all below it, `layer` the layer alone (its diff
    id); `size` is bytes, None if unknown; `created` is RFC 3339; `command` is written as in a
    Dockerfile; `shared_with` names other images with the same layer, as far as the engine tells.
    """

    number: int
    command: str
    created: str
    chain: str = ""
    layer: str = ""
    size: int | None = 0
    shared_with: tuple[str, ...] = ()


def from_extension(layers: Sequence[Json]) -> list[Step]:
    """Return the steps from an answer of /lab/v1/images/NAME/layers, base first."""
    return [
        Step(
            number=step.get("Number", 0),
            command=instruction(step["CreatedBy"]),
            created=step["Created"],
            chain=step.get("ChainId", ""),
            layer=step.get("DiffId", ""),
            size=step.get("Size", 0),
            shared_with=tuple(step.get("SharedWith", ())),
        )
        for step in layers
    ]


def from_docker(history: Sequence[Json], layers: Sequence[str]) -> list[Step]:
    """Return the steps from `docker history` (latest first) and the image's layers, base first.

    Docker does not say which steps made a layer.  Those with a size did; where layers are left
    over, the first of those whose instruction can make one.  If that does not fit either, the
    layers are told without their history.
    """
    oldest_first = list(reversed(history))
    makers = _makers(oldest_first, len(layers))
    if makers is None:
        return _numbered([Step(1, "", "", size=None)] * len(layers), layers)
    steps = [
        Step(int(index in makers), instruction(entry["CreatedBy"]), _moment(entry["Created"]),
             size=entry["Size"])
        for index, entry in enumerate(oldest_first)
    ]  # fmt: skip
    return _numbered(steps, layers)


def instruction(created_by: str) -> str:
    """Return a history's text as the Dockerfile had it: `/bin/sh -c #(nop) CMD x` is `CMD x`."""
    text = created_by.strip()
    if text.startswith(_SHELL):
        text = text.removeprefix(_SHELL).strip()
        if not text.startswith(_NOP.strip()):
            return f"RUN {text}"
    return text.removeprefix(_NOP.strip()).strip()


def chain_ids(layers: Sequence[str]) -> list[str]:
    """Return the identity of each layer with all below it.  Source: image-spec, Layer ChainID."""
    chains: list[str] = []
    for layer in layers:
        if chains:
            layer = "sha256:" + hashlib.sha256(f"{chains[-1]} {layer}".encode()).hexdigest()
        chains.append(layer)
    return chains


def _makers(history: Sequence[Json], count: int) -> set[int] | None:
    """Return the indices of `count` steps that made layers; None if they cannot be told."""
    makers = {index for index, entry in enumerate(history) if entry["Size"]}
    for index, entry in enumerate(history):
        if len(makers) >= count:
            break
        if instruction(entry["CreatedBy"]).startswith(_MAKES_FILES):
            makers.add(index)
    return makers if len(makers) == count else None


def _numbered(steps: Sequence[Step], layers: Sequence[str]) -> list[Step]:
    """Give the steps that made a layer (any number but 0) their numbers and the layers' ids."""
    ids = iter(enumerate(zip(layers, chain_ids(layers), strict=True), start=1))
    numbered = []
    for step in steps:
        if step.number:
            number, (layer, chain) = next(ids)
            step = Step(number, step.command, step.created, chain, layer, step.size)
        numbered.append(step)
    return numbered


def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
