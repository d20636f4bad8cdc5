"""Logging in, searching, and the credentials that clients send."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.engine.credentials import Credentials, domain_of, parse_credentials, parse_wallet
from lab.errors import InvalidParameter, Unauthorized
from lab.registry.names import Repository

from .far_hub import far_hub
from .hub_parts import ALICE, Packed, packed, run, store, world

WRONG = Credentials("alice", "guess")
STRANGER = Credentials("somebody", "secret")


@pytest.fixture
def image(tmp_path: Path) -> Packed:
    return packed(tmp_path / "image", {"a": b"a"})


def test_login_checks_the_labs_accounts(tmp_path: Path, image: Packed) -> None:
    """Are right and wrong passwords told apart at the Hub, under every name of the index?"""

    async def work() -> None:
        async with far_hub(image) as (far, endpoint), world(tmp_path, {}, endpoint) as lab:
            for address in ("", "https://index.docker.io/v1/", "docker.io"):
                await lab.registries.login(ALICE, address)
                with pytest.raises(Unauthorized) as caught:
                    await lab.registries.login(WRONG, address)
                assert caught.value.message == (
                    'Get "https://registry-1.docker.io/v2/": unauthorized: incorrect username or'
                    " password"
                )
            assert far.asked == []

    run(work())


def test_a_stranger_logs_in_at_docker_hub(tmp_path: Path, image: Packed) -> None:
    """Is a name that is none of the lab's checked further away, and a refusal told?"""

    async def work() -> None:
        async with (
            far_hub(image, open_to_all=False) as (far, endpoint),
            world(tmp_path, {}, endpoint) as lab,
        ):
            await lab.registries.login(STRANGER, "")
            assert {user for _, user in far.asked} == {"somebody"}
            with pytest.raises(Unauthorized):
                await lab.registries.login(Credentials("refused", "x"), "")

    run(work())


def test_an_unknown_name_without_the_internet_is_explained(tmp_path: Path) -> None:
    """Does a typing error in a name end in Docker's refusal, with a hint?"""

    async def work() -> None:
        async with world(tmp_path) as lab:
            with pytest.raises(Unauthorized, match="incorrect username or password") as caught:
                await lab.registries.login(STRANGER, "")
            assert 'no account "somebody"' in caught.value.hint

    run(work())


def test_search_finds_public_repositories(tmp_path: Path, image: Packed) -> None:
    """Are repositories found by a part of their name, official ones first, private ones never?"""

    async def work() -> None:
        async with world(tmp_path, {"web": image, "db": image}) as lab:
            for name in ("alice/web", "alice/aweb", "alice/hidden-web"):
                store(lab.hub, name, "1", image)
            lab.hub.rights.set_private(Repository("alice/hidden-web"), True)
            found = lab.registries.search("web", 0)
            assert [(each.name, each.official) for each in found] == [
                ("web", True),
                ("alice/aweb", False),
                ("alice/web", False),
            ]
            assert len(lab.registries.search("web", 1)) == 1
            assert [each.name for each in lab.registries.search("library/db", 0)] == ["db"]
            with pytest.raises(InvalidParameter, match=r"outside the range of \[1, 100\]"):
                lab.registries.search("web", 101)

    run(work())


# --- what clients send


@pytest.mark.parametrize(
    ("address", "domain"),
    [
        ("", "docker.io"),
        ("https://index.docker.io/v1/", "docker.io"),
        ("docker.io", "docker.io"),
        ("https://ghcr.io", "ghcr.io"),
        ("localhost:5000", "localhost:5000"),
        ("http://localhost:5000/v2/", "localhost:5000"),
    ],
)
def test_addresses_mean_domains(address: str, domain: str) -> None:
    """Is the registry recognized in every form in which clients name it?"""
    assert domain_of(address) == domain


def test_credentials_are_parsed() -> None:
    """Do empty configurations mean no credentials, and the right ones go to each registry?"""
    assert parse_credentials({}) is None
    assert parse_credentials({"username": "alice", "password": ""}) is None
    wallet = parse_wallet(
        {
            "https://index.docker.io/v1/": {"username": "alice", "password": "sesame"},
            "ghcr.io": {"username": 7},
            "localhost:5000": "x",
        }
    )
    assert wallet("docker.io") == ALICE
    assert wallet("ghcr.io") is wallet("localhost:5000") is wallet("quay.io") is None
    assert "sesame" not in repr(wallet("docker.io"))
