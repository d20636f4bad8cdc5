"""Routes of the extension: builds, and what the cache decided about each of their steps."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

from aiohttp import web

from lab.api.bodies import answer
from lab.api.keys import ENGINE
from lab.api.lab_streams import send_each
from lab.api.params import number
from lab.build.cache import Decision, Reason
from lab.engine.build_records import KEPT, BuildRecord
from lab.engine.build_steps import BuildSteps
from lab.engine.feeds import Missed
from lab.errors import InvalidParameter, NotFound

_LISTED = 20
_KEYS = {
    Reason.HIT: "",
    Reason.NO_CACHE: "no-cache",
    Reason.PARENT: "parent",
    Reason.NEW: "new",
    Reason.BASE: "base",
    Reason.INSTRUCTION: "instruction",
    Reason.ARGS: "arg",
    Reason.INPUTS: "settings",
    Reason.FILES: "files",
}
"""Which part of a step's key was another one."""


async def list_builds(request: web.Request) -> web.Response:
    limit = number(request, "limit", _LISTED) or 0
    if not 0 < limit <= KEPT:
        raise InvalidParameter(f"limit must be from 1 to {KEPT}")
    builds = request.app[ENGINE].extension.builds.builds(limit)
    return answer({"Builds": [_build(each) for each in builds]})


async def show_build(request: web.Request) -> web.Response:
    text = request.match_info["number"]
    for each in request.app[ENGINE].extension.builds.builds(KEPT):
        if str(each.number) == text:
            return answer(_build(each))
    raise NotFound(f"No such build: {text}")


async def stream_steps(request: web.Request) -> web.StreamResponse:
    return await send_each(request, _told(request.app[ENGINE].extension.builds))


async def _told(steps: BuildSteps) -> AsyncGenerator[dict[str, Any] | None, None]:
    async for step in steps.follow():
        if isinstance(step, Missed):
            yield {"Kind": "missed", "Count": step.count}
        elif step is None:
            yield None
        else:
            yield {"Kind": "step", "Build": step.build, **_decision(step.decision)}


def _build(record: BuildRecord) -> dict[str, Any]:
    return {
        "Number": record.number,
        "StartedNano": record.started_ns,
        "EndedNano": record.ended_ns,
        "Image": record.image,
        "Base": record.base,
        "Dockerfile": record.dockerfile,
        "Tags": list(record.tags),
        "Error": record.error,
        "Steps": [_decision(decision) for decision in record.decisions],
    }


def _decision(decision: Decision) -> dict[str, Any]:
    return {
        "Step": decision.step,
        "Line": decision.line,
        "Text": decision.text,
        "Hit": decision.hit,
        "Changed": _KEYS[decision.reason],
        "Reason": str(decision.reason),
        "Details": list(decision.details),
        "Image": decision.image,
    }


ROUTES = [
    ("GET", "/lab/v1/builds", list_builds),
    ("GET", "/lab/v1/builds/stream", stream_steps),
    ("GET", "/lab/v1/builds/{number}", show_build),
]
