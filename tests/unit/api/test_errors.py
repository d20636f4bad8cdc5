"""From errors to HTTP: one table, and Docker's JSON."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from lab import errors
from lab.api.errors import STATUS, describe, error_middleware, status_of


def every_error() -> set[type[errors.LabError]]:
    found, waiting = set(), [errors.LabError]
    while waiting:
        kind = waiting.pop()
        found.add(kind)
        waiting += kind.__subclasses__()
    return found


def test_every_error_has_a_status() -> None:
    """Does each class of the tree lead to a status, its own or its parent's?"""
    for kind in every_error():
        assert any(parent in STATUS for parent in kind.__mro__), kind


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (errors.NotFound("No such container: x"), 404, "No such container: x"),
        (errors.DigestMismatch("no"), 400, "no"),
        (errors.UnsafePath("no"), 400, "no"),
        (errors.StartError("no", 127), 400, "no"),
        (errors.Unsupported("no", "try this"), 501, "no (try this)"),
        (errors.RegistryError("no", 404), 500, "no"),
        (errors.SyscallError(28, "write"), 500, "write: No space left on device"),
        (OSError(28, "No space left on device", "/x"), 500, "No space left on device: /x"),
        (sqlite3.OperationalError("disk is full"), 500, "disk is full"),
        (ValueError("odd"), 500, "ValueError: odd"),
    ],
)
def test_status_and_words(error: Exception, status: int, message: str) -> None:
    """Is the status that of the nearest class, and the message for a person?"""
    assert status_of(error) == status
    assert message in describe(error)


def answered(error: Exception) -> tuple[int, Any]:
    async def handler(request: web.Request) -> web.StreamResponse:
        raise error

    async def run() -> web.StreamResponse:
        return await error_middleware(make_mocked_request("GET", "/x"), handler)

    response = asyncio.run(run())
    assert isinstance(response, web.Response)
    body = response.body
    return response.status, json.loads(body) if isinstance(body, bytes) and body else None


def test_answers() -> None:
    """Has every failure a body with `message`, except "not modified", which has none?"""
    assert answered(errors.Conflict("é")) == (409, {"message": "é"})
    assert answered(errors.NotModified("already")) == (304, None)
    assert answered(web.HTTPNotFound()) == (404, {"message": "page not found"})
    assert answered(web.HTTPMethodNotAllowed("PUT", ["GET"])) == (
        404,
        {"message": "page not found"},
    )
    status, body = answered(web.HTTPRequestEntityTooLarge(1, 2))
    assert status == 413 and body["message"]
