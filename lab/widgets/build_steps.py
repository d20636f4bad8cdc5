"""From builds as the extension tells them to what the build cache widget draws.  Pure functions."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

Json = Mapping[str, Any]

MAX_STEPS = 80
"""How many steps of a build are drawn."""

_HUB = re.compile(r"^docker\.io/(library/)?")
_FROM_A_STAGE = re.compile(r"^COPY\s+.*--from=", re.IGNORECASE)


def draw(builds: Sequence[Json], names: Sequence[str]) -> list[dict[str, Any]]:
    """Return the builds to show, the latest first; of images with these names, if any are given."""
    drawn = [_build(each) for each in builds]
    if not names:
        return drawn
    return [each for each in drawn if any(_is_called(tag, names) for tag in each["tags"])]


def rebuilt(steps: Sequence[Json], number: int) -> dict[int, str]:
    """Return which steps are done anew if the one with this number changes.

    `yes` for it and all after it in its stage; `maybe` for those of later stages from the first
    that copies from a stage, for the extension does not tell from which.
    """
    changed = next((each for each in steps if each["number"] == number), None)
    if changed is None:
        return {}
    found: dict[int, str] = {}
    copies: set[int] = set()
    for step in steps:
        if step["stage"] == changed["stage"]:
            if step["number"] >= number:
                found[step["number"]] = "yes"
        elif step["stage"] > changed["stage"]:
            if step["copies"]:
                copies.add(step["stage"])
            if step["stage"] in copies:
                found[step["number"]] = "maybe"
    return found


def _build(build: Json) -> dict[str, Any]:
    steps = _steps(build["Steps"])
    ended = build.get("EndedNano") or 0
    return {
        "number": build["Number"],
        "tags": [_HUB.sub("", tag) for tag in build.get("Tags") or ()],
        "started": build["StartedNano"] // 10**9,
        "seconds": round((ended - build["StartedNano"]) / 1e9, 2) if ended else None,
        "error": build.get("Error", ""),
        "steps": steps[:MAX_STEPS],
        "more": max(0, len(steps) - MAX_STEPS),
        "hits": sum(each["hit"] for each in steps),
    }


def _steps(decisions: Sequence[Json]) -> list[dict[str, Any]]:
    """Return the steps; where a number is left out stands a FROM, with which a stage begins."""
    steps: list[dict[str, Any]] = []
    stage, before = 0, None
    for decision in decisions:
        if before is not None and decision["Step"] > before + 1:
            stage += 1
        before = decision["Step"]
        steps.append(
            {
                "number": decision["Step"],
                "line": decision["Line"],
                "text": decision["Text"],
                "hit": decision["Hit"],
                "changed": decision["Changed"],
                "details": list(decision["Details"])[:20],
                "stage": stage,
                "copies": bool(_FROM_A_STAGE.match(decision["Text"])),
            }
        )
    for step in steps:
        step["rebuilt"] = {str(key): value for key, value in rebuilt(steps, step["number"]).items()}
    return steps


def _is_called(tag: str, names: Sequence[str]) -> bool:
    return any(tag == name or tag.rpartition(":")[0] == name for name in names)
