"""Names of registries that no address can be made of."""

from __future__ import annotations

import asyncio

import pytest

from lab.errors import RegistryError
from lab.registry.client import RegistryClient
from lab.registry.endpoint import Endpoint


@pytest.mark.parametrize(
    ("domain", "told"),
    [
        ("a.example:99999", 'Get "https://a.example:99999/v2/": dial tcp: address 99999: invalid'),
        ("a" * 80 + ".example", f"dial tcp: lookup {'a' * 80}.example: no such host"),
        ("é..é", "dial tcp: lookup é..é: no such host"),
        ("[::1", "ipv6"),
        (":", "host"),
    ],
)
def test_a_name_that_leads_nowhere(domain: str, told: str) -> None:
    """Is it an error of the registry's, in Docker's words where those are known?"""

    async def reach() -> None:
        client = RegistryClient(Endpoint.of(domain))
        try:
            await client.reach()
        finally:
            await client.close()

    with pytest.raises(RegistryError) as caught:
        asyncio.run(reach())
    assert told in caught.value.message
