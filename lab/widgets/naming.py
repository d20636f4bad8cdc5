"""Which containers a widget is about: names, or the beginnings of ids, as the docker CLI has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def name_of(listed: Mapping[str, Any]) -> str:
    """Return the name of a container that GET /containers/json tells of."""
    names = listed.get("Names") or [f"/{listed['Id'][:12]}"]
    # a container's links to others have names with more than one slash
    return str(min(names, key=lambda name: name.count("/"))).lstrip("/")


def select(wanted: Sequence[str], known: Sequence[tuple[str, str]]) -> tuple[list[int], list[str]]:
    """Return the indices of the (name, id) pairs that are meant, and the words that mean none.

    All are meant if `wanted` is empty; a name goes before the beginning of an id.
    """
    if not wanted:
        return list(range(len(known))), []
    found = {word: _meant(word, known) for word in wanted}
    chosen = {index for indices in found.values() for index in indices}
    return sorted(chosen), [word for word in wanted if not found[word]]


def _meant(word: str, known: Sequence[tuple[str, str]]) -> list[int]:
    named = [index for index, (name, _) in enumerate(known) if name == word]
    begun = [index for index, (_, id) in enumerate(known) if word and id.startswith(word)]
    return named or begun
