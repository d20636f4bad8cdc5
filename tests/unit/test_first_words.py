"""Logs that wait a moment for what a program says first."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace
from typing import Any

from lab.api.attach import _let_it_speak
from lab.engine.state import moment


def test_a_clock_that_was_set_back() -> None:
    """Is the wait as short as ever for a container that, by the clock, starts in an hour?"""
    state = SimpleNamespace(started_at=moment(time.time() + 3600), is_running=True)
    container: Any = SimpleNamespace(record=SimpleNamespace(state=state))
    asyncio.run(asyncio.wait_for(_let_it_speak(container), 5))
