"""docker-py's own integration tests against the lab's engine: `make conformance`.

    python -m tests.conformance [--save] [--host unix://...] [TEST ...]

Without `--host` an engine of its own is started, with stand-ins for the images that the tests name
in its Hub.  `--save` writes the outcome to `docker-py.json`, which `report.py` reads.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import docker

from lab.sandbox import process, reset
from tests.conformance import sources, stand_ins, suite
from tests.conftest import HOME

SAVED = Path(__file__).with_name("docker-py.json")


def main() -> int:
    """Run, print the count and what failed; 0 if all that count passed that have to."""
    arguments = _arguments()
    folder = sources.find(HOME / "conformance")
    with _host(arguments.host) as host:
        outcomes = suite.run(folder, host, arguments.tests)
    wanted = [test for test in suite.counted() if test in outcomes]
    failed = [test for test in wanted if outcomes[test] != "passed"]
    for test in failed:
        print(f"{test}\n    {outcomes[test]}")
    others = sum(outcomes[test] == "passed" for test in outcomes.keys() - set(wanted))
    print(
        f"{len(wanted) - len(failed)} of {len(wanted)} tests that count passed;"
        f" {others} of {len(outcomes) - len(wanted)} others"
    )
    if arguments.save and not arguments.tests:
        SAVED.write_text(json.dumps(_record(outcomes), indent=1) + "\n", encoding="utf-8")
    return 0 if len(wanted) - len(failed) >= arguments.least or arguments.tests else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tests", nargs="*", help="only these, as pytest names them")
    parser.add_argument("--host", default="", help="an engine that runs already")
    parser.add_argument("--save", action="store_true", help="keep the outcome for the report")
    parser.add_argument("--least", type=int, default=215, help="how many have to pass")
    return parser.parse_args()


def _record(outcomes: dict[str, str]) -> dict[str, object]:
    counted = set(suite.counted())
    return {
        "version": sources.VERSION,
        "counted": {test: outcomes.get(test, "not run") for test in sorted(counted)},
        "others": {test: outcomes[test] for test in sorted(outcomes.keys() - counted)},
    }


@contextmanager
def _host(given: str) -> Iterator[str]:
    if given:
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="judge-", ignore_cleanup_errors=True) as name:
        catalog = Path(name) / "catalog"
        stand_ins.make(_lab_catalog(), catalog)
        engine = process.start(Path(name) / "root", Path(name) / "s", catalog=catalog)
        try:
            _pull(engine.host)
            yield engine.host
        finally:
            print(engine.said())
            engine.stop()
            reset.remove(Path(name) / "root")


def _lab_catalog() -> Path:
    import os

    folder = Path(os.environ.get("LAB_TEST_CATALOG", HOME / "catalog"))
    if not (folder / "index.json").is_file():
        raise SystemExit("the lab's images are needed first: make setup, or make test")
    return folder


def _pull(host: str) -> None:
    """What the tests take for granted: alpine and busybox are there."""
    client = docker.DockerClient(base_url=host)
    for name in ("alpine:3.10", "alpine:latest", "busybox:latest"):
        client.images.pull(name)
    client.close()


raise SystemExit(main())
