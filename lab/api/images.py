"""Routes of images, and of registries.  Source: Docker Engine API, Image, SystemAuth, Distribution."""

from __future__ import annotations

import asyncio
import tempfile
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from aiohttp import web

from lab.api import image_shapes
from lab.api.auth import credentials_of
from lab.api.bodies import answer, body_file, read_object
from lab.api.jobs import run_job
from lab.api.params import Filters, flag, number
from lab.api.system import ENGINE
from lab.api.versions import API_VERSION
from lab.engine.credentials import parse_credentials
from lab.engine.downloads import download
from lab.engine.image_list import LIST_FILTERS, PRUNE_FILTERS, ImageQuery
from lab.engine.machine import parse_platform
from lab.engine.progress import Emit
from lab.errors import Forbidden, InvalidParameter
from lab.oci import fields
from lab.oci.digest import Digest
from lab.oci.reference import DEFAULT_DOMAIN, Reference, check_tag, split_term

_SEARCH_FILTERS = frozenset(("is-automated", "is-official", "stars"))


def _version(request: web.Request) -> tuple[int, ...]:
    text = request.match_info.get("version", API_VERSION)
    return tuple(int(part) for part in text.split("."))


async def list_images(request: web.Request) -> web.Response:
    query = ImageQuery(
        everything=flag(request, "all"),
        filters=Filters.of(request, LIST_FILTERS).values,
        shared_size=flag(request, "shared-size"),
    )
    rows = await asyncio.to_thread(request.app[ENGINE].images.select, query)
    return answer([image_shapes.summary(row, _version(request)) for row in rows])


async def inspect(request: web.Request) -> web.Response:
    engine = request.app[ENGINE]
    image = engine.images.get(request.match_info["name"])
    row = engine.images.described(image)
    driver = engine.layers.driver(image.config)
    tagged_at = engine.images.last_tagged(image)
    return answer(image_shapes.inspect(row, driver, tagged_at, _version(request)))


async def history(request: web.Request) -> web.Response:
    images = request.app[ENGINE].images
    rows = images.history(images.get(request.match_info["name"]))
    return answer(image_shapes.history(rows))


async def tag(request: web.Request) -> web.Response:
    reference = _reference(request.query.get("repo", ""), request.query.get("tag", ""))
    if reference is None:
        raise InvalidParameter("invalid reference format")
    images = request.app[ENGINE].images
    images.tag(images.get(request.match_info["name"]), reference)
    return web.Response(status=201)


async def remove(request: web.Request) -> web.Response:
    images = request.app[ENGINE].images
    records = images.remove(
        request.match_info["name"],
        force=flag(request, "force"),
        prune=not flag(request, "noprune"),
    )
    await asyncio.to_thread(images.sweep)
    return answer(image_shapes.removed(records))


async def prune(request: web.Request) -> web.Response:
    images = request.app[ENGINE].images
    pruned = images.prune(Filters.of(request, PRUNE_FILTERS).values)
    await asyncio.to_thread(images.sweep)
    records = image_shapes.removed(pruned.removed)
    return answer({"ImagesDeleted": records or None, "SpaceReclaimed": pruned.reclaimed})


async def create(request: web.Request) -> web.StreamResponse:
    """Pull (`fromImage`) or import (`fromSrc`)."""
    if request.query.get("fromImage"):
        return await _pull(request)
    return await _import(request)


async def push(request: web.Request) -> web.StreamResponse:
    engine = request.app[ENGINE]
    reference = Reference.parse(request.match_info["name"])
    tag = request.query.get("tag", "")
    if tag:
        reference = _with_tag(reference, tag)
    credentials = credentials_of(request)

    async def job(emit: Emit) -> None:
        await engine.transfer.push(reference, credentials, emit)

    return await run_job(request, job)


async def search(request: web.Request) -> web.Response:
    filters = Filters.of(request, _SEARCH_FILTERS)
    limit = number(request, "limit", 0) or 0
    registries = request.app[ENGINE].registries
    domain, term = split_term(request.query.get("term", ""))
    if domain == DEFAULT_DOMAIN:
        repositories = await asyncio.to_thread(registries.search, term, limit)
    else:
        repositories = await registries.search_elsewhere(domain, term, limit)
    official = filters.get("is-official")
    if official:
        wanted = official[0].lower() in ("1", "true")
        repositories = [each for each in repositories if each.official is wanted]
    if any(stars != "0" for stars in filters.get("stars")) or "true" in filters.get("is-automated"):
        repositories = []  # the Hub counts no stars and builds nothing by itself
    return answer(image_shapes.found(repositories))


async def login(request: web.Request) -> web.Response:
    body = await read_object(request)
    credentials = parse_credentials(body)
    if credentials is None:
        raise InvalidParameter("username and password are needed to log in")
    server = fields.text(body, "serveraddress")
    await request.app[ENGINE].registries.login(credentials, server)
    return answer({"IdentityToken": "", "Status": "Login Succeeded"})


async def distribution(request: web.Request) -> web.Response:
    """What a registry has under a name, without pulling it."""
    reference = Reference.parse(request.match_info["name"])
    seen = await request.app[ENGINE].transfer.look_up(reference, credentials_of(request))
    return answer(
        {
            "Descriptor": seen.descriptor.to_json(),
            "Platforms": [platform.to_json() for platform in seen.platforms],
        }
    )


async def _pull(request: web.Request) -> web.StreamResponse:
    engine = request.app[ENGINE]
    # `docker pull --all-tags` sends a name without a tag, older clients with a colon at its end
    name = request.query["fromImage"].removesuffix(":")
    tag = request.query.get("tag", "")
    reference = Reference.parse(name)
    if tag:
        reference = _with_tag(reference, tag)
    if reference.familiar_name == "scratch":
        raise Forbidden("'scratch' is a reserved name")
    wanted = request.query.get("platform", "")
    platform = parse_platform(wanted) if wanted else None
    credentials = credentials_of(request)

    async def job(emit: Emit) -> None:
        if reference.tag or reference.digest is not None:
            await engine.transfer.pull(reference, credentials, emit, platform)
        else:
            await engine.transfer.pull_all(reference, credentials, emit, platform)

    return await run_job(request, job)


async def _import(request: web.Request) -> web.StreamResponse:
    engine, source = request.app[ENGINE], request.query.get("fromSrc", "")
    if not source:
        raise InvalidParameter("one of fromImage and fromSrc is needed")
    reference = _reference(request.query.get("repo", ""), request.query.get("tag", ""))
    message = request.query.get("message") or f"Imported from {source}"
    changes = request.query.getall("changes", [])

    async def job(emit: Emit) -> None:
        async with _archive(request, source, emit) as file:
            image = await asyncio.to_thread(
                engine.images.import_image, file, message, changes, reference
            )
        emit({"status": str(image.id)})

    return await run_job(request, job)


@asynccontextmanager
async def _archive(request: web.Request, source: str, emit: Emit) -> AsyncIterator[BinaryIO]:
    """Give the archive to import: the body, or what is at an address."""
    if source == "-":
        async with body_file(request) as file:
            yield file
        return
    url = source if "://" in source else f"http://{source}"
    if not url.startswith(("http://", "https://")):
        raise InvalidParameter(f'unsupported protocol scheme "{url.partition(":")[0]}"')
    stop = threading.Event()
    emit({"status": f"Downloading from {url}"})
    with tempfile.TemporaryDirectory(dir=request.app[ENGINE].config.root / "scratch") as folder:
        target = Path(folder) / "archive"
        try:
            await asyncio.to_thread(download, url, target, emit, stop.is_set, "", "Importing")
        finally:
            stop.set()
        with target.open("rb") as file:
            yield file


def _reference(repo: str, tag: str) -> Reference | None:
    """Return the name that `repo` and `tag` spell, None without one.

    Raises InvalidParameter for a name with a digest, and for malformed ones.
    """
    if not repo:
        return None
    reference = Reference.parse(repo)
    if reference.digest is not None:
        raise InvalidParameter("cannot import digest reference")
    return replace(reference, tag=check_tag(tag)) if tag else reference.tagged()


def _with_tag(reference: Reference, tag: str) -> Reference:
    """Return a name with another tag; what looks like a digest is taken as one."""
    try:
        return reference.with_digest(Digest.parse(tag))
    except InvalidParameter:
        return replace(reference, tag=check_tag(tag), digest=None)


ROUTES = [
    ("GET", "/images/json", list_images),
    ("GET", "/images/search", search),
    ("POST", "/images/create", create),
    ("POST", "/images/prune", prune),
    ("GET", "/images/{name:.+}/json", inspect),
    ("GET", "/images/{name:.+}/history", history),
    ("POST", "/images/{name:.+}/tag", tag),
    ("POST", "/images/{name:.+}/push", push),
    ("DELETE", "/images/{name:.*}", remove),
    ("GET", "/distribution/{name:.+}/json", distribution),
    ("POST", "/auth", login),
]
