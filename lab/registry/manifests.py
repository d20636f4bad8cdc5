"""Handlers for manifests, tags, referrers and the list of repositories.

Source: distribution-spec 1.1, "Pulling manifests", "Pushing Manifests", "Content Discovery",
"Content Management".
"""

from __future__ import annotations

import asyncio

from aiohttp import web

from lab.errors import InvalidParameter
from lab.oci import fields
from lab.oci.descriptor import OCI_INDEX, Descriptor
from lab.oci.digest import Digest
from lab.oci.fields import Json
from lab.oci.manifest import MAX_SIZE, Index, Manifest, parse
from lab.registry import names
from lab.registry.calls import Call, page
from lab.registry.errors import Code, Refused, json_response
from lab.registry.names import Tag
from lab.registry.source import StoredManifest

_ELSEWHERE = (".foreign.", ".nondistributable.")
"""Marks of media types whose blobs are, by licence, not in registries."""


async def get_manifest(call: Call) -> web.StreamResponse:
    source = call.hub.source(call.name)
    try:
        found = await asyncio.to_thread(source.manifest, call.name, call.reference)
    except Refused as error:
        if error.code is Code.TAG_INVALID:
            # what cannot be a tag is not one that could be found
            raise Refused(Code.MANIFEST_UNKNOWN, detail=error.detail) from None
        raise
    headers = {
        "Content-Type": found.media_type,
        "Docker-Content-Digest": str(found.digest),
        "ETag": f'"{found.digest}"',
    }
    return web.Response(body=found.content, headers=headers)


async def put_manifest(call: Call) -> web.StreamResponse:
    """Store a manifest if it is what its digest says and all that it refers to is here."""
    reference = call.reference
    content = await call.body(MAX_SIZE, Code.MANIFEST_TOO_LARGE)
    digest = reference if isinstance(reference, Digest) else Digest.of(content)
    tags = _tags_of(call, reference)
    subject = await asyncio.to_thread(_store, call, digest, tags, content)
    headers = {
        "Location": f"/v2/{call.name}/manifests/{digest}",
        "Docker-Content-Digest": str(digest),
    }
    if subject is not None:
        headers["OCI-Subject"] = str(subject)
    if isinstance(reference, Digest) and tags:
        headers["OCI-Tag"] = ", ".join(tags)
    return web.Response(status=201, headers=headers)


async def delete_manifest(call: Call) -> web.StreamResponse:
    await asyncio.to_thread(call.hub.storage.delete_manifest, call.name, call.reference)
    return web.Response(status=202)


async def list_tags(call: Call) -> web.StreamResponse:
    tags = await asyncio.to_thread(call.hub.source(call.name).tags, call.name)
    part, headers = page(call, tags)
    return json_response({"name": call.name, "tags": part}, headers=headers)


async def list_repositories(call: Call) -> web.StreamResponse:
    """The repositories that the caller may pull."""
    visible = await asyncio.to_thread(_visible, call)
    part, headers = page(call, visible)
    return json_response({"repositories": part}, headers=headers)


async def list_referrers(call: Call) -> web.StreamResponse:
    """The manifests that name the given one as their subject, as an image index."""
    found = await asyncio.to_thread(call.hub.storage.referrers, call.name, call.digest)
    entries, headers = [_referrer(manifest) for manifest in found], {}
    wanted = call.query("artifactType")
    if wanted:
        entries = [entry for entry in entries if entry.get("artifactType") == wanted]
        headers["OCI-Filters-Applied"] = "artifactType"
    index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}
    return json_response(index, headers=headers, media_type=OCI_INDEX)


def _tags_of(call: Call, reference: Tag | Digest) -> tuple[Tag, ...]:
    """Return the tags that a push is to set: the one in the URL, or those in the query."""
    if not isinstance(reference, Digest):
        return (reference,)
    asked = dict.fromkeys(call.request.query.getall("tag", []))
    return tuple(names.tag(text) for text in asked)


def _store(call: Call, digest: Digest, tags: tuple[Tag, ...], content: bytes) -> Digest | None:
    """Check and store a manifest; return its subject, if it has one."""
    try:
        digest.check(content)
    except InvalidParameter:
        raise Refused(Code.DIGEST_INVALID, detail={"digest": str(digest)}) from None
    media_type, subject = _check(call, content)
    stored = StoredManifest(digest, media_type, content)
    call.hub.storage.put_manifest(call.name, tags, stored, subject)
    for tag in tags or ("",):
        call.hub.announce(call.name, tag, str(digest), call.caller.account)
    return subject


def _check(call: Call, content: bytes) -> tuple[str, Digest | None]:
    """Return media type and subject of a manifest whose parts are all in the repository."""
    announced = call.request.headers.get("Content-Type", "").partition(";")[0].strip()
    try:
        manifest = parse(content, announced)
        raw = fields.load_object(content, "manifest")
        subject = fields.obj(raw, "subject")
        subject_digest = Descriptor.from_json(subject).digest if subject else None
    except InvalidParameter as error:
        raise Refused(Code.MANIFEST_INVALID, error.message) from None
    if announced and announced != manifest.media_type:
        raise Refused(
            Code.MANIFEST_INVALID,
            f"mediaType {manifest.media_type} does not match Content-Type {announced}",
        )
    _check_parts(call, manifest)
    return manifest.media_type, subject_digest


def _check_parts(call: Call, manifest: Manifest | Index) -> None:
    storage = call.hub.storage
    parts = manifest.manifests if isinstance(manifest, Index) else _blobs(manifest)
    for part in parts:
        try:
            if isinstance(manifest, Index):
                size = len(storage.manifest(call.name, part.digest).content)
            else:
                size = storage.blob(call.name, part.digest).stat().st_size
        except (Refused, FileNotFoundError):
            raise Refused(Code.MANIFEST_BLOB_UNKNOWN, detail={"digest": str(part.digest)}) from None
        if size != part.size:
            raise Refused(
                Code.MANIFEST_INVALID,
                f"{part.digest} has {size} bytes, the manifest says {part.size}",
            )


def _blobs(manifest: Manifest) -> tuple[Descriptor, ...]:
    layers = (
        layer
        for layer in manifest.layers
        if not any(mark in layer.media_type for mark in _ELSEWHERE)
    )
    return (manifest.config, *layers)


def _referrer(manifest: StoredManifest) -> Json:
    """Return the descriptor of a referrer, with the members that the specification asks for."""
    raw = fields.load_object(manifest.content, "manifest")
    artifact_type = fields.text(raw, "artifactType") or fields.text(
        fields.obj(raw, "config"), "mediaType"
    )
    return {
        "mediaType": manifest.media_type,
        "digest": str(manifest.digest),
        "size": len(manifest.content),
        **fields.without_empty(
            {"artifactType": artifact_type, "annotations": fields.text_map(raw, "annotations")}
        ),
    }


def _visible(call: Call) -> list[str]:
    return [name for name in call.hub.repositories() if call.hub.access.sees(call.caller, name)]
