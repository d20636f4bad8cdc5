"""Images on their way: pulled from registries, and pushed to them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from lab.engine.image_events import log_image, name_members
from lab.engine.layers import Layers
from lab.engine.machine import own_platform
from lab.engine.progress import Emit, Progress
from lab.engine.pulls import Pull, Stores, Turns
from lab.engine.pushes import Push
from lab.engine.registries import Registries
from lab.engine.remote_configs import read_config
from lab.engine.workers import Workers
from lab.errors import Forbidden, InvalidParameter, NotFound
from lab.image.blobs import BlobStore
from lab.image.store import Image, ImageStore
from lab.journal import Journal
from lab.oci import manifest
from lab.oci.descriptor import Descriptor, Platform
from lab.oci.digest import Digest
from lab.oci.image_config import ImageConfig
from lab.oci.manifest import Index
from lab.oci.reference import Reference, check_tag
from lab.registry.endpoint import Credentials

_THREADS = 4


@dataclass(frozen=True, slots=True)
class Seen:
    """What a registry has under a name, and for which platforms."""

    descriptor: Descriptor
    platforms: tuple[Platform, ...]


class Transfer:
    """Moves images; belongs to the event loop's thread.

    Errors are raised, before or after messages were given to `emit`.  Cancelling the task gives
    the work up and leaves nothing half done.
    """

    def __init__(
        self,
        store: ImageStore,
        blobs: BlobStore,
        layers: Layers,
        registries: Registries,
        journal: Journal,
    ) -> None:
        self._workers = Workers(_THREADS, "transfer")
        self._stores = Stores(store, blobs, layers, self._workers)
        self._registries = registries
        self._journal = journal
        self._turns = Turns()

    async def pull(
        self,
        reference: Reference,
        credentials: Credentials | None,
        emit: Emit,
        platform: Platform | None = None,
    ) -> Image:
        """Fetch the image that a name means, for this machine or `platform`, and name it so.

        Raises NotFound, Unauthorized, Forbidden, RegistryError as Docker words them;
        InvalidParameter, DigestMismatch, UnsafePath for what is wrong with the image.
        """
        reference = reference.tagged()
        image, newer = await self._fetch(reference, credentials, emit, platform)
        progress = Progress(emit)
        progress.say(f"Status: {_status(newer)} for {reference.familiar()}")
        if platform is not None and not is_for(image, platform):
            progress.say(f"WARNING: {_mismatch(image, reference.familiar_name, platform)}")
        return image

    async def pull_all(
        self,
        reference: Reference,
        credentials: Credentials | None,
        emit: Emit,
        platform: Platform | None = None,
    ) -> None:
        """Fetch the images of all tags of a repository, one after the other; errors as in `pull`."""
        newer = False
        for tag in await self._registries.tags(reference, credentials):
            named = replace(reference, tag=check_tag(tag))
            newer |= (await self._fetch(named, credentials, emit, platform))[1]
        Progress(emit).say(f"Status: {_status(newer)} for {reference.familiar()}")

    async def _fetch(
        self,
        reference: Reference,
        credentials: Credentials | None,
        emit: Emit,
        platform: Platform | None,
    ) -> tuple[Image, bool]:
        """Return the image, and whether it is new under this name."""
        if reference.familiar_name == "scratch":
            raise Forbidden("'scratch' is a reserved name")
        progress = Progress(emit)
        remote = await self._registries.resolve(reference, credentials)
        try:
            async with self._leased():
                wanted = platform or own_platform()
                pull = Pull(self._stores, self._turns, remote, progress, wanted)
                image = await pull.run(reference)
                digest = remote.resolved.descriptor.digest
                progress.say(f"Digest: {digest}")
                with self._journal.together():
                    newer = self._name(reference, digest, image)
                    self._log("pull", reference, digest, image)
        finally:
            await remote.close()
        return image, newer

    async def push(self, reference: Reference, credentials: Credentials | None, emit: Emit) -> None:
        """Upload what a name means; all tags of the repository if it has none.

        Raises NotFound for a name that is not here, InvalidParameter for one with a digest;
        Forbidden, Unauthorized, RegistryError as the registry says.
        """
        if reference.digest is not None:
            raise InvalidParameter("cannot push a digest reference")
        progress = Progress(emit)
        progress.say(f"The push refers to repository [{reference.name}]")
        wanted = self._to_push(reference)
        client = await self._registries.for_push(reference, credentials)
        try:
            async with self._leased():
                for name, image in wanted:
                    digest = await Push(self._stores, client, progress).run(name, image)
                    with self._journal.together():
                        self._stores.images.set_digest(name, digest, image.id)
                        self._log("push", name, digest, image)
        finally:
            await client.close()

    async def look_up(self, reference: Reference, credentials: Credentials | None) -> Seen:
        """Return what a name means at its registry, without fetching it; errors as in `pull`."""
        remote = await self._registries.resolve(reference.tagged(), credentials)
        try:
            resolved = remote.resolved
            document = manifest.parse(resolved.content, resolved.descriptor.media_type)
            if isinstance(document, Index):
                found = tuple(each.platform for each in document.manifests if each.platform)
                return Seen(resolved.descriptor, found)
            config = ImageConfig.from_bytes(await read_config(remote, document.config))
            own = Platform(config.os, config.architecture, config.variant)
            return Seen(resolved.descriptor, (own,))
        finally:
            await remote.close()

    def close(self) -> None:
        """End the threads."""
        self._workers.close()

    @asynccontextmanager
    async def _leased(self) -> AsyncIterator[None]:
        """Keep all blobs meanwhile; what a failed pull fetched is deleted."""
        layers = self._stores.layers
        try:
            with self._stores.blobs.lease():
                yield
        except BaseException:
            layers.owes_sweep = True
            raise
        finally:
            if layers.owes_sweep:
                await self._workers.run(layers.sweep)

    def _name(self, reference: Reference, digest: Digest, image: Image) -> bool:
        """Give a pulled image its names; return whether the tag or digest is new for it."""
        store = self._stores.images
        wanted = reference.digest or digest
        known = any(
            name.name == reference.name and name.digest == wanted
            for name in store.digests_of(image.id)
        )
        store.set_digest(reference, wanted, image.id)
        if reference.digest is not None:
            return not known
        return store.tag(reference, image.id) != image.id

    def _to_push(self, reference: Reference) -> list[tuple[Reference, Image]]:
        """Return the names to push with their images.  Raises NotFound in Docker's words."""
        store = self._stores.images
        known = [
            (name, image)
            for image in store.all()
            for name in store.tags_of(image.id)
            if name.name == reference.name
        ]
        if not known:
            raise NotFound(
                f"An image does not exist locally with the tag: {reference.familiar_name}"
            )
        if not reference.tag:
            return sorted(known, key=lambda pair: pair[0].tag)
        chosen = [pair for pair in known if pair[0].tag == reference.tag]
        if not chosen:
            raise NotFound(f"tag does not exist: {reference.familiar()}")
        return chosen

    def _log(self, action: str, reference: Reference, digest: Digest, image: Image) -> None:
        members = name_members(reference) | {"digest": str(digest), "image": str(image.id)}
        labels = image.config.config.labels
        name = reference.familiar_name
        log_image(self._journal, action, reference.familiar(), name, labels, **members)


def _status(newer: bool) -> str:
    return "Downloaded newer image" if newer else "Image is up to date"


def is_for(image: Image, platform: Platform) -> bool:
    """Return whether an image is for this system and architecture."""
    config = image.config
    return (config.os, config.architecture) == (platform.os, platform.architecture)


def require_platform(store: ImageStore, name: str, platform: Platform) -> None:
    """Raise NotFound, in Docker's words, if the image that a name means is not for `platform`.

    Clients pull then.
    """
    image = store.resolve(name)
    if not is_for(image, platform):
        raise NotFound(_mismatch(image, name, platform))


def _mismatch(image: Image, name: str, platform: Platform) -> str:
    own = f"{image.config.os}/{image.config.architecture}"
    return (
        f"image with reference {name} was found but does not match the specified platform:"
        f" wanted {platform}, actual: {own}"
    )
