"""What a container's use of resources looks like in answers.

Source: Docker Engine API, ContainerStats; members of control groups version 1 and 2 differ there too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lab.engine.stats import Reading, Traffic
from lab.oci import fields
from lab.oci.fields import Json
from lab.runtime.cgroups import BlockIo

_OTHER_BLOCKS = ("io_queue", "io_service_time", "io_wait_time", "io_merged", "io_time", "sectors")


def stats(name: str, container_id: str, now: Reading, before: Reading, memory: int) -> Json:
    """Return one answer; `memory` is the bytes of the machine, the limit where there is none."""
    shape: Json = {
        "read": now.at,
        "preread": before.at,
        "pids_stats": fields.without_empty(
            {"current": now.sample.pids, "limit": now.sample.pids_limit}
        ),
        "blkio_stats": _blocks(now),
        "num_procs": 0,
        "storage_stats": {},
        "cpu_stats": _cpu(now),
        "precpu_stats": _cpu(before),
        "memory_stats": _memory(now, memory),
        "name": f"/{name}",
        "id": container_id,
    }
    if now.networks:
        shape["networks"] = {each: _network(traffic) for each, traffic in now.networks.items()}
    return shape


def _blocks(now: Reading) -> Json:
    shape: Json = {f"{name}_recursive": None for name in _OTHER_BLOCKS}
    shape["io_service_bytes_recursive"] = _entries(now.sample.block_bytes)
    shape["io_serviced_recursive"] = _entries(now.sample.block_operations)
    return shape


def _entries(blocks: Sequence[BlockIo]) -> list[Json] | None:
    rows = [
        {"major": each.major, "minor": each.minor, "op": each.operation, "value": each.value}
        for each in blocks
    ]
    return rows or None


def _cpu(reading: Reading) -> Json:
    sample = reading.sample
    usage: Json = {"total_usage": sample.cpu_ns or 0}
    if sample.cpus_ns:
        usage["percpu_usage"] = list(sample.cpus_ns)
    usage["usage_in_kernelmode"] = sample.cpu_system_ns or 0
    usage["usage_in_usermode"] = sample.cpu_user_ns or 0
    shape: Json = {"cpu_usage": usage}
    if reading.system_ns:
        shape["system_cpu_usage"], shape["online_cpus"] = reading.system_ns, reading.cpus
    shape["throttling_data"] = {
        "periods": sample.periods or 0,
        "throttled_periods": sample.throttled_periods or 0,
        "throttled_time": sample.throttled_ns or 0,
    }
    return shape


def _memory(reading: Reading, machine: int) -> Json:
    sample = reading.sample
    if sample.memory_bytes is None:
        return {}
    shape: dict[str, Any] = {"usage": sample.memory_bytes}
    if sample.memory_peak:
        shape["max_usage"] = sample.memory_peak
    shape["stats"] = dict(sample.memory_stat)
    events = sample.memory_events
    if failures := events.get("oom", events.get("max")):
        # version 1 counts how often the limit was met, version 2 how often nothing helped
        shape["failcnt"] = failures
    shape["limit"] = min(sample.memory_limit or machine, machine)
    return shape


def _network(traffic: Traffic) -> Json:
    return {
        "rx_bytes": traffic.received_bytes,
        "rx_packets": traffic.received_packets,
        "rx_errors": traffic.received_errors,
        "rx_dropped": traffic.received_dropped,
        "tx_bytes": traffic.sent_bytes,
        "tx_packets": traffic.sent_packets,
        "tx_errors": traffic.sent_errors,
        "tx_dropped": traffic.sent_dropped,
    }
