"""Which containers `docker ps` shows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from lab.engine.containers import Container, Containers
from lab.engine.state import Status
from lab.errors import InvalidParameter

LIST_FILTERS = frozenset(
    "ancestor before exited expose health id is-task label name network publish since status volume".split()
)


class ListFilters(Protocol):
    """The parsed `filters` parameter."""

    def get(self, key: str) -> tuple[str, ...]: ...
    def allows_labels(self, labels: dict[str, str]) -> bool: ...


def select(
    containers: Containers, filters: ListFilters, everything: bool, limit: int | None
) -> list[Container]:
    """Return the containers to list, the latest first; only those that run unless `everything`.

    With a `limit` above 0, that many of the latest, running or not.
    """
    found = containers.all()
    if limit is not None and limit > 0:
        everything = True
    if not everything:
        found = [each for each in found if each.record.state.is_running]
    for keep in _conditions(containers, filters):
        found = [each for each in found if keep(each)]
    return found[:limit] if limit is not None and limit > 0 else found


def _conditions(containers: Containers, filters: ListFilters) -> list[Callable[[Container], bool]]:
    conditions: list[Callable[[Container], bool]] = [
        lambda each: filters.allows_labels(each.record.config["Labels"])
    ]
    for value in filters.get("status"):
        if value not in set(Status):
            raise InvalidParameter(f"invalid filter 'status={value}'")
    simple: dict[str, Callable[[Container, str], bool]] = {
        "id": lambda each, value: each.id.startswith(value),
        "name": lambda each, value: value.removeprefix("/") in each.name,
        "status": lambda each, value: each.status == value,
        "exited": lambda each, value: _exited_with(each, value),
        "ancestor": lambda each, value: _descends(each, value),
        "network": lambda each, value: value == each.settings.network,
        "volume": lambda each, value: any(
            value in (mount.source, mount.destination) for mount in each.settings.binds
        ),
    }
    for key, matches in simple.items():
        if wanted := filters.get(key):
            conditions.append(_any_of(matches, wanted))
    conditions += _order_conditions(containers, filters)
    return conditions


def _any_of(
    matches: Callable[[Container, str], bool], wanted: tuple[str, ...]
) -> Callable[[Container], bool]:
    return lambda each: any(matches(each, value) for value in wanted)


def _order_conditions(
    containers: Containers, filters: ListFilters
) -> list[Callable[[Container], bool]]:
    conditions: list[Callable[[Container], bool]] = []
    for value in filters.get("before"):
        limit = containers.get(value).record.created
        conditions.append(lambda each, limit=limit: each.record.created < limit)  # type: ignore[misc]
    for value in filters.get("since"):
        limit = containers.get(value).record.created
        conditions.append(lambda each, limit=limit: each.record.created > limit)  # type: ignore[misc]
    return conditions


def _exited_with(container: Container, value: str) -> bool:
    if not value.isdecimal():
        raise InvalidParameter(f"invalid filter 'exited={value}'")
    return container.status is Status.EXITED and container.record.state.exit_code == int(value)


def _descends(container: Container, value: str) -> bool:
    name = container.record.image_name
    image = container.record.image
    return value in (
        name,
        f"{name}:latest",
        name.removesuffix(":latest"),
        image,
    ) or image.removeprefix("sha256:").startswith(value.removeprefix("sha256:"))
