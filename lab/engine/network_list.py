"""Which networks `docker network ls` shows, and `docker network prune` removes.

Source: moby, daemon/network/filter.go.
"""

from __future__ import annotations

import re
import time
from typing import Protocol

from lab.engine.moments import parse_limit, parse_moment
from lab.engine.network_records import Network
from lab.engine.networks import Networks
from lab.errors import Forbidden, InvalidParameter, NotFound

LIST_FILTERS = frozenset("dangling driver id label name scope type".split())
PRUNE_FILTERS = frozenset(("label", "label!", "until"))


class NetworkFilters(Protocol):
    """The parsed `filters` parameter."""

    def get(self, key: str) -> tuple[str, ...]: ...
    def allows(self, key: str, value: str) -> bool: ...
    def allows_labels(self, labels: dict[str, str]) -> bool: ...


def select(networks: Networks, filters: NetworkFilters) -> list[Network]:
    """Return the networks that pass all filters, by name; InvalidParameter for wrong filters."""
    dangling = _parse_dangling(filters.get("dangling"))
    kinds = filters.get("type")
    for kind in kinds:
        if kind not in ("builtin", "custom"):
            raise InvalidParameter(f"invalid filter: 'type'='{kind}'")
    found = []
    for network in networks.all():
        unused = not network.predefined and not networks.members(network)
        if dangling is not None and dangling != unused:
            continue
        if kinds and ("builtin" if network.predefined else "custom") not in kinds:
            continue
        if _matches(network, filters):
            found.append(network)
    return found


def prune(networks: Networks, filters: NetworkFilters) -> list[str]:
    """Remove the networks that nobody is in and that pass the filters; return their names."""
    limits = filters.get("until")
    if len(limits) > 1:
        raise InvalidParameter("more than one until filter specified")
    until = parse_limit(limits[0], time.time()) if limits else None
    removed = []
    for network in networks.all():
        if network.predefined or networks.members(network):
            continue
        if until is not None and (parse_moment(network.created) or 0) > until:
            continue
        if not filters.allows_labels(network.labels) or _is_spared(network, filters):
            continue
        try:
            networks.remove(network)
        except (Forbidden, NotFound):
            # somebody was quicker
            continue
        removed.append(network.name)
    networks.log_prune()
    return removed


def _parse_dangling(values: tuple[str, ...]) -> bool | None:
    if len(values) > 1:
        raise InvalidParameter('got more than one value for filter key "dangling"')
    if not values:
        return None
    if values[0] not in ("0", "false", "1", "true"):
        raise InvalidParameter(
            'invalid value for filter \'dangling\', must be "true" (or "1"), or "false" (or "0")'
        )
    return values[0] in ("1", "true")


def _matches(network: Network, filters: NetworkFilters) -> bool:
    return (
        filters.allows("driver", network.driver)
        and filters.allows("scope", "local")
        and _found(filters.get("name"), network.name)
        and _found(filters.get("id"), network.id)
        and filters.allows_labels(network.labels)
    )


def _found(wanted: tuple[str, ...], text: str) -> bool:
    """Return whether one of the regular expressions is in `text`, or the beginning of it."""
    return not wanted or any(text.startswith(each) or _search(each, text) for each in wanted)


def _search(pattern: str, text: str) -> bool:
    try:
        return re.search(pattern, text) is not None
    except re.error:
        return False


def _is_spared(network: Network, filters: NetworkFilters) -> bool:
    """Return whether a network has every label that says: not this one."""
    unwanted = filters.get("label!")
    return bool(unwanted) and all(_has(network.labels, each) for each in unwanted)


def _has(labels: dict[str, str], wanted: str) -> bool:
    name, equals, value = wanted.partition("=")
    return name in labels and (not equals or labels[name] == value)
