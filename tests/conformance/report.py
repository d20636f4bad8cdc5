"""Writes docs/conformance.md: every operation of the API, every command of the CLI, docker-py's tests.

    python -m tests.conformance.report

What there is comes from the engine's table of routes; what shows it, and what is missing, from the
text files beside this one; docker-py's tests from the last `make conformance`.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lab.api.app import API_VERSION, DOCKER

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
TARGET = ROOT / "docs" / "conformance.md"
DONE, PARTLY, NOT = "done", "partly", "not"
SWARM = "answered as by a node without a swarm: 503"

_SWARM_PATHS = ("/swarm", "/nodes", "/services", "/tasks", "/secrets", "/configs")
_HEAD = f"""# Conformance

What of Docker is there, and what shows it. Written by `python -m tests.conformance.report`; a test
in `make test` fails when it is out of date. The engine speaks version {API_VERSION} of Docker's API.

*done* works as with Docker, *partly* says what is missing, *not* is refused by name.
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One operation: its route, its state, the test that shows it, and a remark."""

    operation: str
    route: str
    state: str
    shown: str
    remark: str


def lines(name: str) -> Iterator[str]:
    """Yield the lines of a text file beside this one, without comments."""
    for line in (HERE / name).read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            yield line


def routes() -> set[tuple[str, str]]:
    """Return method and path of what the engine answers, without names and patterns of parts."""
    return {(method, _plain(path)) for method, path, _ in DOCKER}


def operations() -> list[Row]:
    """Return all operations of the API."""
    there, shown, missing = routes(), _shown(), dict(_pairs("absent.txt"))
    rows = []
    for line in lines("operations.txt"):
        operation, method, path = line.split()
        evidence, remark = shown.get(operation, ("", ""))
        if path.startswith(_SWARM_PATHS) and operation not in missing and not evidence:
            state, remark = NOT, SWARM
        elif operation in missing or (method, _plain(path)) not in there:
            state, remark = NOT, missing.get(operation, "not yet")
            evidence = ""
        else:
            state = PARTLY if remark else DONE
        rows.append(Row(operation, f"{method} {path}", state, evidence, remark))
    return rows


def render() -> str:
    """Return the whole document."""
    rows = operations()
    parts = [_HEAD, "## The API\n", _count(row.state for row in rows)]
    parts.append("| operation | route | | shown by, and what is missing |\n|---|---|---|---|")
    parts += [
        f"| {row.operation} | `{row.route}` | {row.state} | {_remark(row.shown, row.remark)} |"
        for row in rows
    ]
    parts += ["", *_commands(rows), "", *_docker_py()]
    return "\n".join(parts) + "\n"


def _commands(rows: list[Row]) -> list[str]:
    by_name = {row.operation: row for row in rows}
    found = []
    for line in lines("commands.txt"):
        command, needs = _split_command(line)
        if needs.startswith("!"):
            found.append((command, NOT, needs[1:]))
            continue
        if needs == "-":
            found.append((command, DONE, "the client alone; the engine is not asked"))
            continue
        used = [by_name[name] for name in needs.split()]
        states = {row.state for row in used}
        state = DONE if states == {DONE} else NOT if states == {NOT} else PARTLY
        remarks = sorted({row.remark for row in used if row.remark})
        found.append((command, state, ", ".join(needs.split()) + _more(remarks)))
    head = [
        "## Commands of the docker CLI\n",
        "Short and long forms (`docker ps`, `docker container ls`) are one command. `docker compose` is"
        " a program of its own that uses the same API.\n",
        _count(state for _, state, _ in found),
        "| command | | operations, and what is missing |\n|---|---|---|",
    ]
    return head + [f"| `docker {name}` | {state} | {text} |" for name, state, text in found]


def _docker_py() -> list[str]:
    record = json.loads((HERE / "docker-py.json").read_text(encoding="utf-8"))
    counted = record["counted"]
    passed = [test for test, outcome in counted.items() if outcome == "passed"]
    parts = [
        "## docker-py's own tests\n",
        f"`tests/integration` of docker-py {record['version']}, unchanged, against the engine's socket"
        " (`make conformance`). Those that count are the ones that a Docker Engine 20.10 passes without"
        f" internet: **{len(passed)} of {len(counted)} pass**. The others need a swarm, plugins, or"
        " what that engine does not have either.\n",
        "| those that do not | why |\n|---|---|",
    ]
    for test, outcome in sorted(counted.items()):
        if outcome != "passed":
            name = test.removeprefix("tests/integration/")
            parts.append(f"| {name} | {_readable(outcome)} |")
    return parts


def _readable(outcome: str) -> str:
    text = re.sub(r"\b[0-9a-f]{64}\b", "...", outcome.removeprefix("failed: "))
    found = re.search(r'\("(.*)', text)
    text = found[1].rstrip('")') if found and "Server Error" in text else text
    return text.replace("|", "\\|")[:160]


def _shown() -> dict[str, tuple[str, str]]:
    found = {}
    for operation, text in _pairs("shown.txt"):
        evidence, _, remark = text.partition(" | ")
        found[operation] = (evidence, remark)
    return found


def _pairs(name: str) -> Iterator[tuple[str, str]]:
    for line in lines(name):
        first, _, rest = line.partition(" ")
        yield first, rest


def _split_command(line: str) -> tuple[str, str]:
    words = line.split(" ")
    cut = next(at for at, word in enumerate(words) if word[:1].isupper() or word[:1] in "-!")
    return " ".join(words[:cut]), " ".join(words[cut:])


def _plain(path: str) -> str:
    return re.sub(r"\{[^}]*\}", "{}", path)


def _remark(shown: str, remark: str) -> str:
    link = f"[{shown}](../tests/{shown})" if shown else ""
    return "; ".join(filter(None, (link, remark)))


def _more(remarks: list[str]) -> str:
    return "; " + "; ".join(remarks) if remarks else ""


def _count(states: Iterator[str]) -> str:
    counts = Counter(states)
    return f"{counts[DONE]} done, {counts[PARTLY]} partly, {counts[NOT]} not.\n"


if __name__ == "__main__":
    TARGET.write_text(render(), encoding="utf-8")
