"""Who waits for containers, and what is known of those that have gone."""

from __future__ import annotations

from lab.engine.waiters import Departed


def test_exit_codes_of_the_departed_are_known_for_a_moment() -> None:
    """Is the code told for a few seconds, of this container only, and then forgotten?"""
    now = [100.0]
    departed = Departed(lambda: now[0])
    departed.note("a", 4)
    assert departed.code("a") == 4 and departed.code("b") is None
    now[0] += 4
    departed.note("b", 0)
    assert departed.code("a") == 4 and departed.code("b") == 0
    now[0] += 2
    assert departed.code("a") is None and departed.code("b") == 0
