"""Tokens of the Hub, what they grant, and who may do what."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.errors import Unauthorized
from lab.registry.hub import Hub
from lab.registry.names import Repository
from lab.registry.rights import Action, Rights
from lab.registry.tokens import LIFETIME, Claims, Tokens, load_key

from .conftest import ALICE, BOBBY, Running
from .helpers import Answer, call

KEY = bytes(32)
CLAIMS = Claims("alice", {"alice/web": frozenset({"pull", "push"})})
PULL, PUSH = "repository:alice/web:pull", "repository:alice/web:pull,push"
EVERYTHING = frozenset(Action)


@pytest.fixture
def rights(tmp_path: Path) -> Iterator[Rights]:
    hub = Hub(tmp_path / "hub", None)
    yield Rights(hub.database, lambda name: name in ("alice/web", "library/nginx"))
    hub.close()


def ask(hub: Running, *scopes: str, user: str = "") -> Answer:
    query = urlencode([("service", "x"), *(("scope", scope) for scope in scopes)])
    return call(hub.at, "GET", f"/token?{query}", user=user)


def bearer(answer: Answer) -> dict[str, str]:
    return {"Authorization": f"Bearer {answer.json['token']}"}


def access_in(answer: Answer) -> dict[str, list[str]]:
    payload = answer.json["token"].split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return {entry["name"]: entry["actions"] for entry in claims["access"]}


def test_token_says_what_was_put_in() -> None:
    """Does a token carry its claims until it runs out, and not before its time?"""
    tokens = Tokens(KEY, "hub")
    token = tokens.issue(CLAIMS, 1000.0)
    assert tokens.read(token, 1000.0) == CLAIMS
    assert tokens.read(token, 999.9 + LIFETIME) == CLAIMS
    for now in (1000.0 + LIFETIME, 999.0):
        with pytest.raises(Unauthorized, match="expired"):
            tokens.read(token, now)


def forge_account(token: str) -> str:
    head, payload, signature = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    claims["sub"] = "bobby"
    forged = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"{head}.{forged}.{signature}"


@pytest.mark.parametrize(
    "forge",
    [
        forge_account,
        lambda token: Tokens(b"x" * 32, "hub").issue(CLAIMS, 1000.0),
        lambda token: token.rpartition(".")[0] + ".",
        lambda token: token[:-6],
        lambda token: "",
        lambda token: "ä.ö.ü",
    ],
)
def test_forged_token_is_refused(forge: Callable[[str], str]) -> None:
    """Is anything that the key did not sign refused?"""
    tokens = Tokens(KEY, "hub")
    with pytest.raises(Unauthorized, match="invalid token"):
        tokens.read(forge(tokens.issue(CLAIMS, 1000.0)), 1000.0)


@given(st.text())
def test_any_text_is_no_token(text: str) -> None:
    """Does nonsense raise nothing but Unauthorized?"""
    with pytest.raises(Unauthorized):
        Tokens(KEY, "hub").read(text, 1000.0)


def test_key_is_made_once(tmp_path: Path) -> None:
    """Is the key the same after a restart, another one elsewhere, and a cut one replaced?"""
    key = load_key(tmp_path / "key")
    assert load_key(tmp_path / "key") == key and len(key) == 32
    assert load_key(tmp_path / "other") != key
    (tmp_path / "key").write_bytes(key[:10])
    assert len(load_key(tmp_path / "key")) == 32


@pytest.mark.parametrize(
    ("account", "name", "allowed"),
    [
        ("", "alice/web", {Action.PULL}),
        ("", "alice/none", set()),
        ("bobby", "alice/web", {Action.PULL}),
        ("alice", "alice/web", EVERYTHING),
        ("alice", "alice/none", EVERYTHING),
        ("alice", "alice/deep/er", EVERYTHING),
        ("alice", "alice", set()),
        ("alice", "alicex/web", set()),
        ("alice", "library/nginx", {Action.PULL}),
        ("library", "library/nginx", {Action.PULL}),
        ("", "library/none", set()),
    ],
)
def test_rights(rights: Rights, account: str, name: str, allowed: set[Action]) -> None:
    """Does an owner have every right, and everybody else only to pull what is there?"""
    assert rights.of(account, Repository(name)) == allowed


def test_private_repository_is_its_owner_s(rights: Rights) -> None:
    """Does nobody else see a private repository, until it is public again?"""
    name = Repository("alice/web")
    rights.set_private(name, True)
    assert rights.is_private(name)
    assert rights.of("bobby", name) == rights.of("", name) == frozenset()
    assert rights.of("alice", name) == EVERYTHING
    rights.set_private(name, False)
    assert rights.of("bobby", name) == {Action.PULL}


@pytest.mark.parametrize(
    ("user", "scope", "granted"),
    [
        ("", PUSH, {"alice/web": ["pull"]}),
        (BOBBY, PUSH, {"alice/web": ["pull"]}),
        (ALICE, PUSH, {"alice/web": ["pull", "push"]}),
        (ALICE, "repository:alice/web:*", {"alice/web": ["delete", "pull", "push"]}),
        (ALICE, f"{PULL} {PUSH}", {"alice/web": ["pull", "push"]}),
        (ALICE, "repository:library/nginx:push,pull", {"library/nginx": ["pull"]}),
        ("", "repository:alice/none:pull", {"alice/none": []}),
        (ALICE, "registry:catalog:* nonsense", {}),
    ],
)
def test_token_grants_what_is_allowed(
    hub: Running, user: str, scope: str, granted: dict[str, list[str]]
) -> None:
    """Is a token given to anybody, for as much of what it asks as the rules allow?"""
    answer = ask(hub, scope, user=user)
    assert answer.status == 200
    assert access_in(answer) == granted
    assert answer.json["expires_in"] == LIFETIME
    assert answer.json["access_token"] == answer.json["token"]


def test_wrong_password_gets_no_token(hub: Running) -> None:
    """Is a wrong password told as such, rather than taken for nobody's?"""
    answer = ask(hub, PULL, user="alice:wrong")
    assert (answer.status, answer.code) == (401, "UNAUTHORIZED")
    assert answer.json["errors"][0]["message"] == "incorrect username or password"


def test_token_opens_what_it_names_only(hub: Running) -> None:
    """Is a token good for its scope, and is its bearer sent back for another one otherwise?"""
    uploads = "/v2/alice/web/blobs/uploads/"
    pull, push = (bearer(ask(hub, scope, user=ALICE)) for scope in (PULL, PUSH))
    assert call(hub.at, "GET", "/v2/", pull).status == 200
    assert call(hub.at, "GET", "/v2/alice/web/tags/list", pull).status == 200
    assert call(hub.at, "POST", uploads, push, b"").status == 202
    again = call(hub.at, "POST", uploads, pull, b"")
    assert again.status == 401
    assert again.header("WWW-Authenticate") == (
        f'Bearer realm="{hub.at.url}/token",service="docker-learning-lab",'
        f'scope="{PUSH}",error="insufficient_scope"'
    )


def test_anonymous_token_pulls_but_does_not_push(hub: Running) -> None:
    """May somebody unknown, with a token, pull what is public, and be told to log in to push?"""
    token = bearer(ask(hub, PUSH))
    assert call(hub.at, "GET", "/v2/", token).status == 200
    assert call(hub.at, "GET", "/v2/alice/web/manifests/1", token).status == 200
    refused = call(hub.at, "POST", "/v2/alice/web/blobs/uploads/", token, b"")
    assert (refused.status, refused.code) == (401, "UNAUTHORIZED")


def test_false_token_is_refused(hub: Running) -> None:
    """Is a token that nobody issued refused, even where none would be needed?"""
    answer = call(hub.at, "GET", "/v2/alice/web/manifests/1", {"Authorization": "Bearer x.y.z"})
    assert answer.status == 401
    assert 'error="invalid_token"' in (answer.header("WWW-Authenticate") or "")
