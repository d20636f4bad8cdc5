"""What a client asks of names: --dns, --dns-search, --dns-option and --add-host, checked."""

from __future__ import annotations

from ipaddress import ip_address

from lab.errors import InvalidParameter
from lab.network.resolv_conf import DnsWish
from lab.oci import fields
from lab.oci.fields import Json

HOST_GATEWAY = "host-gateway"
"""What --add-host may name in place of an address: the default bridge's gateway, as in Docker."""


def parse_dns(host: Json) -> DnsWish:
    """Return what HostConfig asks of name servers; InvalidParameter for what is no address."""
    servers = fields.texts(host, "Dns")
    for text in servers:
        if not _is_address(text):
            raise InvalidParameter(f"bad parameter: {text} is not an ip address")
    return DnsWish(
        tuple(servers),
        tuple(fields.texts(host, "DnsSearch")),
        tuple(fields.texts(host, "DnsOptions")),
    )


def parse_extra_hosts(host: Json) -> tuple[str, ...]:
    """Return the `name:address` of HostConfig; InvalidParameter for what is none."""
    entries = tuple(fields.texts(host, "ExtraHosts"))
    for entry in entries:
        name, colon, target = entry.partition(":")
        if not name or not colon:
            raise InvalidParameter(f'bad format for add-host: "{entry}"')
        if target != HOST_GATEWAY and not _is_address(target.strip("[]")):
            raise InvalidParameter(f'invalid IP address in add-host: "{target}"')
    return entries


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
