"""The route by which an exercise makes its throw-away account of the Hub.  Part of /lab/v1/."""

from __future__ import annotations

import asyncio

from aiohttp import web

from lab.api.bodies import answer, read_object
from lab.api.system import ENGINE
from lab.errors import Conflict
from lab.oci import fields


async def make_account(request: web.Request) -> web.Response:
    """Make an account: 201; 200 if it is there with this password, 409 if with another."""
    body = await read_object(request)
    name, password = fields.text(body, "name"), fields.text(body, "password")
    accounts = request.app[ENGINE].hub.accounts
    try:
        await asyncio.to_thread(accounts.add, name, password)
    except Conflict:
        if not await asyncio.to_thread(accounts.verify, name, password):
            raise
        return answer({"Name": name})
    return answer({"Name": name}, 201)


ROUTES = [("POST", "/lab/v1/accounts", make_account)]
