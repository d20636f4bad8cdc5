"""Answers without an end, over a real connection: they end with their client, and with the engine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from aiohttp import web

from lab.api.departures import while_wanted
from lab.api.keys import ENGINE

ASK = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


class Served:
    """An application with one endless answer, which notes how it ended."""

    def __init__(self) -> None:
        self.stopping = asyncio.Event()
        self.began = asyncio.Event()
        self.ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.work: Callable[[web.StreamResponse], Awaitable[None]] = self._wait

    async def _wait(self, response: web.StreamResponse) -> None:
        await asyncio.Event().wait()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)

        async def work() -> None:
            self.began.set()
            try:
                await self.work(response)
                self.ended.set_result("done")
            except asyncio.CancelledError:
                self.ended.set_result("given up")
                raise

        await while_wanted(request, work())
        return response


@asynccontextmanager
async def served(folder: Path) -> AsyncIterator[tuple[Served, Any, Any]]:
    made = Served()
    app = web.Application()
    engine: Any = SimpleNamespace(stopping=made.stopping)
    app[ENGINE] = engine
    app.router.add_get("/", made.handle)
    runner = web.AppRunner(app, handler_cancellation=False, shutdown_timeout=1)
    await runner.setup()
    await web.UnixSite(runner, str(folder / "s")).start()
    reader, writer = await asyncio.open_unix_connection(str(folder / "s"), limit=1 << 20)
    try:
        yield made, reader, writer
    finally:
        writer.close()
        await runner.cleanup()


def run(folder: Path, work: Callable[[Served, Any, Any], Awaitable[None]]) -> None:
    async def all_of_it() -> None:
        async with served(folder) as (made, reader, writer):
            await asyncio.wait_for(work(made, reader, writer), 10)

    asyncio.run(all_of_it())


def test_the_client_leaves(tmp_path: Path) -> None:
    """Is work that waits for nothing given up when the client goes?"""

    async def work(made: Served, reader: Any, writer: Any) -> None:
        writer.write(ASK)
        await made.began.wait()
        writer.close()
        assert await made.ended == "given up"

    run(tmp_path, work)


def test_the_engine_stops(tmp_path: Path) -> None:
    """Is it given up when the engine stops, and the answer ended properly?"""

    async def work(made: Served, reader: Any, writer: Any) -> None:
        writer.write(ASK)
        await made.began.wait()
        made.stopping.set()
        assert await made.ended == "given up"
        assert (await reader.readuntil(b"0\r\n\r\n")).startswith(b"HTTP/1.1 200")

    run(tmp_path, work)


def test_work_that_ends(tmp_path: Path) -> None:
    """Is an answer that ends by itself whole, and the connection of use for the next request?"""

    async def work(made: Served, reader: Any, writer: Any) -> None:
        async def short(response: web.StreamResponse) -> None:
            await response.write(b"x" * 300000)

        made.work = short
        for _ in range(2):
            made.ended = asyncio.get_running_loop().create_future()
            writer.write(ASK)
            answer = await reader.readuntil(b"0\r\n\r\n")
            assert answer.count(b"x") == 300000
            assert await made.ended == "done"

    run(tmp_path, work)


def test_a_write_that_finds_nobody(tmp_path: Path) -> None:
    """Is a broken connection no error of the work?"""

    async def work(made: Served, reader: Any, writer: Any) -> None:
        async def chatty(response: web.StreamResponse) -> None:
            try:
                while True:
                    await response.write(b"x" * 10000)
            except ConnectionError:
                made.ended.set_result("broken")
                raise

        made.work = chatty
        writer.write(ASK)
        await made.began.wait()
        writer.transport.abort()
        assert await made.ended in ("broken", "given up")

    run(tmp_path, work)
