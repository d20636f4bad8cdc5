"""What the client of registries makes of refusals, lies, and no answer at all."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path

import aiohttp
import pytest
from yarl import URL

from lab.errors import DigestMismatch, InvalidParameter, RegistryError
from lab.oci.descriptor import OCI_MANIFEST
from lab.oci.digest import Digest
from lab.oci.manifest import MAX_SIZE
from lab.oci.reference import Reference
from lab.registry.endpoint import Endpoint
from lab.registry.failures import unreachable
from lab.registry.transport import Limits

from .helpers import Served, failure, use
from .stand_in import BLOB_PATH, CONTENT, IMAGE, PATH, StandIn, fetch, plain, resolve


@pytest.mark.parametrize(
    ("name", "headers"),
    [
        (f"{PATH}@{Digest.of(b'other')}", {}),
        (f"{PATH}:1", {"Docker_Content_Digest": str(Digest.of(b"other"))}),
        (f"{PATH}:1", {"Docker_Content_Digest": "sha256:nonsense"}),
    ],
)
def test_lying_manifest_is_refused(
    registry: tuple[StandIn, Served], name: str, headers: dict[str, str]
) -> None:
    """Is a manifest that is not what was asked for, or announced, a digest mismatch?"""
    stand_in, at = registry
    handle = plain(200, IMAGE.manifest, Content_Type=OCI_MANIFEST, **headers)
    reference = Reference.parse(name)
    path = f"/v2/{reference.path}/manifests/{reference.digest or reference.tag}"
    stand_in.on("GET", path, handle)
    assert isinstance(failure(at, resolve(name)), DigestMismatch)


def test_endless_manifest_is_refused(registry: tuple[StandIn, Served]) -> None:
    """Is a manifest beyond 4 MiB given up, rather than read into memory?"""
    stand_in, at = registry
    stand_in.on("GET", f"/v2/{PATH}/manifests/1", plain(200, b" " * (MAX_SIZE + 1)))
    assert isinstance(failure(at, resolve()), InvalidParameter)


@pytest.mark.parametrize(
    ("status", "body", "headers", "message"),
    [
        (
            404,
            b"<html>",
            {},
            f"manifest for {PATH}:1 not found: manifest unknown: manifest unknown",
        ),
        (
            404,
            b'{"errors":[{"code":"NAME_UNKNOWN"}]}',
            {},
            f"repository {PATH} not found: name unknown: repository name not known to registry",
        ),
        (429, b'{"errors":[{"code":"TOOMANYREQUESTS","message":"slow down"}]}', {},
         "toomanyrequests: slow down"),
        (429, b"", {}, "toomanyrequests: too many requests"),
        (401, b'{"details":"incorrect username or password"}', {},
         "unauthorized: incorrect username or password"),
        (401, b"{", {}, "unauthorized: authentication required"),
        (
            401,
            b'{"errors":[{"code":"UNAUTHORIZED"}]}',
            {"WWW_Authenticate": 'Digest error="insufficient_scope"'},
            f"pull access denied for {PATH}, repository does not exist or may require"
            " 'docker login': denied: requested access to the resource is denied",
        ),
        (418, b'{"errors":{"code":1}}', {}, "received unexpected HTTP status: 418 I'm a Teapot"),
        (400, b'{"errors":[{"code":"ODD_ONE","message":7}]}', {}, "odd one: unknown error"),
        (500, b"x" * 100_000, {}, "received unexpected HTTP status: 500 Internal Server Error"),
    ],
)  # fmt: skip
def test_refusal_is_told_in_docker_s_words(
    registry: tuple[StandIn, Served],
    status: int,
    body: bytes,
    headers: dict[str, str],
    message: str,
) -> None:
    """Whatever a registry answers: is the error what Docker would print?"""
    stand_in, at = registry
    stand_in.on("GET", f"/v2/{PATH}/manifests/1", plain(status, body, **headers))
    assert failure(at, resolve()).message == message


def test_nobody_listens() -> None:
    """Is the error Docker's where nobody listens, and after HTTPS also HTTP was tried?"""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        error = failure(Endpoint.of(f"127.0.0.1:{port}"), fetch, limits=Limits(attempts=1))
    assert error.message == (
        f'Get "http://127.0.0.1:{port}/v2/": dial tcp 127.0.0.1:{port}: connect: connection refused'
    )


def test_hub_is_not_there(tmp_path: Path) -> None:
    """Is a missing socket told as such?"""
    error = failure(Endpoint.local(tmp_path / "s"), fetch, limits=Limits(attempts=1))
    assert error.message == (
        f'Get "http://hub/v2/": dial unix {tmp_path}/s: connect: no such file or directory'
    )


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (socket.EAI_NONAME, "no such host"),
        (socket.EAI_AGAIN, "temporary failure in name resolution"),
    ],
)
def test_no_network(number: int, reason: str) -> None:
    """Is a name that cannot be looked up told as Docker tells it?"""
    key = aiohttp.client_reqrep.ConnectionKey(
        "registry-1.docker.io", 443, True, True, None, None, None
    )
    lookup = socket.gaierror(number, "Temporary failure in name resolution")
    error = aiohttp.ClientConnectorDNSError(key, lookup)
    assert unreachable("GET", URL("https://registry-1.docker.io/v2/"), error).message == (
        f'Get "https://registry-1.docker.io/v2/": dial tcp: lookup registry-1.docker.io: {reason}'
    )


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a server's key.pem and cert.pem, which nobody else has signed."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("tls")
    key, cert = folder / "key.pem", folder / "cert.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
    names = ("-addext", "subjectAltName=IP:127.0.0.1")
    subprocess.run(
        [*command.split(), "-subj", "/CN=lab", *names, "-keyout", key, "-out", cert],
        check=True,
        capture_output=True,
    )
    return folder


@pytest.fixture(scope="module")
def certificate(tls: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tls / "cert.pem", tls / "key.pem")
    return context


def test_certificates_count_except_on_this_machine(
    stand: Callable[..., tuple[StandIn, Served]], certificate: ssl.SSLContext
) -> None:
    """Is an unknown signer refused, but taken, with TLS, from a loopback address?"""
    stand_in, at = stand(certificate)
    stand_in.on("GET", BLOB_PATH, plain(200, CONTENT))
    assert use(Endpoint.of(f"127.0.0.1:{at.port}"), fetch) == CONTENT
    strict = Endpoint((f"https://127.0.0.1:{at.port}",))
    assert failure(strict, fetch, limits=Limits(attempts=1)).message == (
        f'Get "https://127.0.0.1:{at.port}/v2/": '
        "tls: failed to verify certificate: x509: certificate signed by unknown authority"
    )


def test_a_registry_s_own_certificate_can_be_trusted(
    stand: Callable[..., tuple[StandIn, Served]],
    certificate: ssl.SSLContext,
    tls: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Does a certificate in the registry's folder of certs.d vouch for it, and for no other?"""
    monkeypatch.setattr("lab.registry.endpoint._is_loopback", lambda host: False)
    stand_in, at = stand(certificate)
    stand_in.on("GET", BLOB_PATH, plain(200, CONTENT))
    folder = tmp_path / "another:5000"
    folder.mkdir()
    shutil.copy(tls / "cert.pem", folder / "ca.crt")
    once = Limits(attempts=1)
    there = f"127.0.0.1:{at.port}"
    endpoint = Endpoint.of(there, tmp_path)
    assert "unknown authority" in failure(endpoint, fetch, limits=once).message
    folder.rename(tmp_path / there)
    assert use(endpoint, fetch) == CONTENT
    (tmp_path / there / "ca.crt").write_text("no certificate")
    assert isinstance(failure(endpoint, fetch, limits=once), RegistryError)


def test_a_registry_that_wants_a_client_s_certificate(
    stand: Callable[..., tuple[StandIn, Served]],
    certificate: ssl.SSLContext,
    tls: Path,
    tmp_path: Path,
) -> None:
    """Is the certificate in certs.d shown, also to this machine's own, and a half one refused?"""
    certificate.load_verify_locations(tls / "cert.pem")
    certificate.verify_mode = ssl.CERT_REQUIRED
    try:
        stand_in, at = stand(certificate)
        stand_in.on("GET", BLOB_PATH, plain(200, CONTENT))
        there = f"127.0.0.1:{at.port}"
        once, endpoint = Limits(attempts=1), Endpoint.of(there, tmp_path)
        assert isinstance(failure(endpoint, fetch, limits=once), RegistryError)
        (tmp_path / there).mkdir()
        shutil.copy(tls / "cert.pem", tmp_path / there / "client.cert")
        assert failure(endpoint, fetch, limits=once).message == (
            "missing key client.key for client certificate client.cert. CA certificates must use"
            " the extension .crt"
        )
        shutil.copy(tls / "key.pem", tmp_path / there / "client.key")
        assert use(endpoint, fetch) == CONTENT
        (tmp_path / there / "client.cert").unlink()
        assert failure(endpoint, fetch, limits=once).message == (
            "missing client certificate client.cert for key client.key"
        )
    finally:
        certificate.verify_mode = ssl.CERT_NONE


def test_plain_http_is_not_taken_for_https(registry: tuple[StandIn, Served]) -> None:
    """Is a registry without TLS refused, in Docker's words, where TLS is a must?"""
    _, at = registry
    error = failure(Endpoint((f"https://127.0.0.1:{at.port}",)), fetch, limits=Limits(attempts=1))
    assert error.message == (
        f'Get "https://127.0.0.1:{at.port}/v2/": http: server gave HTTP response to HTTPS client'
    )
