"""Docker's events, read from the journal."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import islice

from lab.errors import InvalidParameter
from lab.journal import Entry, Journal
from lab.oci.fields import Json
from lab.oci.reference import Reference

ROOM = 256
"""Entries that wait for one listener."""

_PAGE = 500
_TYPES = frozenset("config container daemon network node plugin secret service volume".split())
"""Keys under which the beginning of an actor's id or name is given, whatever the actor is."""

_WITH_DETAILS = frozenset(("exec_create", "exec_start", "health_status"))
"""Actions that go on after a colon: where one of them is wanted, beginnings are compared."""


@dataclass(frozen=True, slots=True)
class EventQuery:
    """Which events are wanted: between two moments (nanoseconds; None: open), and by filters.

    `filters` maps Docker's keys (container, event, image, label, type, network, ...) to values of
    which one must match; other keys mean nothing, as with Docker.
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


class Ear:
    """What has happened since somebody began to listen, after the entry number `last`.

    It keeps a few wanted entries, or else the knowledge that there were more.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, query: EventQuery) -> None:
        self.last = 0
        self._loop = loop
        self._query = query
        self._lock = threading.Lock()
        self._entries: list[Entry] = []
        self._too_many = False
        self._wake = asyncio.Event()

    def hear(self, entry: Entry) -> None:
        """Keep an entry if there is room; called in any thread."""
        if not self._query.wants(entry):
            return
        with self._lock:
            if self._too_many:
                return
            self._entries.append(entry)
            if len(self._entries) > ROOM:
                self._entries, self._too_many = [], True
            if len(self._entries) == 1:
                with suppress(RuntimeError):  # the loop is closed: nobody listens
                    self._loop.call_soon_threadsafe(self._wake.set)

    async def take(self) -> AsyncGenerator[Entry, None] | None:
        """Wait for entries and return them; None if there were more than could be kept."""
        await self._wake.wait()
        self._wake.clear()
        with self._lock:
            entries, self._entries = self._entries, []
            too_many, self._too_many = self._too_many, False
        return None if too_many else _each(entries)


@contextmanager
def listening(journal: Journal, query: EventQuery) -> Iterator[Ear]:
    """Hear what is wanted during the block: also while the answer is still being prepared."""
    ear = Ear(asyncio.get_running_loop(), query)
    ear.last = journal.subscribe(ear.hear)
    try:
        yield ear
    finally:
        journal.unsubscribe(ear.hear)


async def stream(
    journal: Journal, query: EventQuery, clock_ns: int, ear: Ear
) -> AsyncGenerator[Entry, None]:
    """Yield wanted entries: those stored since `since_ns`, then those that `ear` hears until
    `until_ns`.

    `clock_ns` is the present moment.  Without `since_ns` there is no history, and without
    `until_ns` no end.  Memory stays bounded however slowly the caller takes them, and nothing is
    left out: what there was no room for is read from the journal.
    """
    last = ear.last
    try:
        if query.since_ns is not None:
            async for entry in _stored(journal.replay(query.since_ns, query.until_ns, last), query):
                yield entry
        while True:
            left = None if query.until_ns is None else (query.until_ns - clock_ns) / 1e9
            heard = await asyncio.wait_for(ear.take(), left)
            if heard is None:
                heard = _stored(journal.replay(after_seq=last), query)
            async for entry in heard:
                if entry.seq <= last:
                    continue
                last, clock_ns = entry.seq, max(clock_ns, entry.at_ns)
                if query.until_ns is not None and entry.at_ns > query.until_ns:
                    return
                yield entry
    except TimeoutError:
        return


async def _stored(stored: Iterator[Entry], query: EventQuery) -> AsyncGenerator[Entry, None]:
    while page := await asyncio.to_thread(list, islice(stored, _PAGE)):
        for entry in filter(query.wants, page):
            yield entry


async def _each(entries: list[Entry]) -> AsyncGenerator[Entry, None]:
    for entry in entries:
        yield entry


def _matches(entry: Entry, key: str, values: tuple[str, ...]) -> bool:
    if not values:
        return True
    if key == "label":
        return all(_has_label(value, entry.attributes) for value in values)
    if key == "event":
        return _matches_action(entry.action, values)
    if key == "type":
        return entry.type in values
    if key == "scope":
        return "local" in values
    if key == "image":
        return not _image_names(entry).isdisjoint(values)
    if key in _TYPES:
        names = (entry.actor, entry.attributes.get("name", ""))
        return any(name.startswith(value) for name in names for value in values)
    # Docker looks only for the keys that it knows
    return True


def _matches_action(action: str, values: tuple[str, ...]) -> bool:
    if _WITH_DETAILS.isdisjoint(values):
        return action in values
    return action.startswith(values)


def _image_names(entry: Entry) -> set[str]:
    """Return what an event's image, or that of its container, is called, with and without a tag."""
    name = entry.attributes.get("name" if entry.type == "image" else "image", "")
    return {entry.actor, name, _without_tag(entry.actor), _without_tag(name)} - {""}


def _without_tag(text: str) -> str:
    try:
        return Reference.parse(text).familiar_name
    except InvalidParameter:
        return text


def _has_label(wanted: str, attributes: Mapping[str, str]) -> bool:
    name, equals, value = wanted.partition("=")
    return name in attributes and (not equals or attributes[name] == value)
