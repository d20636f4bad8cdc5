"""The client of registries against registries that break off, fail for a while, or dawdle."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from lab.errors import RegistryError
from lab.registry.client import RegistryClient
from lab.registry.transport import Limits

from .helpers import HASTY, Served, blob, failure, use
from .stand_in import (
    BLOB_PATH,
    CONTENT,
    HALF,
    PATH,
    StandIn,
    break_off,
    dawdle,
    fetch,
    in_turn,
    plain,
    push,
    rest,
    take,
    taking,
)


def test_broken_download_goes_on_where_it_broke(registry: tuple[StandIn, Served]) -> None:
    """After a server died midway: is only the rest asked for, and the whole right?"""
    stand_in, at = registry
    stand_in.on("GET", BLOB_PATH, in_turn(break_off, break_off, rest))
    assert use(at, fetch) == CONTENT
    ranges = [headers.get("Range") for headers in stand_in.asked(BLOB_PATH)]
    assert ranges == [None, f"bytes={HALF}-", f"bytes={HALF + HALF // 2}-"]


def test_server_that_ignores_ranges_is_coped_with(registry: tuple[StandIn, Served]) -> None:
    """If the whole comes again instead of the rest: is what was had skipped?"""
    stand_in, at = registry
    stand_in.on("GET", BLOB_PATH, in_turn(break_off, plain(200, CONTENT)))
    assert use(at, fetch) == CONTENT


@pytest.mark.parametrize("range", ["", "bytes x-y/z", f"bytes {HALF + 1}-{len(CONTENT)}/*"])
def test_another_part_than_the_rest_is_refused(
    registry: tuple[StandIn, Served], range: str
) -> None:
    """Is a part that leaves a gap an error, rather than a blob with a hole?"""
    stand_in, at = registry
    stand_in.on("GET", BLOB_PATH, in_turn(break_off, plain(206, b"x", Content_Range=range)))
    assert "another part of a blob" in failure(at, fetch).message


def test_attempts_are_limited(registry: tuple[StandIn, Served]) -> None:
    """Does a download from a server that always dies end, in Docker's words?"""
    stand_in, at = registry
    stand_in.on("GET", BLOB_PATH, break_off)
    error = failure(at, fetch)
    assert isinstance(error, RegistryError) and error.status == 0
    assert error.message == "unexpected EOF"
    assert len(stand_in.asked(BLOB_PATH)) == HASTY.attempts


def test_server_error_is_tried_again(registry: tuple[StandIn, Served]) -> None:
    """Is a passing 503 overcome, and a lasting one told with its status?"""
    stand_in, at = registry
    stand_in.on("GET", BLOB_PATH, in_turn(plain(503), plain(200, CONTENT)))
    assert use(at, fetch) == CONTENT
    stand_in.on("GET", BLOB_PATH, plain(503))
    error = failure(at, fetch)
    assert isinstance(error, RegistryError) and error.status == 503
    assert error.message == "received unexpected HTTP status: 503 Service Unavailable"


def test_broken_upload_is_begun_anew(registry: tuple[StandIn, Served]) -> None:
    """After a server died in an upload: does a second one succeed, its progress from the start?"""
    stand_in, at = registry

    async def die(request: web.Request) -> web.StreamResponse:
        await request.content.readexactly(1000)
        assert request.transport is not None
        request.transport.close()
        return web.Response()

    taking(stand_in, in_turn(die, take))
    sent: list[int] = []
    opened: list[io.BytesIO] = []

    def open_content() -> io.BytesIO:
        opened.append(io.BytesIO(CONTENT))
        return opened[-1]

    use(at, lambda c: c.push_blob(PATH, blob(CONTENT), open_content, sent.append))
    finished = [request for request in stand_in.seen if request.method == "PUT"]
    assert [request.query["digest"] for request in finished] == [str(blob(CONTENT).digest)]
    assert finished[0].query["state"] == "taken"
    assert sent[-1] == len(CONTENT) and len(opened) == 2
    assert all(content.closed for content in opened)


def test_silent_registry_is_given_up(registry: tuple[StandIn, Served]) -> None:
    """Does a registry that accepts the connection and says nothing run into the limit?"""
    stand_in, at = registry
    stand_in.on("GET", "/v2/", dawdle)
    error = failure(at, fetch, limits=Limits(answer=0.2, attempts=1))
    assert error.message == (
        f'Get "{at.url}/v2/": context deadline exceeded'
        " (Client.Timeout exceeded while awaiting headers)"
    )


def test_stalled_download_is_given_up(registry: tuple[StandIn, Served]) -> None:
    """Does a blob that stops coming run into the limit, and is the rest asked for again?"""
    stand_in, at = registry

    async def stall(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        response.content_length = len(CONTENT)
        await response.prepare(request)
        await response.write(CONTENT[:HALF])
        await asyncio.sleep(30)
        return response

    stand_in.on("GET", BLOB_PATH, in_turn(stall, rest))
    assert use(at, fetch, limits=Limits(stall=0.2, attempts=2, second=0)) == CONTENT


def test_stalled_upload_is_given_up(registry: tuple[StandIn, Served]) -> None:
    """Does a registry that stops taking a blob, or answers never, run into the limit?"""
    stand_in, at = registry
    taking(stand_in, dawdle)
    error = failure(at, push, limits=Limits(stall=0.2, attempts=2, second=0))
    assert error.message.startswith(f'Patch "{at.url}/session": context deadline exceeded')
    assert len(stand_in.asked("/session")) == 2


def test_chunks_are_not_gathered(registry: tuple[StandIn, Served]) -> None:
    """Does the first piece of a blob arrive before the last one is sent?"""
    stand_in, at = registry
    seen_first = asyncio.Event()

    async def wait_for_reader(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        response.content_length = len(CONTENT)
        await response.prepare(request)
        await response.write(CONTENT[:HALF])
        while not seen_first.is_set():
            await asyncio.sleep(0.001)
        await response.write(CONTENT[HALF:])
        return response

    async def work(client: RegistryClient) -> int:
        total = 0
        pieces: AsyncIterator[bytes] = client.fetch(PATH, blob(CONTENT))
        async for piece in pieces:
            total += len(piece)
            seen_first.set()
        return total

    stand_in.on("GET", BLOB_PATH, wait_for_reader)
    assert use(at, work) == len(CONTENT)
