"""An image's configuration, fetched from a registry into memory.

Source: moby, distribution/pull_v2.go, for the wording.
"""

from __future__ import annotations

from contextlib import aclosing

from lab.engine.registries import Remote
from lab.errors import DigestMismatch, InvalidParameter, LabError, RegistryError
from lab.oci.descriptor import Descriptor

_MAX = 16 << 20

_ALL_ATTEMPTS = 6
"""What Docker says after the fifth and last attempt."""


async def read_config(remote: Remote, descriptor: Descriptor) -> bytes:
    """Fetch a configuration, verified; errors as Docker words them."""
    if descriptor.size > _MAX:
        raise InvalidParameter(f"content {descriptor.digest} is larger than {_MAX} bytes")
    try:
        content = await _read(remote, descriptor)
    except LabError as error:
        passing = isinstance(error, RegistryError) and not 0 < error.status < 500
        attempts = _ALL_ATTEMPTS if passing else 1
        error.message = f"download failed after attempts={attempts}: {error.message}"
        raise
    if len(content) != descriptor.size or not descriptor.digest.fits(content):
        raise DigestMismatch(f"image config verification failed for digest {descriptor.digest}")
    return content


async def _read(remote: Remote, descriptor: Descriptor) -> bytes:
    """Return the bytes that the registry sends, a little more than announced at most."""
    whole = bytearray()
    async with aclosing(remote.client.fetch(remote.path, descriptor)) as pieces:
        async for piece in pieces:
            whole += piece
            if len(whole) > descriptor.size:
                break
    return bytes(whole)
