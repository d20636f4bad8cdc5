"""Docker's events, read from the journal."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice

from lab.ids import short_id
from lab.journal import Entry, Journal
from lab.oci.fields import Json

_PAGE = 500


@dataclass(frozen=True, slots=True)
class EventQuery:
    """Which events are wanted: between two moments (nanoseconds; None: open), and by filters.

    `filters` maps Docker's keys (container, event, image, label, type, network, ...) to values of
    which one must match.
    """

    since_ns: int | None = None
    until_ns: int | None = None
    filters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def wants(self, entry: Entry) -> bool:
        """Return whether an entry passes all filters."""
        return all(_matches(entry, key, values) for key, values in self.filters.items())


def to_json(entry: Entry) -> Json:
    """Return Docker's form of an event."""
    seconds = entry.at_ns // 1_000_000_000
    event: Json = {
        "Type": entry.type,
        "Action": entry.action,
        "Actor": {"ID": entry.actor, "Attributes": dict(entry.attributes)},
        "scope": "local",
        "time": seconds,
        "timeNano": entry.at_ns,
    }
    if entry.type in ("container", "image"):
        # members of older clients
        old = {"status": entry.action, "id": entry.actor}
        if entry.type == "container":
            old["from"] = entry.attributes.get("image", "")
        return {**old, **event}
    return event


@dataclass(frozen=True, slots=True)
class Ear:
    """What has happened since somebody began to listen, after the entry number `last`."""

    queue: asyncio.Queue[Entry]
    last: int


@contextmanager
def listening(journal: Journal) -> Iterator[Ear]:
    """Hear all that happens during the block: also while the answer is still being prepared."""
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[Entry] = asyncio.Queue()

    def listen(entry: Entry) -> None:
        loop.call_soon_threadsafe(queue.put_nowait, entry)

    last = journal.subscribe(listen)
    try:
        yield Ear(queue, last)
    finally:
        journal.unsubscribe(listen)


async def stream(
    journal: Journal, query: EventQuery, clock_ns: int, ear: Ear
) -> AsyncGenerator[Entry, None]:
    """Yield wanted entries: those stored since `since_ns`, then those that `ear` hears until
    `until_ns`.

    `clock_ns` is the present moment.  Without `since_ns` there is no history, and without
    `until_ns` no end.
    """
    try:
        if query.since_ns is not None:
            stored = journal.replay(query.since_ns, query.until_ns, ear.last)
            while page := await asyncio.to_thread(list, islice(stored, _PAGE)):
                for entry in filter(query.wants, page):
                    yield entry
        while True:
            left = None if query.until_ns is None else (query.until_ns - clock_ns) / 1e9
            entry = await asyncio.wait_for(ear.queue.get(), left)
            clock_ns = max(clock_ns, entry.at_ns)
            if query.until_ns is not None and entry.at_ns > query.until_ns:
                return
            if query.wants(entry):
                yield entry
    except TimeoutError:
        return


def _matches(entry: Entry, key: str, values: tuple[str, ...]) -> bool:
    if key == "label":
        return all(_has_label(value, entry.attributes) for value in values)
    return any(_matches_one(entry, key, value) for value in values)


def _matches_one(entry: Entry, key: str, value: str) -> bool:
    if key == "type":
        return entry.type == value
    if key == "event":
        return entry.action == value or entry.action.startswith(f"{value}:")
    if key == "scope":
        return value == "local"
    if key == "image":
        name = entry.attributes.get("image" if entry.type == "container" else "name", "")
        return value in (name, name.partition(":")[0], entry.actor, short_id(entry.actor))
    if entry.type == key:
        return value in (entry.actor, entry.attributes.get("name")) or (
            len(value) >= 4 and entry.actor.startswith(value)
        )
    return key == "container" and entry.attributes.get("container", "").startswith(value)


def _has_label(wanted: str, attributes: Mapping[str, str]) -> bool:
    name, equals, value = wanted.partition("=")
    return name in attributes and (not equals or attributes[name] == value)
