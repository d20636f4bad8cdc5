"""A web socket's client, as the streams of a container see it."""

from __future__ import annotations

import asyncio
from typing import Any, Self

from lab.api.attach_ws import Socket
from lab.runtime.stdio import STDOUT


class _Gone:
    """A connection whose client has said goodbye."""

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        raise StopAsyncIteration


class _Streams:
    terminal = False

    def detach(self, client: Any, wrote: bool = False) -> None:
        pass


def test_a_client_that_has_left_holds_nothing_up() -> None:
    """Does one that is still sent the log when it has left neither keep bytes nor need room?"""

    async def leave() -> Socket:
        connection: Any = _Gone()
        streams: Any = _Streams()
        client = Socket(connection, streams, frozenset((STDOUT,)), b"")
        await client.serve(binary=True)
        client.send(STDOUT, bytes(1 << 20))
        return client

    client = asyncio.run(leave())
    assert client.closed.done()
    assert client.ready()
