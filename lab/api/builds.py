"""Routes of the builder.  Source: Docker Engine API, ImageBuild."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from lab.api.auth import wallet_of
from lab.api.bodies import answer, body_file
from lab.api.jobs import run_job
from lab.api.params import flag, number
from lab.api.system import ENGINE
from lab.build.plan import BuildOptions
from lab.engine.build_backend import StepSettings
from lab.engine.builds import BuildRequest
from lab.engine.machine import parse_platform
from lab.engine.progress import Emit
from lab.engine.resources import verify
from lab.engine.settings import HOST_DEFAULTS, HostSettings
from lab.errors import InvalidParameter, Unsupported
from lab.oci.fields import Json

_LIMITS = {
    "memory": "Memory",
    "memswap": "MemorySwap",
    "cpushares": "CpuShares",
    "cpuperiod": "CpuPeriod",
    "cpuquota": "CpuQuota",
}
_REFUSED = {"cgroupparent": "--cgroup-parent", "outputs": "--output"}
_TYPES = ("application/x-tar", "application/tar", "application/octet-stream", "")


async def build(request: web.Request) -> web.StreamResponse:
    engine = request.app[ENGINE]
    wanted = BuildRequest(_options(request), _settings(request))
    _check_type(request)

    async def job(emit: Emit) -> None:
        async with body_file(request) as context:
            await engine.builds.build(context, wanted, emit)

    return await run_job(request, job)


async def prune(request: web.Request) -> web.Response:
    """Nothing to do: the cache of this builder is its images."""
    return answer({"CachesDeleted": None, "SpaceReclaimed": 0})


def _options(request: web.Request) -> BuildOptions:
    query = request.query
    if query.get("version", "1") not in ("", "1"):
        raise Unsupported("this engine has Docker's classic builder only; set DOCKER_BUILDKIT=0")
    if flag(request, "squash"):
        raise InvalidParameter("squash is only supported with experimental mode")
    if query.get("securityopt"):
        raise InvalidParameter("security options are not supported on linux")
    for name, option in _REFUSED.items():
        if query.get(name, "0") not in ("", "0", "[]"):
            raise Unsupported(f"this engine does not support docker build {option} yet")
    force_remove = flag(request, "forcerm")
    return BuildOptions(
        tags=tuple(query.getall("t", [])),
        dockerfile=query.get("dockerfile", ""),
        labels=_texts(query.get("labels", ""), "error reading labels"),
        build_args=_map(query.get("buildargs", ""), "error reading build args"),
        target=query.get("target", ""),
        remote=query.get("remote", ""),
        no_cache=flag(request, "nocache"),
        remove=force_remove or not query.get("rm") or flag(request, "rm"),
        force_remove=force_remove,
        pull=flag(request, "pull"),
        quiet=flag(request, "q"),
    )


def _settings(request: web.Request) -> StepSettings:
    host: Json = {**HOST_DEFAULTS, "LogConfig": {"Type": "none", "Config": {}}}
    for name, key in _LIMITS.items():
        host[key] = number(request, name, 0)
    mode = request.query.get("networkmode") or "default"
    host["CpusetCpus"] = request.query.get("cpusetcpus", "")
    host["CpusetMems"] = request.query.get("cpusetmems", "")
    host["NetworkMode"] = "bridge" if mode == "default" else mode
    host["ExtraHosts"] = request.query.getall("extrahosts", []) or None
    host["ShmSize"] = number(request, "shmsize") or HOST_DEFAULTS["ShmSize"]
    host["Ulimits"] = _list(request.query.get("ulimits", ""), "error reading ulimit settings")
    engine = request.app[ENGINE]
    # what is wrong with it is better known before the first step
    warnings = verify(host, engine.cgroups.supports, engine.host.cpus)
    HostSettings.from_json(host)
    platform = request.query.get("platform", "")
    cache_from = _list(request.query.get("cachefrom", ""), "error reading cache-from") or []
    return StepSettings(
        host,
        wallet_of(request),
        parse_platform(platform) if platform else None,
        tuple(filter(None, map(str, cache_from))),
        tuple(warnings),
    )


def _check_type(request: web.Request) -> None:
    media_type = request.headers.get("Content-Type", "").partition(";")[0].strip()
    if media_type not in _TYPES and not media_type.startswith("application/"):
        raise InvalidParameter(f"Content-Type specified ({media_type}) must be application/x-tar")


def _map(text: str, what: str) -> dict[str, str | None]:
    """Return a JSON object of strings or nulls; empty for no text."""
    value = _json(text, what)
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(
        item is None or isinstance(item, str) for item in value.values()
    ):
        raise InvalidParameter(f"{what}: a map of strings is needed")
    return value


def _texts(text: str, what: str) -> dict[str, str]:
    return {key: value or "" for key, value in _map(text, what).items()}


def _list(text: str, what: str) -> list[Any] | None:
    value = _json(text, what)
    if value is not None and not isinstance(value, list):
        raise InvalidParameter(f"{what}: a list is needed")
    return value


def _json(text: str, what: str) -> Any:
    if not text:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidParameter(f"{what}: {error}") from None


ROUTES = [
    ("POST", "/build", build),
    ("POST", "/build/prune", prune),
]
