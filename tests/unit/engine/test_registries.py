"""Which registry a name leads to, and whose credentials go where."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from lab.engine.credentials import Credentials
from lab.errors import Forbidden, NotFound, RegistryError, Unauthorized
from lab.oci.reference import Reference

from .far_hub import far_hub
from .hub_parts import ALICE, Packed, packed, run, store, world

WRONG = Credentials("alice", "guess")
STRANGER = Credentials("somebody", "secret")


@pytest.fixture
def image(tmp_path: Path) -> Packed:
    return packed(tmp_path / "image", {"a": b"a"})


def test_what_the_hub_has_comes_from_there(tmp_path: Path, image: Packed) -> None:
    """Is Docker Hub not even asked for an official image of the catalog, or a user's own?"""

    async def work() -> None:
        async with (
            far_hub(image) as (far, endpoint),
            world(tmp_path, {"known": image}, endpoint) as lab,
        ):
            await lab.pull("known")
            store(lab.hub, "alice/known", "latest", image)
            await lab.pull("alice/known", ALICE)
            assert far.asked == []

    run(work())


def test_what_the_hub_lacks_comes_from_docker_hub(tmp_path: Path, image: Packed) -> None:
    """Are unknown official images, tags, and strangers' repositories looked for further away?"""

    async def work() -> None:
        async with (
            far_hub(image) as (far, endpoint),
            world(tmp_path, {"known": image}, endpoint) as lab,
        ):
            for name in ("known:other", "somebody/known"):
                remote = await lab.registries.resolve(Reference.parse(name).tagged(), None)
                assert remote.resolved.content == image.manifest
                assert remote.file(next(iter(image.blobs))) is None
                await remote.close()
            assert [path for path, _ in far.asked if path != "/v2/"] == [
                "/v2/library/known/manifests/other",
                "/v2/somebody/known/manifests/latest",
            ]
            with pytest.raises(NotFound, match="manifest for nosuch:latest not found"):
                await lab.pull("nosuch")

    run(work())


def test_names_of_the_labs_accounts_stay_in_the_lab(tmp_path: Path, image: Packed) -> None:
    """Is a repository of an account of the Hub never looked for at Docker Hub?"""

    async def work() -> None:
        async with far_hub(image) as (far, endpoint), world(tmp_path, {}, endpoint) as lab:
            for credentials in (None, ALICE, STRANGER):
                with pytest.raises(NotFound, match="alice/known"):
                    await lab.pull("alice/known", credentials)
            assert far.asked == []

    run(work())


def test_credentials_of_the_lab_do_not_leave(tmp_path: Path, image: Packed) -> None:
    """Does a user of the lab come to Docker Hub as nobody, and a stranger with his own name?"""

    async def work() -> None:
        async with (
            far_hub(image, open_to_all=False) as (far, endpoint),
            world(tmp_path, {}, endpoint) as lab,
        ):
            with pytest.raises(RegistryError, match="no basic auth credentials"):
                await lab.pull("somebody/known", ALICE)
            assert far.asked == []
            reference = Reference.parse("somebody/known:1")
            remote = await lab.registries.resolve(reference, STRANGER)
            await remote.close()
            assert {user for _, user in far.asked} == {"somebody"}

    run(work())


def test_a_wrong_password_is_refused_and_not_passed_on(tmp_path: Path, image: Packed) -> None:
    """Does a wrong password of the lab's account end the pull, without asking elsewhere?"""

    async def work() -> None:
        async with far_hub(image) as (far, endpoint), world(tmp_path, {}, endpoint) as lab:
            with pytest.raises(Unauthorized, match="incorrect username or password"):
                await lab.pull("somebody/known", WRONG)
            assert far.asked == []

    run(work())


def test_pushes_go_where_their_names_lead(tmp_path: Path, image: Packed) -> None:
    """Does a push reach Docker Hub only with credentials that are none of the lab's?"""

    async def work() -> None:
        async with far_hub(image) as (_, endpoint), world(tmp_path, {}, endpoint) as lab:

            async def base(name: str, credentials: Any) -> str:
                client = await lab.registries.for_push(Reference.parse(name), credentials)
                try:
                    return str((await client._transport.base()).host)
                finally:
                    await client.close()

            assert await base("alice/app", ALICE) == "hub"
            assert await base("alice/app", STRANGER) == "hub"
            assert await base("somebody/app", ALICE) == "hub"
            assert await base("somebody/app", None) == "hub"
            assert await base("somebody/app", STRANGER) == "127.0.0.1"

    run(work())


def test_without_the_internet_it_is_said_at_once(tmp_path: Path) -> None:
    """Is an unreachable Docker Hub tried once, and then not again for a while?"""

    async def work() -> None:
        now = 1000.0
        async with world(tmp_path) as lab:
            tried: list[float] = []
            lab.registries._clock = lambda: now
            original = lab.registries._resolve_at_docker_hub

            async def counted(*args: Any) -> Any:
                tried.append(now)
                return await original(*args)

            lab.registries._resolve_at_docker_hub = counted  # type: ignore[method-assign]
            started = time.monotonic()
            for now in (1000.0, 1001.0, 1029.0, 1031.0):  # noqa: B007 - read by the clock
                with pytest.raises(NotFound, match=r"^pull access denied for nosuch, repo"):
                    await lab.pull("nosuch")
            assert tried == [1000.0, 1031.0]
            assert time.monotonic() - started < 5

    run(work())


def test_an_error_of_docker_hub_is_told(tmp_path: Path, image: Packed) -> None:
    """Is a refusal such as the limit of pulls not hidden behind another one?"""

    async def work() -> None:
        async with far_hub(image) as (far, endpoint), world(tmp_path, {}, endpoint) as lab:
            far.status = 429
            with pytest.raises(RegistryError, match="toomanyrequests: too many requests"):
                await lab.pull("nosuch")

    run(work())


def test_another_registry_does_not_get_the_labs_password(tmp_path: Path) -> None:
    """Are the lab's name and password kept from other registries, but not from one of this machine?"""

    async def work() -> None:
        async with world(tmp_path) as lab:
            reference = Reference.parse("registry.invalid:1/app:1")
            for call in (lab.registries.resolve, lab.registries.for_push):
                with pytest.raises(Forbidden, match="are not sent to another registry"):
                    await call(reference, ALICE)
            with pytest.raises(Forbidden):
                await lab.registries.login(ALICE, "registry.invalid:1")
            own = Reference.parse("127.0.0.1:1/app:1")
            for credentials in (WRONG, ALICE):
                with pytest.raises(RegistryError, match="connection refused"):
                    await lab.registries.resolve(own, credentials)

    run(work())
