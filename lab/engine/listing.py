"""Which containers `docker ps` shows."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Protocol

from lab.engine.containers import Container, Containers
from lab.engine.state import NEVER, Status
from lab.errors import InvalidParameter, NotFound
from lab.image.store import ImageStore
from lab.oci.digest import Digest

Condition = Callable[[Container], bool]

LIST_FILTERS = frozenset(
    "ancestor before exited expose health id is-task label name network publish since status volume".split()
)


class ListFilters(Protocol):
    """The parsed `filters` parameter."""

    def get(self, key: str) -> tuple[str, ...]: ...
    def allows_labels(self, labels: dict[str, str]) -> bool: ...


def select(
    containers: Containers,
    images: ImageStore,
    filters: ListFilters,
    everything: bool,
    limit: int | None,
) -> list[Container]:
    """Return the containers to list, the latest first; only those that run unless `everything`.

    With a `limit` above 0, that many of the latest, running or not.  Raises InvalidParameter for
    filters that make no sense, NotFound for containers that they name.
    """
    found = containers.all()
    if limit is not None and limit > 0:
        everything = True
    if not everything:
        found = [each for each in found if each.record.state.is_running]
    for keep in _conditions(containers, images, filters):
        found = [each for each in found if keep(each)]
    return found[:limit] if limit is not None and limit > 0 else found


def shown_image(images: ImageStore, name: str, image_id: str) -> str:
    """Return the name that a container's image is listed by: its id if the name means another now."""
    try:
        return name if str(images.resolve(name).id) == image_id else image_id
    except (NotFound, InvalidParameter):
        return image_id


def _conditions(
    containers: Containers, images: ImageStore, filters: ListFilters
) -> Iterator[Condition]:
    yield lambda each: filters.allows_labels(each.record.config["Labels"])
    for key, condition_of in _SIMPLE.items():
        if wanted := filters.get(key):
            yield _any_of([condition_of(value) for value in wanted])
    if wanted := filters.get("ancestor"):
        family = {str(image) for value in wanted for image in _descendants(images, value)}
        yield lambda each: each.record.image in family
    for value in filters.get("before"):
        yield _created_before(containers.get(value).record.created)
    for value in filters.get("since"):
        yield _created_after(containers.get(value).record.created)


def _any_of(conditions: list[Condition]) -> Condition:
    return lambda each: any(condition(each) for condition in conditions)


def _by_id(value: str) -> Condition:
    return lambda each: each.id.startswith(value)


def _by_name(value: str) -> Condition:
    """A name, or a regular expression for one, with or without Docker's slash."""
    try:
        pattern = re.compile(value)
    except re.error:
        raise InvalidParameter(f"invalid filter 'name={value}'") from None
    return lambda each: bool(pattern.search(each.name) or pattern.search(f"/{each.name}"))


def _by_status(value: str) -> Condition:
    if value not in set(Status):
        raise InvalidParameter(f"invalid filter 'status={value}'")
    return lambda each: each.status == value


def _by_exit_code(value: str) -> Condition:
    if not value.removeprefix("-").isdecimal():
        raise InvalidParameter(f"invalid filter 'exited={value}'")
    code = int(value)
    return lambda each: (
        each.record.state.exit_code == code
        and not each.record.state.is_running
        and each.record.state.started_at != NEVER
    )


def _by_network(value: str) -> Condition:
    return lambda each: any(
        value in (place.network, place.network_id) for place in each.record.networks
    )


def _by_volume(value: str) -> Condition:
    return lambda each: any(
        value in (point.name or point.source, point.destination) for point in each.record.mounts
    )


def _by_health(value: str) -> Condition:
    if value not in ("starting", "healthy", "unhealthy", "none"):
        raise InvalidParameter(f"invalid filter 'health={value}'")
    return lambda each: (each.record.state.health or {"Status": "none"})["Status"] == value


def _by_task(value: str) -> Condition:
    # a task in the sense of swarm mode, which this engine is without
    return lambda each: value.lower() in ("false", "0")


def _by_published(value: str) -> Condition:
    ports = _ports("publish", value)
    return lambda each: not ports.isdisjoint(_host_ports(each))


def _by_exposed(value: str) -> Condition:
    ports = _ports("expose", value)
    return lambda each: not ports.isdisjoint(each.record.ports)


def _host_ports(container: Container) -> Iterator[str]:
    """Yield the ports of the host that lead into a container, such as `8080/tcp`."""
    for key, published in container.record.ports.items():
        for entry in published or ():
            yield f"{entry['HostPort']}/{key.partition('/')[2] or 'tcp'}"


def _ports(key: str, value: str) -> set[str]:
    """Return the ports that `80`, `80/tcp` or `80-90/udp` names, as Docker writes them."""
    numbers, _, protocol = value.partition("/")
    first, _, last = numbers.partition("-")
    if not first.isdecimal() or not (last or first).isdecimal():
        raise InvalidParameter(f"error while looking up for {key} {value}: invalid port number")
    last_port = min(int(last or first), 65535)
    return {f"{number}/{protocol or 'tcp'}" for number in range(int(first), last_port + 1)}


def _created_before(limit: str) -> Condition:
    return lambda each: each.record.created < limit


def _created_after(limit: str) -> Condition:
    return lambda each: each.record.created > limit


def _descendants(images: ImageStore, name: str) -> Iterator[Digest]:
    """Yield the image that `name` means, and those that were built upon it; none if it is absent."""
    try:
        waiting = [images.resolve(name).id]
    except (NotFound, InvalidParameter):
        return
    while waiting:
        image = waiting.pop()
        yield image
        waiting += images.children(image)


_SIMPLE: dict[str, Callable[[str], Condition]] = {
    "id": _by_id,
    "name": _by_name,
    "status": _by_status,
    "exited": _by_exit_code,
    "network": _by_network,
    "volume": _by_volume,
    "health": _by_health,
    "is-task": _by_task,
    "publish": _by_published,
    "expose": _by_exposed,
}
"""Conditions that look at one container only; of several values of a filter one must hold."""
