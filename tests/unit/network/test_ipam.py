"""Which subnets and addresses are given out."""

from __future__ import annotations

import threading
from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.errors import Forbidden, InvalidParameter, NetworkError
from lab.network.ipam import DEFAULT_GATEWAY, DEFAULT_SUBNET, AddressSpace, mac_of

NETWORK = "bridge (4f1c)"


def test_the_default_bridge_has_dockers_addresses() -> None:
    """Does the first container get 172.17.0.2, and Docker's hardware address for it?"""
    space = AddressSpace()
    pool = space.request_pool(DEFAULT_SUBNET, gateway=DEFAULT_GATEWAY)
    first = space.request_address(pool, NETWORK)
    assert (str(first), mac_of(first)) == ("172.17.0.2", "02:42:ac:11:00:02")
    assert str(space.request_address(pool, NETWORK)) == "172.17.0.3"


def test_the_lowest_free_address_comes_first() -> None:
    """Is an address given out again once it is released, before higher ones?"""
    space = AddressSpace()
    pool = space.request_pool("10.9.0.0/24")
    given_out = [space.request_address(pool, NETWORK) for _ in range(4)]
    space.release_address(pool, given_out[1])
    assert space.request_address(pool, NETWORK) == given_out[1]
    assert str(space.request_address(pool, NETWORK)) == "10.9.0.6"


def test_releasing_twice_is_no_error() -> None:
    """May an address be released that is free, or whose pool is gone?"""
    space = AddressSpace()
    pool = space.request_pool("10.9.0.0/24")
    space.release_address(pool, IPv4Address("10.9.0.7"))
    space.release_pool(pool)
    space.release_pool(pool)
    space.release_address(pool, IPv4Address("10.9.0.7"))
    assert space.request_pool("10.9.0.0/24") == pool


def test_user_networks_get_the_next_predefined_subnet() -> None:
    """Are subnets taken in Docker's order, and a gap filled first?"""
    space = AddressSpace()
    space.request_pool(DEFAULT_SUBNET, gateway=DEFAULT_GATEWAY)
    pools = [space.request_pool() for _ in range(15)]
    expected = [f"172.{second}.0.0/16" for second in range(18, 32)] + ["192.168.0.0/20"]
    assert [str(pool.subnet) for pool in pools] == expected
    assert str(pools[0].gateway) == "172.18.0.1"
    space.release_pool(pools[3])
    assert space.request_pool().subnet == pools[3].subnet


def test_a_subnet_of_the_users_choice_is_stepped_over() -> None:
    """Does a predefined subnet that overlaps with a chosen one stay out of use?"""
    space = AddressSpace()
    space.request_pool("172.17.200.0/24")
    space.request_pool("172.18.0.0/15")
    assert str(space.request_pool().subnet) == "172.20.0.0/16"


def test_all_predefined_subnets_in_use() -> None:
    """Is the end of all subnets reported in Docker's words?"""
    space = AddressSpace([(IPv4Network("10.0.0.0/23"), 24)])
    space.request_pool()
    space.request_pool()
    with pytest.raises(InvalidParameter, match="all predefined address pools have been fully"):
        space.request_pool()


@pytest.mark.parametrize("other", ["10.1.0.0/16", "10.1.2.0/24", "10.0.0.0/8"])
def test_overlapping_subnets_are_refused(other: str) -> None:
    """Is a subnet refused that shares an address with another, in Docker's words?"""
    space = AddressSpace()
    space.request_pool("10.1.0.0/16")
    with pytest.raises(Forbidden, match="invalid pool request: Pool overlaps with other one"):
        space.request_pool(other)


def test_exhaustion() -> None:
    """Is a full subnet reported with the network's name, and usable again after a release?"""
    space = AddressSpace()
    pool = space.request_pool("10.2.0.0/29")
    addresses = [space.request_address(pool, NETWORK) for _ in range(5)]
    with pytest.raises(NetworkError) as caught:
        space.request_address(pool, NETWORK)
    assert caught.value.message == (
        "no available IPv4 addresses on this network's address pools: bridge (4f1c)"
    )
    space.release_address(pool, addresses[2])
    assert space.request_address(pool, NETWORK) == addresses[2]


def test_an_explicit_address() -> None:
    """Can an address be chosen, once, and only one of the subnet?"""
    space = AddressSpace()
    pool = space.request_pool("10.3.0.0/24")
    assert str(space.request_address(pool, NETWORK, "10.3.0.77")) == "10.3.0.77"
    for taken in ("10.3.0.77", "10.3.0.1", "10.3.0.0", "10.3.0.255"):
        with pytest.raises(Forbidden, match="Address already in use"):
            space.request_address(pool, NETWORK, taken)
    with pytest.raises(InvalidParameter, match="does not belong to any of this network's subnets"):
        space.request_address(pool, NETWORK, "10.4.0.7")
    with pytest.raises(InvalidParameter, match="invalid IPv4 address: lots"):
        space.request_address(pool, NETWORK, "lots")


def test_an_ip_range_bounds_only_what_is_chosen_for_the_user() -> None:
    """Do containers get addresses of the range, while others stay open to explicit wishes?"""
    space = AddressSpace()
    pool = space.request_pool("10.5.0.0/16", "10.5.8.0/30", "10.5.0.1")
    addresses = [str(space.request_address(pool, NETWORK)) for _ in range(4)]
    assert addresses == ["10.5.8.0", "10.5.8.1", "10.5.8.2", "10.5.8.3"]
    with pytest.raises(NetworkError):
        space.request_address(pool, NETWORK)
    assert str(space.request_address(pool, NETWORK, "10.5.0.2")) == "10.5.0.2"


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (("10.1.2.3/16", "", ""), "invalid subnet 10.1.2.3/16: it should be 10.1.0.0/16"),
        (("ten", "", ""), "invalid subnet ten"),
        (("10.0.0.0/33", "", ""), "invalid subnet 10.0.0.0/33"),
        (
            ("10.1.0.0/16", "", "10.2.0.1"),
            "invalid gateway 10.2.0.1: parent subnet 10.1.0.0/16 doesn't contain this address",
        ),
        (("10.1.0.0/16", "", "x"), "invalid gateway address x in Ipam configuration"),
        (
            ("10.1.0.0/16", "10.0.0.0/8", ""),
            "invalid ip-range 10.0.0.0/8: CIDR block is bigger than its parent subnet 10.1.0.0/16",
        ),
        (
            ("10.1.0.0/16", "10.2.0.0/24", ""),
            "invalid ip-range 10.2.0.0/24: parent subnet 10.1.0.0/16 doesn't contain ip-range",
        ),
        (("", "10.2.0.0/24", ""), "it needs a parent subnet"),
    ],
)
def test_malformed_configurations(config: tuple[str, str, str], message: str) -> None:
    """Is a configuration that makes no sense refused in Docker's words, and nothing reserved?"""
    space = AddressSpace()
    with pytest.raises(InvalidParameter) as caught:
        space.request_pool(*config)
    assert caught.value.message.startswith("invalid network config:\n")
    assert message in caught.value.message
    assert str(space.request_pool().subnet) == "172.17.0.0/16"


def test_a_gateway_that_cannot_be_leaves_the_subnet_free() -> None:
    """Is the subnet still free after its gateway was refused?"""
    space = AddressSpace()
    with pytest.raises(NetworkError, match=r"failed to allocate gateway \(10.1.255.255\)"):
        space.request_pool("10.1.0.0/16", gateway="10.1.255.255")
    with pytest.raises(NetworkError, match="requested address is out of range"):
        space.request_pool(gateway="10.1.0.1")
    assert str(space.request_pool("10.1.0.0/16").gateway) == "10.1.0.1"


def test_state_is_restored_by_asking_again() -> None:
    """Does a new space that was asked for what the old one gave behave like the old one?"""
    old = AddressSpace()
    pool = old.request_pool("10.6.0.0/24", "10.6.0.128/25", "10.6.0.9")
    addresses = [old.request_address(pool, NETWORK) for _ in range(3)]
    new = AddressSpace()
    assert new.request_pool(str(pool.subnet), str(pool.ip_range), str(pool.gateway)) == pool
    for address in addresses:
        new.request_address(pool, NETWORK, str(address))
    assert new.in_use(pool) == old.in_use(pool)
    assert new.request_address(pool, NETWORK) == old.request_address(pool, NETWORK)


def test_threads_never_get_the_same_address() -> None:
    """Are addresses different that many threads ask for at once?"""
    space = AddressSpace()
    pool = space.request_pool("10.7.0.0/16")
    got: list[IPv4Address] = []

    def ask() -> None:
        got.extend(space.request_address(pool, NETWORK) for _ in range(50))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(got)) == 400


@given(st.lists(st.integers(min_value=0, max_value=7), max_size=60))
def test_addresses_are_the_lowest_free_whatever_happens(steps: list[int]) -> None:
    """After any order of requests and releases, is the next address the lowest free one?"""
    space = AddressSpace()
    pool = space.request_pool("10.8.0.0/26")
    held: list[IPv4Address] = []
    for step in steps:
        if step < 5:
            free = set(map(int, pool.subnet.hosts())) - set(map(int, space.in_use(pool)))
            if free:
                address = space.request_address(pool, NETWORK)
                assert int(address) == min(free)
                held.append(address)
        elif held:
            space.release_address(pool, held.pop(step % len(held)))
    assert set(space.in_use(pool)) == {*held, pool.gateway}
