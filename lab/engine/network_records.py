"""Networks as they are stored: what they are called, their addresses, their options."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Any

from lab.database import Database
from lab.network.bridge import DEFAULT_MTU
from lab.network.ipam import Pool
from lab.network.ipam6 import Pool6
from lab.oci.fields import Json

PREDEFINED = ("bridge", "host", "none")
"""Networks that every engine has, and that nobody can remove."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS networks (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    record TEXT NOT NULL
);
"""
_ICC = "com.docker.network.bridge.enable_icc"
_MTU = "com.docker.network.driver.mtu"


@dataclass(frozen=True, slots=True)
class Network:
    """A network: `driver` is `bridge`, `null` or `host`; `pool` its addresses, if it has
    any, `pool6` those of IPv6, `subnet6` what the user said of them (which Docker also keeps if
    IPv6 is not enabled).

    `ipam` is Docker's IPAM as `docker network inspect` shows it; `chosen` says that the subnet is
    the user's choice.  An `internal` network has no way out and no published ports.
    """

    id: str
    name: str
    driver: str
    created: str
    pool: Pool | None = None
    bridge: str = ""
    internal: bool = False
    attachable: bool = False
    options: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    ipam: Json = field(default_factory=lambda: {"Driver": "default", "Options": None})
    aux: dict[str, str] = field(default_factory=dict)
    chosen: bool = False
    pool6: Pool6 | None = None
    subnet6: str = ""

    @property
    def predefined(self) -> bool:
        return self.name in PREDEFINED

    @property
    def named(self) -> bool:
        """Return whether containers in it find each other by name."""
        return self.driver == "bridge" and not self.predefined

    @property
    def gateway(self) -> str:
        """Return the next hop of its containers' way out; empty if it has none."""
        return str(self.pool.gateway) if self.pool and not self.internal else ""

    @property
    def mtu(self) -> int:
        return int(self.options.get(_MTU) or DEFAULT_MTU)

    @property
    def separate(self) -> bool:
        """Return whether its containers are kept from each other, too."""
        return self.options.get(_ICC, "true").lower() in ("false", "0", "f")

    def to_json(self) -> Json:
        """Return the form that is stored."""
        members = asdict(self)
        for key, pool in (("pool", self.pool), ("pool6", self.pool6)):
            if pool:
                members[key] = {name: str(value) for name, value in asdict(pool).items()}
        return members

    @classmethod
    def from_json(cls, source: dict[str, Any]) -> Network:
        """Read what `to_json` made."""
        pool, pool6 = source["pool"], source.get("pool6")
        if pool6:
            pool6 = Pool6(IPv6Network(pool6["subnet"]), IPv6Address(pool6["gateway"]))
        if pool:
            networks = IPv4Network(pool["subnet"]), IPv4Network(pool["ip_range"])
            pool = Pool(*networks, IPv4Address(pool["gateway"]))
        return cls(**{**source, "pool": pool, "pool6": pool6})


class NetworkTable:
    """Stores networks; each call is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database
        database.define(_SCHEMA)

    def save(self, network: Network) -> None:
        """Store a new network; one of the engine's own is no reason not to start on a full disk."""
        if network.name not in PREDEFINED:
            self._database.require_room()
        self._database.execute(
            "INSERT INTO networks (id, name, record) VALUES (?, ?, ?)",
            (network.id, network.name, json.dumps(network.to_json())),
        )

    def delete(self, network_id: str) -> None:
        """Forget a network; absence is no error."""
        self._database.execute("DELETE FROM networks WHERE id = ?", (network_id,))

    def all(self) -> list[Network]:
        """Return all networks, in the order of their creation."""
        rows = self._database.query("SELECT record FROM networks ORDER BY rowid")
        return [Network.from_json(json.loads(row["record"])) for row in rows]
