"""A client's request to create a network, checked.  Source: Docker Engine API, NetworkCreate."""

from __future__ import annotations

from dataclasses import dataclass

from lab.engine.network_records import Network
from lab.engine.state import now
from lab.errors import Conflict, Forbidden, InvalidParameter, NotFound, Unsupported
from lab.network.ipam import Pool
from lab.network.ipam6 import Pool6, check_subnet6
from lab.oci import fields
from lab.oci.fields import Json

_BRIDGE_NAME = "com.docker.network.bridge.name"
_MTU = "com.docker.network.driver.mtu"
_FLAGS = (
    "com.docker.network.bridge.enable_icc",
    "com.docker.network.bridge.enable_ip_masquerade",
)
_BOOLEANS = frozenset("1 t T TRUE true True 0 f F FALSE false False".split())
_NAME_LIMIT = 15
"""Characters of an interface's name.  Source: linux/if.h, IFNAMSIZ."""
_LARGEST_MTU = 65535
_NOT_A_SWARM = (
    'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" '
    "to connect this node to swarm and try again."
)


@dataclass(frozen=True, slots=True)
class NetworkWish:
    """What a new network is to be; addresses are empty where the engine chooses."""

    name: str
    subnet: str
    ip_range: str
    gateway: str
    aux: dict[str, str]
    ipam_driver: str
    ipam_options: dict[str, str] | None
    internal: bool
    attachable: bool
    options: dict[str, str]
    labels: dict[str, str]
    ipv6: bool
    subnet6: str
    gateway6: str

    @property
    def bridge(self) -> str:
        """Return the name that the user gives the bridge; empty: the engine's choice."""
        return self.options.get(_BRIDGE_NAME, "")


def parse_network(body: Json) -> NetworkWish:
    """Return what NetworkCreate asks for.

    Raises InvalidParameter, Forbidden, NotFound and Conflict in Docker's words, Unsupported for
    what this engine does not do.
    """
    name = fields.text(body, "Name")
    if not name.strip():
        raise InvalidParameter("invalid name: name is empty")
    _check_driver(fields.text(body, "Driver") or "bridge")
    _refuse_others(body)
    ipam = fields.obj(body, "IPAM")
    config, config6 = _configs(ipam)
    options = fields.text_map(body, "Options")
    _check_options(options)
    return NetworkWish(
        name=name,
        subnet=fields.text(config, "Subnet"),
        ip_range=fields.text(config, "IPRange"),
        gateway=fields.text(config, "Gateway"),
        aux=fields.text_map(config, "AuxiliaryAddresses"),
        ipam_driver=fields.text(ipam, "Driver") or "default",
        ipam_options=fields.text_map(ipam, "Options") if ipam.get("Options") is not None else None,
        internal=fields.boolean(body, "Internal"),
        attachable=fields.boolean(body, "Attachable"),
        options=options,
        labels=fields.text_map(body, "Labels"),
        # without it Docker passes over what is said of IPv6
        ipv6=fields.boolean(body, "EnableIPv6"),
        subnet6=fields.text(config6, "Subnet"),
        gateway6=fields.text(config6, "Gateway"),
    )


def _check_driver(driver: str) -> None:
    if driver == "bridge":
        return
    if driver in ("host", "null"):
        raise Forbidden(f'only one instance of "{driver}" network is allowed')
    if driver == "overlay":
        raise Forbidden(_NOT_A_SWARM)
    if driver in ("macvlan", "ipvlan"):
        raise Unsupported(
            f"this engine does not have the {driver} driver: its networks have no wire outside"
        )
    raise NotFound(
        f"could not find plugin {driver} in v1 plugin registry: plugin {driver!r} not found"
    )


def _refuse_others(body: Json) -> None:
    if fields.boolean(body, "Ingress"):
        raise Forbidden("Ingress network can only be global scope network")
    if fields.boolean(body, "ConfigOnly") or fields.obj(body, "ConfigFrom").get("Network"):
        raise Unsupported("this engine does not support networks that are configurations only")
    if fields.text(body, "Scope") not in ("", "local"):
        raise Forbidden("cannot create a swarm scoped network when swarm is not active")


def _configs(ipam: Json) -> tuple[Json, Json]:
    """Return the one IPv4 and the one IPv6 configuration; empty ones if none are given."""
    driver = fields.text(ipam, "Driver")
    if driver not in ("", "default"):
        raise InvalidParameter(f'invalid ipam driver: "{driver}"')
    families: tuple[list[Json], list[Json]] = ([], [])
    for each in fields.objects(ipam, "Config"):
        families[":" in fields.text(each, "Subnet")].append(each)
    if max(map(len, families)) > 1:
        raise Forbidden("bridge driver doesn't support multiple subnets")
    first, second = (family[0] if family else {} for family in families)
    if second:
        check_subnet6(fields.text(second, "Subnet"))
    return first, second


def _check_options(options: dict[str, str]) -> None:
    for label in _FLAGS:
        if label in options and options[label] not in _BOOLEANS:
            raise _unparsed(label, options[label], "strconv.ParseBool")
    mtu = options.get(_MTU)
    if mtu is not None and not mtu.removeprefix("-").isdecimal():
        raise _unparsed(_MTU, mtu, "strconv.Atoi")
    if mtu is not None and not 68 <= int(mtu or 0) <= _LARGEST_MTU:
        raise InvalidParameter(f"invalid MTU number: {mtu}")
    bridge = options.get(_BRIDGE_NAME, "")
    if len(bridge) > _NAME_LIMIT or "/" in bridge or any(map(str.isspace, bridge)):
        raise InvalidParameter(f'invalid name of a bridge: "{bridge}"')


def _unparsed(label: str, value: str, function: str) -> InvalidParameter:
    return InvalidParameter(
        f'failed to parse {label} value: {value} ({function}: parsing "{value}": invalid syntax)'
    )


def name_taken(name: str) -> Conflict:
    """Return the error for a name that a network has already."""
    return Conflict(f"network with name {name} already exists")


def make_network(
    network_id: str, bridge: str, wish: NetworkWish, pool: Pool, pool6: Pool6 | None
) -> Network:
    """Return the network that a wish has become."""
    return Network(
        id=network_id,
        name=wish.name,
        driver="bridge",
        created=now(),
        pool=pool,
        bridge=bridge,
        internal=wish.internal,
        attachable=wish.attachable,
        options=wish.options,
        labels=wish.labels,
        ipam=_ipam(wish, pool, pool6),
        aux=wish.aux,
        chosen=bool(wish.subnet),
        pool6=pool6,
        subnet6=wish.subnet6,
    )


def _ipam(wish: NetworkWish, pool: Pool, pool6: Pool6 | None) -> dict[str, object]:
    config: dict[str, object] = {"Subnet": str(pool.subnet)}
    if wish.ip_range:
        config["IPRange"] = wish.ip_range
    config["Gateway"] = str(pool.gateway)
    if wish.aux:
        config["AuxiliaryAddresses"] = wish.aux
    configs = [config]
    if pool6:
        configs.append({"Subnet": str(pool6.subnet), "Gateway": str(pool6.gateway)})
    elif wish.subnet6:
        configs.append(fields.without_empty({"Subnet": wish.subnet6, "Gateway": wish.gateway6}))
    return {"Driver": wish.ipam_driver, "Options": wish.ipam_options, "Config": configs}
