"""What registries answer: bodies and digests, read with care.

Source: OCI distribution-spec 1.1.
"""

from __future__ import annotations

import aiohttp

from lab.errors import DigestMismatch, InvalidParameter
from lab.oci.digest import Digest
from lab.registry.failures import BROKEN, unreachable


async def read_body(response: aiohttp.ClientResponse, limit: int) -> bytes:
    """Read a body of at most `limit` bytes."""
    whole = bytearray()
    try:
        async for data in response.content.iter_any():
            whole += data
            if len(whole) > limit:
                raise InvalidParameter(f"manifest is larger than {limit} bytes")
    except BROKEN as error:
        raise unreachable("GET", response.url, error) from error
    return bytes(whole)


def parse_digest(text: str) -> Digest | None:
    """Return the digest that a registry announced; None for no text.  Raises DigestMismatch."""
    try:
        return Digest.parse(text) if text else None
    except InvalidParameter:
        raise DigestMismatch(f"the registry sent an invalid digest: {text!r}") from None
