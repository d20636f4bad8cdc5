"""The choice of a sandbox: the first kind that works when it is tried.

What was found is remembered beside the engine's state, for people and for `lab doctor`.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.config import Config
from lab.errors import LabError, SandboxUnavailable, Unavailable
from lab.sandbox import probes
from lab.sandbox.foreground import make_root

if TYPE_CHECKING:
    from lab.sandbox.doctor_report import Verdict

REMEMBERED = "sandbox.json"


Say = Callable[[str], None]

READY = "ready"
"""What the engine says when it answers; from then on its end is not a matter of choice."""


def run_first(root: Path, config: Config, say: Say, run: Callable[[str, Say], int]) -> int:
    """Run the engine in the first kind of sandbox that works; return its exit code.

    `run` runs it in a kind that is named.  `say` is told, in one line, when it is not the usual
    kind.  Raises SandboxUnavailable with the reasons of all kinds if none works, and
    InvalidParameter for a folder that no kind could use.
    """
    root = make_root(root)
    refused: list[Verdict] = []
    said: list[str] = []

    def note(line: str) -> None:
        said.append(line)
        say(line)

    for kind in ("namespaces", "vm"):
        verdict = _judge(kind, root, config)
        if verdict is None:
            if refused:
                say(f"sandbox {kind}, since the others cannot be had: {_listed(refused)}")
            remember(root, kind, refused)
            try:
                return run(kind, note)
            except (SandboxUnavailable, Unavailable) as error:
                if READY in said:
                    raise
                verdict = _as_verdict(kind, error)
        refused.append(verdict)
    remember(root, None, refused)
    raise SandboxUnavailable(
        f"no sandbox can be had here. {_listed(refused)}",
        hint="\n     ".join([*_helps(refused), "`lab doctor` shows everything that was tried."]),
    )


def remember(root: Path, chosen: str | None, refused: list[Verdict]) -> None:
    """Write down what was chosen and why nothing else; a folder that cannot be written to is left."""
    content = {
        "chosen": chosen,
        "at": int(time.time()),
        "refused": [verdict.to_json() for verdict in refused],
    }
    beside = root / f".{REMEMBERED}.new"
    with contextlib.suppress(OSError):
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        beside.write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8")
        os.replace(beside, root / REMEMBERED)


def remembered(root: Path) -> dict[str, Any] | None:
    """Return what the last start that was free to choose has found; None if there was none."""
    try:
        content = json.loads((root / REMEMBERED).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def _judge(kind: str, root: Path, config: Config) -> Verdict | None:
    """Return why a kind cannot be had; None if it can."""
    if kind == "namespaces":
        trial = probes.try_sandbox(root)
        if not trial.failed:
            return None
        from lab.sandbox.doctor_verdicts import judge_namespaces

        return judge_namespaces(trial, root)
    from lab.sandbox.doctor_verdicts import judge_vm
    from lab.sandbox.vm.parts import Parts

    verdict = judge_vm(Parts.of(config), config.search_path)
    return None if verdict.works else verdict


def _as_verdict(kind: str, error: LabError) -> Verdict:
    from lab.sandbox.doctor_report import Verdict, quote

    return Verdict(kind, quote(error.message), quote(error.hint) if error.hint else None)


def _listed(refused: list[Verdict]) -> str:
    return "; ".join(f"{each.kind}: {each.why.text('en')}" for each in refused if each.why)


def _helps(refused: list[Verdict]) -> list[str]:
    return [f"{each.kind}: {each.help.text('en')}" for each in refused if each.help]
