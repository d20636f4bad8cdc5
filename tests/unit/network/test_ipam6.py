"""Which IPv6 subnets and addresses are given out."""

from __future__ import annotations

import pytest

from lab.errors import Forbidden, InvalidParameter, NetworkError
from lab.network.ipam6 import AddressSpace6


def test_addresses_in_order() -> None:
    """Is the lowest free address given out, the gateway's never, and one again after its release?"""
    space = AddressSpace6()
    pool = space.request_pool("2001:db8::/64")
    given_out = [space.request_address(pool) for _ in range(3)]
    assert (str(pool.gateway), str(given_out[0])) == ("2001:db8::1", "2001:db8::2")
    space.release_address(pool, given_out[1])
    space.release_address(pool, given_out[1])
    assert space.request_address(pool) == given_out[1]
    assert str(space.request_address(pool, "2001:db8::77")) == "2001:db8::77"
    for taken in ("2001:db8::77", "2001:db8::1"):
        with pytest.raises(Forbidden, match="Address already in use"):
            space.request_address(pool, taken)
    with pytest.raises(InvalidParameter, match="does not belong to any of this network's subnets"):
        space.request_address(pool, "2001:db9::1")


def test_subnets() -> None:
    """Are subnets apart, free again after a release, and of one's own kind if none is asked for?"""
    space = AddressSpace6()
    pool = space.request_pool("2001:db8::/64", "2001:db8::5")
    with pytest.raises(Forbidden, match="Pool overlaps with other one"):
        space.request_pool("2001:db8::/48")
    space.release_pool(pool)
    assert space.request_pool("2001:db8::/48").subnet.prefixlen == 48
    first, second = space.request_pool(), space.request_pool()
    assert first.subnet != second.subnet
    assert first.subnet.is_private and first.subnet.prefixlen == 64


def test_a_small_subnet_ends() -> None:
    """Is the end of a subnet reported?"""
    space = AddressSpace6()
    pool = space.request_pool("2001:db8::/126")
    assert [str(space.request_address(pool)) for _ in range(2)] == ["2001:db8::2", "2001:db8::3"]
    with pytest.raises(NetworkError, match="no available IPv6 addresses"):
        space.request_address(pool)


@pytest.mark.parametrize(
    ("subnet", "message"),
    [
        ("2001:db8::1/64", "it should be 2001:db8::/64"),
        ("nonsense", "invalid subnet nonsense"),
        ("fe80::/64", "not allowed"),
        ("ff00::/64", "not allowed"),
    ],
)
def test_wrong_subnets(subnet: str, message: str) -> None:
    """Is a subnet that cannot be refused?"""
    with pytest.raises(InvalidParameter, match=message):
        AddressSpace6().request_pool(subnet)
