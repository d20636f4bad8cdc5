"""Versions of the API."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from lab.api.versions import API_VERSION, check_version, common_headers, version_of
from lab.errors import InvalidParameter


def asked(version: str | None) -> Any:
    found = {} if version is None else {"version": version}
    return make_mocked_request("GET", "/x", match_info=found)


async def _ok(request: web.Request) -> web.StreamResponse:
    return web.Response()


@pytest.mark.parametrize("version", [None, "1.24", "1.41", API_VERSION])
def test_accepted(version: str | None) -> None:
    """Are the versions of all clients of today served, and no version the newest?"""
    asyncio.run(check_version(asked(version), _ok))
    expected = tuple(map(int, (version or API_VERSION).split(".")))
    assert version_of(asked(version)) == expected


@pytest.mark.parametrize(
    ("version", "message"),
    [("1.23", "is too old"), ("1.9", "is too old"), ("1.99", "is too new"), ("2.0", "is too new"),
     ("1..2", "invalid API version")],
)  # fmt: skip
def test_refused(version: str, message: str) -> None:
    """Are others refused, compared as numbers, in Docker's words?"""
    with pytest.raises(InvalidParameter, match=message):
        asyncio.run(check_version(asked(version), _ok))


def test_headers() -> None:
    """Does every answer carry what the CLI looks for first?"""
    response = web.Response()
    asyncio.run(common_headers(asked(None), response))
    assert response.headers["Api-Version"] == API_VERSION
    assert response.headers["Ostype"] == "linux"
