"""Making the throw-away account of an exercise."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from lab.api import accounts, errors
from lab.api.system import ENGINE
from lab.engine.core import Engine
from lab.registry.hub import open_accounts


@pytest.fixture
def asked(tmp_path: Path) -> Any:
    """A function that sends bodies, one after the other, and returns the answers' statuses."""

    async def ask(bodies: list[Any]) -> list[tuple[int, dict[str, Any]]]:
        with open_accounts(tmp_path / "hub") as known:
            app = web.Application(middlewares=[errors.error_middleware])
            app[ENGINE] = cast(Engine, SimpleNamespace(hub=SimpleNamespace(accounts=known)))
            for method, path, handler in accounts.ROUTES:
                app.router.add_route(method, path, handler)
            answers = []
            async with TestClient(TestServer(app)) as client:
                for body in bodies:
                    async with client.post("/lab/v1/accounts", json=body) as answer:
                        answers.append((answer.status, await answer.json()))
            return answers

    return lambda *bodies: asyncio.run(ask(list(bodies)))


def test_made_once(asked: Any) -> None:
    """Is an account made, found again with its password, and refused with another?"""
    mine, other = {"name": "ann1", "password": "x"}, {"name": "ann1", "password": "y"}
    (made, again, refused) = asked(mine, mine, other)
    assert made == (201, {"Name": "ann1"})
    assert again == (200, {"Name": "ann1"})
    assert refused[0] == 409 and "already taken" in refused[1]["message"]


@pytest.mark.parametrize(
    "body",
    [[], {}, {"name": "ann1"}, {"name": 5, "password": "x"}, {"name": "A B", "password": "x"}],
)
def test_malformed(asked: Any, body: Any) -> None:
    """Is a request refused that names no account that could be, or no password?"""
    ((status, answer),) = asked(body)
    assert status == 400 and answer["message"]
    assert "x" not in answer["message"].split()
