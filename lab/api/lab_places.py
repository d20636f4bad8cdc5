"""Routes of the extension: where a container's processes live, and what they may use."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

from aiohttp import web

from lab.api.bodies import answer
from lab.api.keys import ENGINE
from lab.api.lab_streams import send_each
from lab.engine.containers import Container
from lab.engine.core import Engine
from lab.engine.namespaces import Place, shared
from lab.engine.processes import Seen
from lab.engine.samples import GroupSample
from lab.errors import InvalidParameter

_INTERVAL = "1"


async def list_namespaces(request: web.Request) -> web.Response:
    places = await request.app[ENGINE].extension.namespaces.places()
    groups = [
        {"Type": kind, "Inode": inode, "Members": [_member(place) for place in members]}
        for kind, inodes in sorted(shared(places).items())
        for inode, members in sorted(inodes.items())
    ]
    return answer({"Places": [_place(place) for place in places], "Namespaces": groups})


async def show_namespaces(request: web.Request) -> web.Response:
    engine = request.app[ENGINE]
    return answer(_place(await engine.extension.namespaces.of(_container(request))))


async def show_processes(request: web.Request) -> web.Response:
    container = _container(request)
    found = await request.app[ENGINE].extension.processes.of(container)
    return answer(
        {
            "Id": container.id,
            "Name": container.name,
            "Processes": [_process(each) for each in found.processes],
            "Total": found.total,
            "Truncated": found.total > len(found.processes),
        }
    )


async def show_cgroup(request: web.Request) -> web.Response:
    engine = request.app[ENGINE]
    return answer(_sample(await engine.extension.samples.of(_container(request))))


async def stream_cgroup(request: web.Request) -> web.StreamResponse:
    text = request.query.get("interval") or _INTERVAL
    try:
        seconds = float(text)
    except ValueError:
        raise InvalidParameter(f"interval must be a number of seconds: {text}") from None
    followed = _followed(request.app[ENGINE], _container(request), seconds)
    return await send_each(request, followed)


async def _followed(
    engine: Engine, container: Container, seconds: float
) -> AsyncGenerator[dict[str, Any], None]:
    async for sample in engine.extension.samples.follow(container, seconds):
        yield _sample(sample)


def _container(request: web.Request) -> Container:
    return request.app[ENGINE].containers.get(request.match_info["id"])


def _member(place: Place) -> dict[str, Any]:
    return {"Kind": place.kind, "Id": place.id, "Name": place.name}


def _place(place: Place) -> dict[str, Any]:
    return {**_member(place), "Pid": place.pid, "Namespaces": dict(place.namespaces)}


def _process(seen: Seen) -> dict[str, Any]:
    return {
        "Pid": {"Container": seen.pid, "Sandbox": seen.sandbox_pid, "Host": seen.host_pid},
        "Parent": seen.parent,
        "Name": seen.name,
        "Command": list(seen.command),
        "State": seen.state,
        "User": {
            "Name": seen.user,
            "Container": seen.uid,
            "Sandbox": seen.sandbox_uid,
            "Host": seen.host_uid,
        },
        "MemoryBytes": seen.memory_bytes,
        "Threads": seen.threads,
    }


def _sample(look: GroupSample) -> dict[str, Any]:
    sample = look.sample
    return {
        "Id": look.container,
        "TimeNano": look.at_ns,
        "Running": look.running,
        "Version": look.version,
        "Memory": {
            "Bytes": sample.memory_bytes,
            "LimitBytes": sample.memory_limit,
            "Events": dict(sample.memory_events),
        },
        "Cpu": {
            "UsageNano": sample.cpu_ns,
            "ThrottledPeriods": sample.throttled_periods,
            "ThrottledNano": sample.throttled_ns,
        },
        "Pids": {"Current": sample.pids, "Limit": sample.pids_limit},
    }


ROUTES = [
    ("GET", "/lab/v1/namespaces", list_namespaces),
    ("GET", "/lab/v1/containers/{id}/namespaces", show_namespaces),
    ("GET", "/lab/v1/containers/{id}/processes", show_processes),
    ("GET", "/lab/v1/containers/{id}/cgroup", show_cgroup),
    ("GET", "/lab/v1/containers/{id}/cgroup/stream", stream_cgroup),
]
