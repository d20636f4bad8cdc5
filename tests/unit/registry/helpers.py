"""A served application, plain HTTP, and images of a few bytes."""

from __future__ import annotations

import asyncio
import base64
import http.client
import json
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest
from aiohttp import web

from lab.errors import LabError
from lab.oci.descriptor import OCI_CONFIG, OCI_LAYER_GZIP, Descriptor
from lab.oci.digest import Digest
from lab.oci.manifest import Manifest
from lab.registry.client import RegistryClient
from lab.registry.endpoint import Credentials, Endpoint
from lab.registry.transport import Limits

T = TypeVar("T")
REF_NAME = "org.opencontainers.image.ref.name"


@dataclass(frozen=True)
class Served:
    """Where an application listens."""

    port: int
    socket: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def served(app: web.Application, folder: Path, ssl: Any = None) -> Iterator[Served]:
    """Serve an application from a thread of its own: on a TCP port and on a unix socket."""
    ready: list[Served] = []
    started, stop = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=ssl)
        await site.start()
        socket = folder / "http.sock"
        await web.UnixSite(runner, str(socket)).start()
        ready.append(Served(runner.addresses[0][1], socket))
        started.set()
        await stop.wait()
        await runner.cleanup()

    def work() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(serve())

    thread = threading.Thread(target=work)
    thread.start()
    assert started.wait(10)
    try:
        yield ready[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)


@dataclass(frozen=True)
class Answer:
    """A response, read whole; `header` looks up by any spelling of the name."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def header(self, name: str) -> str | None:
        return {key.lower(): value for key, value in self.headers.items()}.get(name.lower())

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The first error's code."""
        return str(self.json["errors"][0]["code"])


def call(
    at: Served,
    method: str,
    path: str,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    user: str = "",
) -> Answer:
    """Send one plain request; `user` is `name:password`."""
    headers = dict(headers or {})
    if user:
        headers["Authorization"] = basic(user)
    connection = http.client.HTTPConnection("127.0.0.1", at.port, timeout=10)
    try:
        connection.request(method, path, body=body, headers=headers)
        response = connection.getresponse()
        return Answer(response.status, dict(response.getheaders()), response.read())
    finally:
        connection.close()


def basic(user: str) -> str:
    return "Basic " + base64.b64encode(user.encode()).decode()


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end, within a limit."""
    return asyncio.run(asyncio.wait_for(work, 20))


HASTY = Limits(connect=2, answer=2, stall=2, attempts=3, second=0)
"""Patience for tests, in which nothing is far away."""


def use(
    at: Served | Endpoint,
    work: Callable[[RegistryClient], Awaitable[Any]],
    credentials: Credentials | None = None,
    limits: Limits = HASTY,
) -> Any:
    """Run `work` with a client, which is closed afterwards."""
    endpoint = Endpoint((at.url,)) if isinstance(at, Served) else at

    async def job() -> Any:
        client = RegistryClient(endpoint, credentials, limits)
        try:
            return await work(client)
        finally:
            await client.close()

    return run(job())


def failure(
    at: Served | Endpoint,
    work: Callable[[RegistryClient], Awaitable[Any]],
    credentials: Credentials | None = None,
    limits: Limits = HASTY,
) -> LabError:
    """Return the error that `work` must end with."""
    with pytest.raises(LabError) as caught:
        use(at, work, credentials, limits)
    return caught.value


@dataclass(frozen=True)
class Image:
    """Blobs and the manifest over them."""

    blobs: dict[Digest, bytes] = field(default_factory=dict)
    manifest: bytes = b""

    @property
    def digest(self) -> Digest:
        return Digest.of(self.manifest)


def blob(content: bytes, media_type: str = OCI_LAYER_GZIP) -> Descriptor:
    return Descriptor(media_type, Digest.of(content), len(content))


def make_image(*layers: bytes, config: bytes = b"{}", subject: Descriptor | None = None) -> Image:
    manifest = Manifest(
        config=blob(config, OCI_CONFIG), layers=tuple(map(blob, layers)), subject=subject
    )
    blobs = {Digest.of(content): content for content in (config, *layers)}
    return Image(blobs, manifest.to_bytes())


def write_layout(folder: Path, images: Mapping[str, Image]) -> None:
    """Make, or replace, an OCI image layout whose images bear these names."""
    entries = []
    for name, image in images.items():
        for digest, content in {**image.blobs, image.digest: image.manifest}.items():
            path = folder / "blobs" / digest.algorithm / digest.hex
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        media_type = json.loads(image.manifest)["mediaType"]
        descriptor = Descriptor(
            media_type, image.digest, len(image.manifest), annotations={REF_NAME: name}
        )
        entries.append(descriptor.to_json())
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    index = folder / "index.new"
    index.write_text(json.dumps({"schemaVersion": 2, "manifests": entries}))
    index.replace(folder / "index.json")
