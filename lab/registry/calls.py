"""One request to the Hub, as its handlers see it: parsed, identified, admitted."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from aiohttp import web

from lab.oci.digest import Digest
from lab.registry import names
from lab.registry.access import Caller
from lab.registry.errors import Code, Refused
from lab.registry.names import Repository, Tag

if TYPE_CHECKING:
    from lab.registry.hub import Hub

_BATCH = 1 << 20
"""Bytes that are handed to the disk at once; fewer would cost a thread switch too often."""


@dataclass(frozen=True, slots=True)
class Call:
    """A request whose sender may do what its route stands for; `name` is empty if it has none."""

    hub: Hub
    request: web.Request
    caller: Caller
    name: Repository

    @property
    def digest(self) -> Digest:
        """The digest in the URL.  Refused: DIGEST_INVALID."""
        return names.digest(self.request.match_info["digest"])

    @property
    def reference(self) -> Tag | Digest:
        """The tag or digest in a manifest's URL.  Refused: TAG_INVALID, DIGEST_INVALID."""
        return names.tag_or_digest(self.request.match_info["reference"])

    def query(self, key: str) -> str:
        """A parameter of the query; empty if it is absent."""
        return self.request.query.get(key, "")

    async def batches(self) -> AsyncIterator[bytes]:
        """Yield the request's body in pieces of about a megabyte.

        Raises ConnectionError if the client went away before the end; what it had sent comes
        first.
        """
        batch = bytearray()
        try:
            async for data in self.request.content.iter_any():
                batch += data
                if len(batch) >= _BATCH:
                    yield bytes(batch)
                    batch.clear()
        except ConnectionError:
            if batch:
                yield bytes(batch)
            raise
        if batch:
            yield bytes(batch)

    async def body(self, limit: int, too_large: Code) -> bytes:
        """Return the whole body; Refused (`too_large`) if it has more than `limit` bytes."""
        if (self.request.content_length or 0) > limit:
            raise Refused(too_large)
        whole = bytearray()
        async for data in self.request.content.iter_any():
            whole += data
            if len(whole) > limit:
                raise Refused(too_large)
        return bytes(whole)


Handler = Callable[[Call], Awaitable[web.StreamResponse]]


def page(call: Call, entries: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Return the part of sorted `entries` that `n` and `last` ask for, and a Link to the next.

    Refused: PAGE_INVALID.  Source: distribution-spec 1.1, "Listing Tags"; RFC 5988.
    """
    last, text = call.query("last"), call.query("n")
    rest = [entry for entry in entries if entry > last] if last else list(entries)
    if not text:
        return rest, {}
    if not (text.isascii() and text.isdecimal()):
        raise Refused(Code.PAGE_INVALID, detail={"n": text})
    count = int(text)
    part = rest[:count]
    if not part or count >= len(rest):
        return part, {}
    query = f"last={quote(part[-1], safe='')}&n={count}"
    return part, {"Link": f'<{call.request.path}?{query}>; rel="next"'}
