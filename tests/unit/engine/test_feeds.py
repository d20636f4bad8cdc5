"""Feeds: what listeners hear, and that a slow one costs no memory."""

from __future__ import annotations

import asyncio

from lab.engine import feeds
from lab.engine.feeds import Feed, Missed


def test_all_listeners_hear_all() -> None:
    """Does each listener hear what is told from when it came, also from another thread?"""

    async def main() -> None:
        feed: Feed[int] = Feed()
        assert not feed.heard
        one, two = feed.listen(), feed.listen()
        assert await anext(one) is None
        feed.tell(1)
        assert await anext(two) is None
        await asyncio.to_thread(feed.tell, 2)
        assert [await anext(one), await anext(one)] == [1, 2]
        assert await anext(two) == 2
        await one.aclose()
        assert feed.heard
        await two.aclose()
        assert not feed.heard

    asyncio.run(main())


def test_a_slow_listener_is_told_what_it_missed() -> None:
    """Is there a bound to what waits, and the number of what found no room?"""

    async def main() -> None:
        feed: Feed[int] = Feed()
        slow = feed.listen()
        await anext(slow)
        for number in range(feeds.ROOM + 5):
            feed.tell(number)
        heard = [await anext(slow) for _ in range(feeds.ROOM + 1)]
        assert heard[:-1] == list(range(feeds.ROOM))
        assert heard[-1] == Missed(5)
        feed.tell(7)
        assert await anext(slow) == 7
        await slow.aclose()

    asyncio.run(main())


def test_the_end() -> None:
    """Do all listeners come to an end with the feed?"""

    async def main() -> None:
        feed: Feed[int] = Feed()
        listener = feed.listen()
        await anext(listener)
        feed.close()
        assert [item async for item in listener] == []

    asyncio.run(main())
