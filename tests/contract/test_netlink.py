"""Bridges, veth pairs and addresses in real network namespaces, as root or as anyone else."""

from __future__ import annotations

import errno
import os
import socket

import pytest

from lab.errors import SyscallError
from lab.kernel import links, rtnetlink, veth
from lab.kernel.netlink import Message, Netlink
from lab.network.bridge import Bridges, bridge_name
from lab.network.endpoint import plan_endpoint
from lab.network.ipam import AddressSpace, Pool

from .isolation import Container, connect, isolated


def make_bridge(name: str = "docker0") -> tuple[AddressSpace, Pool]:
    """Make a bridge with Docker's default addresses."""
    space = AddressSpace()
    pool = space.request_pool("172.17.0.0/16", gateway="172.17.0.1")
    Bridges(Netlink()).create(name, pool)
    return space, pool


def found(netlink: Netlink) -> dict[str, links.Link]:
    return {link.name: link for link in links.links(netlink)}


@isolated
def test_a_bridge_is_up_with_the_gateways_address() -> None:
    """Does a new bridge have address, hardware address and MTU, and is it up?"""
    make_bridge()
    netlink = Netlink()
    bridge = found(netlink)["docker0"]
    assert (bridge.kind, bridge.up, bridge.mtu) == ("bridge", True, 1500)
    assert bridge.mac == "02:42:ac:11:00:01"
    assert found(netlink)["lo"].up
    addresses = [each for each in links.addresses(netlink) if each.link == bridge.index]
    assert addresses == [links.Address(bridge.index, "172.17.0.1", 16)]


@isolated
def test_a_bridge_that_is_there_already() -> None:
    """Is a second bridge of the same name refused, and the first left as it is?"""
    _, pool = make_bridge()
    with pytest.raises(SyscallError) as caught:
        Bridges(Netlink()).create("docker0", pool)
    assert caught.value.errno == errno.EEXIST
    assert caught.value.message == "netlink: create bridge docker0: File exists"
    assert found(Netlink())["docker0"].up


@isolated
def test_a_bridge_that_fails_half_way_is_undone() -> None:
    """Is no bridge left when its address is refused?"""

    class Refusing(Netlink):
        def transact(self, *messages: Message) -> None:
            if any("add address" in message.operation for message in messages):
                messages = (*messages, rtnetlink.delete_link("absent"))
            super().transact(*messages)

    with pytest.raises(SyscallError, match="absent"):
        Bridges(Refusing()).create("br0", AddressSpace().request_pool())
    assert set(found(Netlink())) == {"lo"}


@isolated
def test_removing_a_bridge() -> None:
    """Does a removed bridge go, and is one that is absent an error?"""
    bridges = Bridges(Netlink())
    name = bridge_name("0123456789abcdef" * 4)
    bridges.create(name, AddressSpace().request_pool("10.1.0.0/16"))
    assert name in [link.name for link in bridges.links()]
    bridges.remove(name)
    assert [link.name for link in bridges.links()] == ["lo"]
    with pytest.raises(SyscallError) as caught:
        bridges.remove(name)
    assert caught.value.errno == errno.ENODEV


@isolated
def test_a_container_is_reached_and_reaches_out() -> None:
    """Do bytes pass both ways between the sandbox and a container in a child user namespace?"""
    space, pool = make_bridge()
    address = str(space.request_address(pool, "bridge"))
    endpoint = plan_endpoint("docker0", pool, address, gateway="172.17.0.1")
    outside = socket.create_server(("172.17.0.1", 7000))

    def serve() -> None:
        # the gateway is the way to every other network too
        with connect(("172.17.0.1", 7000)) as out:
            out.sendall(out.getsockname()[0].encode())
        with socket.create_server((address, 80)) as server, server.accept()[0] as client:
            client.sendall(client.recv(100).upper())

    with Container(serve) as box, outside:
        veth.attach(endpoint.to_json(), box.netns)
        box.start()
        with outside.accept()[0] as caller:
            assert caller.recv(100).decode() == address
        with connect((address, 80)) as client:
            client.sendall(b"hello")
            assert client.recv(100) == b"HELLO"


@isolated
def test_what_a_container_sees() -> None:
    """Has it loopback, its address and hardware address, no address of its own making, and MTU?"""
    space, pool = make_bridge()
    first = plan_endpoint("docker0", pool, str(space.request_address(pool, "bridge")), mtu=1400)
    Bridges(Netlink()).create("br1", space.request_pool("10.1.0.0/24"))
    second = plan_endpoint("br1", space.request_pool("10.2.0.0/24"), "10.2.0.5", number=1)
    with Container(lambda: None) as box:
        veth.attach(first.to_json(), box.netns)
        veth.attach(second.to_json(), box.netns)
        with veth.netlink_of(box.netns) as inside:
            seen = found(inside)
            addresses = links.addresses(inside)
        outside = found(Netlink())
    assert [name for name, link in seen.items() if link.up] == ["lo", "eth0", "eth1"]
    eth0 = seen["eth0"]
    assert (eth0.kind, eth0.mac, eth0.mtu) == ("veth", "02:42:ac:11:00:02", 1400)
    of_eth0 = [each for each in addresses if each.link == eth0.index]
    assert of_eth0 == [links.Address(eth0.index, "172.17.0.2", 16)]
    assert "10.2.0.5" in [each.address for each in addresses]
    assert "127.0.0.1" in [each.address for each in addresses]
    twin = outside[first.host_name]
    assert (twin.peer, eth0.peer) == (eth0.index, twin.index)
    assert (twin.up, twin.mtu, twin.master) == (True, 1400, outside["docker0"].index)
    assert outside[second.host_name].master == outside["br1"].index


@isolated
def test_a_container_without_a_network() -> None:
    """Has it its loopback, and nothing else?"""
    with Container(lambda: None) as box:
        veth.isolate(box.netns)
        with veth.netlink_of(box.netns) as inside:
            assert [(link.name, link.up) for link in links.links(inside)] == [("lo", True)]


@isolated
def test_a_containers_pair_goes_with_it() -> None:
    """Does the sandbox's end of a container's pair go when the container has ended?"""
    space, pool = make_bridge()
    endpoint = plan_endpoint("docker0", pool, str(space.request_address(pool, "bridge")))
    with Container(lambda: None) as box:
        veth.attach(endpoint.to_json(), box.netns)
        assert endpoint.host_name in found(Netlink())
    while endpoint.host_name in found(Netlink()):
        os.sched_yield()  # the kernel clears namespaces away in its own time; an alarm is set


@isolated
def test_attaching_to_a_bridge_that_is_absent() -> None:
    """Does the error say which bridge is missing?"""
    pool = AddressSpace().request_pool("10.1.0.0/24")
    endpoint = plan_endpoint("br-none", pool, "10.1.0.2")
    with Container(lambda: None) as box, pytest.raises(SyscallError) as caught:
        veth.attach(endpoint.to_json(), box.netns)
    assert caught.value.message == "netlink: look up link br-none: No such device"


@isolated
def test_counters_count() -> None:
    """Do a link's counters show what passed over it?"""
    netlink = Netlink()
    netlink.transact(rtnetlink.set_up(rtnetlink.LOOPBACK))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendto(bytes(1000), ("127.0.0.1", 9))
    counters = found(netlink)["lo"].counters
    assert counters.rx_packets == counters.tx_packets >= 1
    assert counters.rx_bytes >= 1000


@isolated
def test_links_can_be_renamed_resized_and_moved_between_bridges() -> None:
    """Do the lesser requests do what their names say?"""
    netlink = Netlink()
    for name in ("br1", "br2"):
        netlink.transact(rtnetlink.create_bridge(name, bytes([2, 0, 0, 0, 0, 1]), 1500))
    own = os.open("/proc/self/ns/net", os.O_RDONLY)
    one, two = (rtnetlink.link_index(netlink, name) for name in ("br1", "br2"))
    mac = bytes.fromhex("02aabbccddee")
    netlink.transact(rtnetlink.create_veth("ve1", one, 1500, "peer", mac, own))
    index = rtnetlink.link_index(netlink, "peer")
    netlink.transact(
        rtnetlink.rename(index, "other"),
        rtnetlink.set_mtu(index, 1280),
        rtnetlink.set_master(index, two),
        rtnetlink.add_address(index, "fd00::1", 64),
    )
    link = found(netlink)["other"]
    assert (link.index, link.mtu, link.master) == (index, 1280, two)
    assert link.mac == links.format_mac(mac)
    assert links.Address(index, "fd00::1", 64) in links.addresses(netlink)


@isolated
def test_a_refusal_carries_the_kernels_own_explanation() -> None:
    """Is the kernel's sentence in the error, where it gives one?"""
    with pytest.raises(SyscallError) as caught:
        Netlink().transact(rtnetlink.add_default_route("10.9.9.9"))
    assert caught.value.errno == errno.ENETUNREACH
    assert caught.value.message == (
        "netlink: add default route by 10.9.9.9 (Nexthop has invalid gateway): "
        "Network is unreachable"
    )


@isolated
def test_a_batch_goes_on_after_a_refusal() -> None:
    """Is what stands behind a refused message in a batch performed, as documented?"""
    netlink = Netlink()
    with pytest.raises(SyscallError):
        netlink.transact(rtnetlink.delete_link("absent"), rtnetlink.set_up(rtnetlink.LOOPBACK))
    assert found(netlink)["lo"].up


def test_endpoints_travel_as_json() -> None:
    """Is an endpoint the same after its way to the spawner, and its name on the host its own?"""
    pool = AddressSpace().request_pool("10.1.0.0/24")
    plans = [plan_endpoint("br1", pool, "10.1.0.2") for _ in range(100)]
    assert veth.Endpoint.from_json(plans[0].to_json()) == plans[0]
    names = {plan.host_name for plan in plans}
    assert len(names) == 100
    assert all(len(name) < 16 for name in names)
