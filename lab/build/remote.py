"""A build context that the daemon fetches itself: `POST /build?remote=URL`.

What is there may be an archive, plain or compressed, or the text of a Dockerfile, which is then
built without a context.  Source: Docker Engine API, ImageBuild, `remote`.
"""

from __future__ import annotations

import re
from pathlib import Path

from lab.build.backend import Backend
from lab.build.context import Context, Entry, Kind
from lab.build.stage import World
from lab.build.unpack import unpack
from lab.errors import BuildError, InvalidParameter, Unsupported
from lab.image.streams import decompress
from lab.image.tar_reader import TarReader

_GIT = re.compile(r"(git://|git@|github\.com/|https?://.*\.git(?:#.+)?$)")
_FILE = "0"


def check(remote: str) -> None:
    """Raise Unsupported or InvalidParameter for an address that cannot be built from."""
    if _GIT.match(remote):
        raise Unsupported(
            f"this engine does not clone git repositories ({remote}); clone it and build the folder"
        )
    if not remote.startswith(("http://", "https://")):
        raise InvalidParameter(f"remoteURL ({remote}) could not be recognized as URL")


def fetch(remote: str, name: str, scratch: Path, world: World, limit: int) -> tuple[Context, str]:
    """Return the context that is at an address, and the name of the Dockerfile in it.

    `scratch` is a folder that does not exist yet.  The caller closes the context.
    Raises BuildError for what cannot be had, InvalidParameter for what is no context.
    """
    backend: Backend = world.backend
    scratch.mkdir(mode=0o700)
    context = Context(scratch)
    try:
        file = scratch / _FILE
        try:
            got = backend.download(remote, file, world.progress.emit, world.cancelled)
        except BuildError as error:
            raise BuildError(
                f"error downloading remote context {remote}: {error.message}"
            ) from None
        if _is_archive(file):
            with file.open("rb") as stream:
                inner = unpack(stream, scratch / "context", limit)
            inner.owned = scratch
            return inner, name
        content = file.read_bytes()
        if b"\0" in content:
            raise BuildError(f'unsupported Content-Type "{got.media_type}"')
        context.put("Dockerfile", Entry(Kind.FILE, 0o600, content=0))
        return context, "Dockerfile"
    except BaseException:
        context.close()
        raise


def _is_archive(file: Path) -> bool:
    with file.open("rb") as stream:
        try:
            return next(iter(TarReader(decompress(stream, ""))), None) is not None
        except InvalidParameter:
            return False
