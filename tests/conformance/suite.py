"""Runs docker-py's integration tests against a socket, and reads what came of each."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from pathlib import Path

SECONDS_PER_TEST = 90
SECONDS_ALL = 3000

_COUNTED = Path(__file__).with_name("counted.txt")


def counted() -> list[str]:
    """Return the tests that count: those that a Docker Engine 20.10 passes without internet."""
    return _COUNTED.read_text(encoding="utf-8").split()


def run(sources: Path, host: str, choice: list[str]) -> dict[str, str]:
    """Run the tests named in `choice` (all: none named) and return the outcome by test.

    An outcome is `passed`, `skipped: why` or `failed: what was seen, in one line`.
    """
    with tempfile.TemporaryDirectory(prefix="conformance-") as home:
        report = Path(home) / "report.xml"
        subprocess.run(
            [sys.executable, "-m", "pytest", *_options(report), *(choice or _all(sources))],
            cwd=sources,
            env=_environ(sources, host, home),
            timeout=SECONDS_ALL,
            check=False,
        )
        return _read(report)


def _all(sources: Path) -> list[str]:
    """Return the files before the folders, as older releases of pytest order them.

    One of the tests in a folder replaces `os.environ` for all that come after it.
    """
    found = sorted((sources / "tests" / "integration").iterdir(), key=lambda path: path.name)
    files = [path for path in found if path.name.endswith("_test.py")]
    folders = [path for path in found if path.is_dir() and path.name == "credentials"]
    return [str(path.relative_to(sources)) for path in (*files, *folders)]


def _options(report: Path) -> list[str]:
    return [
        "-q",
        "--tb=short",
        f"--timeout={SECONDS_PER_TEST}",
        "--timeout-method=signal",
        f"--junit-xml={report}",
        "-p",
        "no:cacheprovider",
        "-W",
        "ignore::pytest.PytestWarning",
    ]


def _environ(sources: Path, host: str, home: str) -> dict[str, str]:
    given = os.environ.get("PYTHONPATH", "")
    return {
        "PATH": os.environ["PATH"],
        "HOME": home,
        "TMPDIR": home,
        "DOCKER_HOST": host,
        # the version under test is the one whose tests these are
        "PYTHONPATH": os.pathsep.join([str(sources), *filter(None, [given])]),
        "PYTHONDONTWRITEBYTECODE": "1",
        "LC_ALL": "C.UTF-8",
    }


def _read(report: Path) -> dict[str, str]:
    if not report.is_file():
        raise SystemExit("the tests did not run to their end")
    found: dict[str, str] = {}
    for case in ET.parse(report).getroot().iter("testcase"):
        module, _, name = case.get("classname", "").rpartition(".")
        path = module.replace(".", "/") + ".py"
        test = f"{path}::{name}::{case.get('name')}"
        outcome = _outcome(case)
        # an error in tearDown is a second report of the same test
        if found.get(test, "passed") == "passed":
            found[test] = outcome
    return found


def _outcome(case: ET.Element) -> str:
    for kind, word in (("failure", "failed"), ("error", "failed"), ("skipped", "skipped")):
        told = case.find(kind)
        if told is not None:
            reason = " ".join((told.get("message") or "").split())
            return f"{word}: {reason[:300]}"
    return "passed"
