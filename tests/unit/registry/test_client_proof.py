"""To whom the client of registries shows its password and its tokens, and to whom not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

from lab.errors import RegistryError, Unauthorized
from lab.oci.digest import Digest
from lab.registry.authorizer import Authorizer
from lab.registry.challenge import Challenge
from lab.registry.client import RegistryClient
from lab.registry.transport import Limits

from .helpers import Served, basic, failure, run, use
from .stand_in import (
    ALICE,
    BLOB_PATH,
    CONTENT,
    PATH,
    UPLOADS,
    Handle,
    StandIn,
    fetch,
    in_turn,
    plain,
    push,
    take,
)


@pytest.mark.parametrize(("elsewhere", "kept"), [(True, False), (False, True)])
def test_redirect_takes_no_proof_to_another_host(
    stand: Callable[..., tuple[StandIn, Served]], elsewhere: bool, kept: bool
) -> None:
    """Is Authorization sent along on the registry's own host only?"""
    (stand_in, at), (other, other_at) = stand(), stand()
    target = other_at if elsewhere else at
    stand_in.on("GET", "/v2/", plain(401, WWW_Authenticate="Basic realm=x"))
    stand_in.on("GET", BLOB_PATH, plain(307, Location=f"{target.url}/store?sig=a%2Fb"))
    for server in (stand_in, other):
        server.on("GET", "/store", plain(200, CONTENT))
    assert use(at, fetch, ALICE) == CONTENT
    [headers] = (other if elsewhere else stand_in).asked("/store")
    assert ("Authorization" in headers) is kept
    assert (other if elsewhere else stand_in).seen[-1].raw_path == "/store?sig=a%2Fb"


def test_redirects_end(registry: tuple[StandIn, Served]) -> None:
    """Is a registry that points in a circle left after ten turns?"""
    stand_in, at = registry
    stand_in.on("GET", BLOB_PATH, plain(302, Location=BLOB_PATH))
    assert "stopped after 10 redirects" in failure(at, fetch, limits=Limits(attempts=1)).message


def test_upload_elsewhere_takes_no_proof_along(
    stand: Callable[..., tuple[StandIn, Served]],
) -> None:
    """If the upload's Location is on another host: is the blob sent there, without proof?"""
    (stand_in, at), (other, other_at) = stand(), stand()
    stand_in.on("GET", "/v2/", plain(401, WWW_Authenticate="Basic realm=x"))
    stand_in.on("POST", UPLOADS, plain(202, Location=f"{other_at.url}/put?state=1"))
    other.on("PATCH", "/put", take)
    other.on("PUT", "/put", plain(201))
    use(at, push, ALICE)
    sent, finished = other.seen
    assert "Authorization" not in {*sent.headers, *finished.headers}
    assert dict(sent.query) == {"state": "1"}
    assert dict(finished.query) == {"state": "taken", "digest": str(Digest.of(CONTENT))}
    assert stand_in.asked(UPLOADS)[0]["Authorization"] == basic("alice:sesame")


def token_registry(stand_in: StandIn, at: Served, tokens: Iterator[bytes]) -> None:
    """Let the stand-in ask for bearer tokens, and give out those that it accepts afterwards."""
    accepted: set[str] = set()
    challenge = f'Bearer realm="{at.url}/token",service="stand-in"'

    async def give(request: web.Request) -> web.Response:
        token = next(tokens).decode()
        accepted.add(f"Bearer {token}")
        return web.json_response({"token": token})

    async def guard(request: web.Request) -> web.Response:
        if request.headers.get("Authorization") in accepted:
            return web.Response(body=CONTENT)
        return web.Response(status=401, headers={"WWW-Authenticate": challenge})

    stand_in.on("GET", "/v2/", guard)
    stand_in.on("GET", "/token", give)
    stand_in.on("GET", BLOB_PATH, guard)
    stand_in.on("GET", "/forget", in_turn(forget(accepted)))


def forget(accepted: set[str]) -> Handle:
    async def handle(request: web.Request) -> web.Response:
        accepted.clear()
        return web.Response()

    return handle


def test_one_token_serves_all_layers(registry: tuple[StandIn, Served]) -> None:
    """Do downloads side by side share one token, asked for with name, password and scope?"""
    stand_in, at = registry
    token_registry(stand_in, at, iter([b"one"]))

    async def many(client: RegistryClient) -> list[bytes]:
        return await asyncio.gather(*(fetch(client) for _ in range(4)))

    assert use(at, many, ALICE) == [CONTENT] * 4
    [request] = [request for request in stand_in.seen if request.path == "/token"]
    assert request.headers["Authorization"] == basic("alice:sesame")
    assert dict(request.query) == {
        "service": "stand-in",
        "scope": f"repository:{PATH}:pull",
        "account": "alice",
    }
    assert {headers.get("Authorization") for headers in stand_in.asked(BLOB_PATH)} == {"Bearer one"}
    assert len(stand_in.asked("/v2/")) == 1


def test_token_that_ran_out_is_replaced(registry: tuple[StandIn, Served]) -> None:
    """When the registry no longer takes a token: is another one asked for, once?"""
    stand_in, at = registry
    token_registry(stand_in, at, iter([b"one", b"two"]))

    async def work(client: RegistryClient) -> None:
        assert await fetch(client) == CONTENT
        async with aiohttp.request("GET", f"{at.url}/forget"):
            pass
        assert await fetch(client) == CONTENT

    use(at, work)
    proofs = [headers.get("Authorization") for headers in stand_in.asked(BLOB_PATH)]
    assert proofs == ["Bearer one", "Bearer one", "Bearer two"]


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"no json", "unable to decode token response"),
        (b"[]", "unable to decode token response"),
        (b"{}", "authorization server did not include a token in the response"),
        (b'{"token":"a\\r\\nb"}', "authorization server did not include a token"),
    ],
)
def test_bad_token_server_is_reported(
    registry: tuple[StandIn, Served], answer: bytes, message: str
) -> None:
    """Is a token server's nonsense an error of the registry's?"""
    stand_in, at = registry
    token_registry(stand_in, at, iter([]))
    stand_in.on("GET", "/token", plain(200, answer))
    assert message in failure(at, fetch).message


def test_basic_registry_needs_credentials(registry: tuple[StandIn, Served]) -> None:
    """Does a registry that wants a password get it, and is its absence told as Docker does?"""
    stand_in, at = registry
    stand_in.on("GET", "/v2/", plain(401, WWW_Authenticate='Basic realm="x"'))
    stand_in.on("GET", BLOB_PATH, plain(200, CONTENT))
    assert use(at, fetch, ALICE) == CONTENT
    assert stand_in.asked(BLOB_PATH)[0]["Authorization"] == basic("alice:sesame")
    error = failure(at, fetch)
    assert isinstance(error, Unauthorized) and error.message == "no basic auth credentials"


def test_open_registry_is_not_told_the_password(registry: tuple[StandIn, Served]) -> None:
    """Is nothing proved to a registry that asks for nothing?"""
    stand_in, at = registry
    stand_in.on("GET", BLOB_PATH, plain(200, CONTENT))
    use(at, RegistryClient.login, ALICE)
    use(at, fetch, ALICE)
    assert not any("Authorization" in request.headers for request in stand_in.seen)


def test_password_does_not_go_out_in_plain_text() -> None:
    """Is the password kept from a token server without TLS, if the registry itself has TLS?"""
    asked: list[URL] = []

    async def ask(url: URL, headers: Mapping[str, str]) -> bytes:
        asked.append(url)
        return b'{"token":"t"}'

    authorizer = Authorizer(ALICE, ask)
    challenge = Challenge("bearer", {"realm": "http://auth.example/token"})
    authorizer.learn(URL("https://registry.example"), [challenge])
    with pytest.raises(RegistryError, match="refusing to send credentials in plain text"):
        run(authorizer.header(()))
    assert asked == []
