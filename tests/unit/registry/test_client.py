"""The client of registries at the lab's Hub, over its unix socket and over TCP."""

from __future__ import annotations

import io
import os
from collections.abc import Callable

import pytest

from lab.errors import Forbidden, NotFound, RegistryError, Unauthorized
from lab.oci.descriptor import OCI_MANIFEST
from lab.oci.digest import Digest
from lab.oci.reference import Reference
from lab.registry.client import RegistryClient
from lab.registry.endpoint import Credentials, Endpoint
from lab.registry.names import Repository

from .conftest import NGINX, WEB, Running
from .helpers import blob, failure, make_image, use

ALICE = Credentials("alice", "sesame")
WRONG = Credentials("alice", "mustard")
BIG = os.urandom(2_500_000)


def by_socket(hub: Running) -> Endpoint:
    return Endpoint.local(hub.at.socket)


def by_port(hub: Running) -> Endpoint:
    return Endpoint.of(f"127.0.0.1:{hub.at.port}")


@pytest.fixture(params=[by_socket, by_port])
def endpoint(request: pytest.FixtureRequest, hub: Running) -> Endpoint:
    make: Callable[[Running], Endpoint] = request.param
    return make(hub)


async def fetch(client: RegistryClient, path: str, content: bytes) -> bytes:
    pieces = [piece async for piece in client.fetch(path, blob(content))]
    return b"".join(pieces)


async def push(client: RegistryClient, path: str, content: bytes) -> None:
    await client.push_blob(path, blob(content), lambda: io.BytesIO(content))


def test_image_is_pushed_and_pulled(hub: Running, endpoint: Endpoint) -> None:
    """Does an image come back as it was pushed, blob by blob?"""
    image, path, sent = make_image(BIG, b""), "alice/big", []

    async def work(client: RegistryClient) -> None:
        for digest, content in image.blobs.items():
            assert not await client.has_blob(path, digest)
            await client.push_blob(
                path, blob(content), lambda c=content: io.BytesIO(c), sent.append
            )
            assert await client.has_blob(path, digest)
        digest = await client.push_manifest(path, "1", image.manifest, OCI_MANIFEST)
        assert digest == image.digest
        resolved = await client.resolve(Reference.parse("alice/big:1"))
        assert resolved.content == image.manifest
        assert resolved.descriptor.digest == image.digest
        assert resolved.descriptor.media_type == OCI_MANIFEST
        assert resolved.descriptor.size == len(image.manifest)
        by_digest = await client.resolve(Reference("docker.io", path, digest=digest))
        assert by_digest == resolved
        for content in image.blobs.values():
            assert await fetch(client, path, content) == content

    use(endpoint, work, ALICE)
    assert max(sent) == len(BIG) and len(sent) > 4


def test_official_image_is_pulled_by_anybody(endpoint: Endpoint) -> None:
    """Is an official image there without an account?"""

    async def work(client: RegistryClient) -> bytes:
        resolved = await client.resolve(Reference.parse("nginx"))
        assert resolved.content == NGINX.manifest
        return await fetch(client, "library/nginx", b"nginx layer")

    assert use(endpoint, work) == b"nginx layer"


def test_layer_of_another_repository_is_mounted(hub: Running, endpoint: Endpoint) -> None:
    """Is a layer shared where it may be, and does a refusal leave no upload behind?"""

    async def work(client: RegistryClient) -> tuple[bool, bool]:
        good = await client.mount_blob("alice/own", Digest.of(b"nginx layer"), "library/nginx")
        bad = await client.mount_blob("alice/own", Digest.of(b"nowhere"), "library/nginx")
        return good, bad

    assert use(endpoint, work, ALICE) == (True, False)
    assert os.listdir(hub.root / "uploads") == []
    held = hub.hub.storage.blob(Repository("alice/own"), Digest.of(b"nginx layer"))
    assert held.read_bytes() == b"nginx layer"


@pytest.mark.parametrize(
    ("name", "credentials", "message"),
    [
        (
            "nginx:nope",
            None,
            "manifest for nginx:nope not found: manifest unknown: manifest unknown",
        ),
        (
            "none",
            None,
            "pull access denied for none, repository does not exist or may require"
            " 'docker login': denied: requested access to the resource is denied",
        ),
        (
            "bobby/none:1",
            ALICE,
            "pull access denied for bobby/none, repository does not exist or may require"
            " 'docker login': denied: requested access to the resource is denied",
        ),
        (
            "alice/none",
            ALICE,
            "manifest for alice/none:latest not found: manifest unknown: manifest unknown",
        ),
    ],
)
def test_what_cannot_be_pulled_is_told_as_docker_tells_it(
    endpoint: Endpoint, name: str, credentials: Credentials | None, message: str
) -> None:
    """Is the wording Docker's when there is no such image, or none for this account?"""
    reference = Reference.parse(name).tagged()
    error = failure(endpoint, lambda client: client.resolve(reference), credentials)
    assert isinstance(error, NotFound)
    assert error.message == message


@pytest.mark.parametrize("credentials", [None, Credentials("bobby", "swordfish")])
def test_push_without_right_is_denied(endpoint: Endpoint, credentials: Credentials | None) -> None:
    """Is it Docker's wording that one hears when pushing to another's name, or without login?"""
    error = failure(endpoint, lambda client: push(client, "alice/web", b"x"), credentials)
    assert isinstance(error, Forbidden)
    assert error.message == "denied: requested access to the resource is denied"


def test_manifest_of_missing_blob_is_not_pushed(endpoint: Endpoint) -> None:
    """Is the registry's own error passed on, with its status?"""
    image = make_image(b"never pushed")
    error = failure(
        endpoint,
        lambda client: client.push_manifest("alice/web", "2", image.manifest, OCI_MANIFEST),
        ALICE,
    )
    assert isinstance(error, RegistryError)
    assert (error.status, error.message) == (400, "manifest blob unknown: blob unknown to registry")


def test_missing_blob_is_not_found(endpoint: Endpoint) -> None:
    """Is a blob that the registry does not have told at once, without another attempt?"""
    error = failure(endpoint, lambda client: fetch(client, "library/nginx", b"nowhere"))
    assert isinstance(error, NotFound)
    assert error.message == "unknown blob"


def test_login_succeeds_or_says_why_not(endpoint: Endpoint) -> None:
    """Does login accept the right password only, and name the address as Docker does?"""
    use(endpoint, RegistryClient.login, ALICE)
    error = failure(endpoint, RegistryClient.login, WRONG)
    assert isinstance(error, Unauthorized)
    url = f"{endpoint.urls[-1]}/v2/"
    assert error.message == f'Get "{url}": unauthorized: incorrect username or password'


def test_wrong_password_is_not_taken_for_anonymous(endpoint: Endpoint) -> None:
    """Does a pull with a wrong password fail, although anybody could have pulled?"""
    reference = Reference.parse("nginx:latest")
    error = failure(endpoint, lambda client: client.resolve(reference), WRONG)
    assert isinstance(error, Unauthorized)
    assert error.message == "unauthorized: incorrect username or password"


def test_private_image_is_pulled_by_its_owner(hub: Running, endpoint: Endpoint) -> None:
    """Does the owner, and only the owner, pull a private image?"""
    hub.hub.rights.set_private(Repository("alice/web"), True)
    reference = Reference.parse("alice/web:1")
    resolved = use(endpoint, lambda client: client.resolve(reference), ALICE)
    assert resolved.content == WEB.manifest
    error = failure(endpoint, lambda client: client.resolve(reference))
    assert error.message.startswith("pull access denied for alice/web, ")


def test_password_is_not_shown() -> None:
    """Is the password absent from what a log or a traceback would show of credentials?"""
    assert "sesame" not in repr(ALICE) and "alice" in repr(ALICE)
