"""What a client asks of a container's place in a network: EndpointSettings, checked.

Source: Docker Engine API, EndpointSettings; moby, daemon/container_operations.go (wording).
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from lab.engine.network_records import PREDEFINED, Network
from lab.engine.state import Attachment
from lab.errors import InvalidParameter
from lab.oci import fields
from lab.oci.fields import Json

_MAC = re.compile(r"[0-9a-f]{2}([:-][0-9a-f]{2}){5}", re.ASCII)
_NO_ADDRESS = "user specified IP address is supported on user defined networks only"
_NO_ALIAS = "network-scoped alias is supported only for containers in user defined networks"
_NO_SUBNET = (
    "user specified IP address is supported only when connecting to networks with user "
    "configured subnets"
)


def parse_networking(networking: Json, host: Json, mac: str = "") -> list[Attachment]:
    """Return the places that a new container asks for, of NetworkingConfig and HostConfig.

    `mac` is what clients of old ask for the container as a whole.  Raises InvalidParameter.
    """
    mode = fields.text(host, "NetworkMode")
    endpoints = fields.obj(networking, "EndpointsConfig")
    places = [parse_endpoint(name, fields.obj(endpoints, name)) for name in endpoints]
    places = places or [Attachment(mode)]
    for place in places:
        # "default" is how clients write "the engine's choice"
        place.network = "bridge" if place.network == "default" else place.network
        if mac and not place.wanted_mac and place.network == mode:
            place.mac = place.wanted_mac = _mac(mac)
        check_place(place, None)
    return places


def parse_endpoint(name: str, settings: Json) -> Attachment:
    """Return the place in the network called `name` that EndpointSettings describe."""
    ipam = fields.obj(settings, "IPAMConfig")
    mac = fields.text(settings, "MacAddress")
    wanted = _mac(mac) if mac else ""
    return Attachment(
        network=name,
        ipam=_ipam(ipam) if settings.get("IPAMConfig") is not None else None,
        aliases=fields.texts(settings, "Aliases") or None,
        links=fields.texts(settings, "Links") or None,
        driver_opts=fields.text_map(settings, "DriverOpts") or None,
        # inspect shows it before the first start already
        mac=wanted,
        wanted_mac=wanted,
        priority=fields.integer(settings, "GwPriority"),
    )


def check_place(place: Attachment, network: Network | None) -> None:
    """Raise InvalidParameter, in Docker's words, for what cannot be had of a network.

    `network` is None while it is not known yet.
    """
    faults = []
    name = network.name if network else place.network
    if name in PREDEFINED:
        if place.wanted_address or place.wanted_address6:
            faults.append(_NO_ADDRESS)
        if place.aliases:
            faults.append(_NO_ALIAS)
    elif network and place.wanted_address:
        faults += _address_faults(network, IPv4Address(place.wanted_address))
    if network and place.wanted_address6:
        faults += _address6_faults(network, IPv6Address(place.wanted_address6))
    if faults:
        lines = faults if len(faults) == 1 else [f"* {fault}" for fault in faults]
        raise InvalidParameter("invalid endpoint settings:\n" + "\n".join(lines))


def _address_faults(network: Network, wanted: IPv4Address) -> list[str]:
    if not network.chosen:
        return [_NO_SUBNET]
    if network.pool and wanted not in network.pool.subnet:
        return [f"no configured subnet or ip-range contain the IP address {wanted}"]
    return []


def _address6_faults(network: Network, wanted: IPv6Address) -> list[str]:
    if not network.subnet6:
        return [_NO_SUBNET]
    if wanted not in IPv6Network(network.subnet6, strict=False):
        return [f"no configured subnet or ip-range contain the IP address {wanted}"]
    return []


def _ipam(source: Json) -> Json:
    ipv4, ipv6 = fields.text(source, "IPv4Address"), fields.text(source, "IPv6Address")
    local = fields.texts(source, "LinkLocalIPs")
    if ipv4 and not _is_ipv4(ipv4):
        raise InvalidParameter(f"invalid endpoint settings:\ninvalid IPv4 address: {ipv4}")
    if ipv6:
        _check_ipv6(ipv6)
    for text in local:
        _check_link_local(text)
    return fields.without_empty({"IPv4Address": ipv4, "IPv6Address": ipv6, "LinkLocalIPs": local})


def _is_ipv4(text: str) -> bool:
    try:
        return not IPv4Address(text).is_unspecified
    except ValueError:
        return False


def _check_ipv6(text: str) -> None:
    try:
        IPv6Address(text)
    except ValueError:
        message = f"invalid endpoint settings:\ninvalid IPv6 address: {text}"
        raise InvalidParameter(message) from None


def _check_link_local(text: str) -> None:
    try:
        known = ip_address(text).is_link_local
    except ValueError:
        known = False
    if not known:
        raise InvalidParameter(f"invalid endpoint settings:\ninvalid link-local IP address: {text}")


def _mac(text: str) -> str:
    """Return a hardware address in small letters with colons; InvalidParameter for none."""
    lower = text.lower()
    if not _MAC.fullmatch(lower) or int(lower[:2], 16) & 1:
        raise InvalidParameter(f"invalid MAC address: address {text}: invalid MAC address")
    return lower.replace("-", ":")
