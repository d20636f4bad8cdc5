"""`lab doctor` and the choice of a sandbox, where namespaces can be had and where they cannot."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lab.sandbox.process import EngineProcess
from tests.conftest import ROOT
from tests.deploy import rules
from tests.integration.host import Host, everyone, parent

PYTHON = [sys.executable, "-m", "lab.cli"]
LIMIT = 60


def lab(*words: str, home: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run `lab` with a folder of its own."""
    return subprocess.run(
        [*PYTHON, *words],
        env={**os.environ, "LAB_HOME": str(home), "PYTHONPATH": str(ROOT), **environ},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT,
    )


def under_rules(*words: str, home: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run `lab` as on a platform that allows nothing."""
    if reason := rules.why_not():
        pytest.skip(reason)
    os.chown(home, rules.UID, rules.UID)
    command = rules.command(
        *PYTHON,
        *words,
        home=home,
        environ={"LAB_HOME": str(home), "PYTHONPATH": str(ROOT), **environ},
        show=[ROOT, home],
    )
    return subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT
    )


def findings(report: dict[str, Any], section: str) -> dict[str, dict[str, Any]]:
    for each in report["sections"]:
        if each["key"] == section:
            return {finding["key"]: finding for finding in each["findings"]}
    raise AssertionError(f"no section {section}")


def test_beside_a_running_engine(engine: EngineProcess, tmp_path: Path) -> None:
    """Does the meter ask the engine that runs, disturb nothing, and leave nothing?"""
    before, processes = Host.look(), everyone()
    root = engine.socket.parent / "shared"
    done = lab("doctor", "--json", "--root", str(root), home=tmp_path)
    report = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (0, "")
    assert report["chosen"] == "namespaces"
    found = findings(report, "namespaces")
    assert {key for key in found if found[key]["grade"] == "real"} >= {"user", "pid", "overlay"}
    assert Host.look() == before
    assert {pid for pid in everyone() - processes if parent(pid) == os.getpid()} == set()
    assert [each for each in root.iterdir() if each.name.startswith(".trial")] == []


def test_what_the_engine_says_of_itself(tmp_path: Path, short_tmp: Path) -> None:
    """Is an engine at the lab's usual place found, and its kind of sandbox told?"""
    home = short_tmp / "doctor"
    home.mkdir()
    argv = [*PYTHON, "engine", "--catalog", "", "--until-stdin-closes"]
    environ = {**os.environ, "LAB_HOME": str(home), "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        argv, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin and process.stdout
        assert process.stdout.readline() == "ready\n"
        report = json.loads(lab("doctor", "--json", home=home).stdout)
        process.stdin.close()
        assert process.wait(LIMIT) == 0
    assert report["running"]["kind"] == "namespaces"
    assert findings(report, "running")["kernel"]["grade"] == "limited"
    remembered = json.loads((home / "engine" / "sandbox.json").read_text())
    assert remembered["chosen"] == "namespaces"
    assert lab("reset", "--yes", home=home).returncode == 0


def test_where_nothing_is_allowed(tmp_path: Path) -> None:
    """Under a platform's rules, is each namespace absent, is it said why, and is the exit code 1?"""
    done = under_rules("doctor", "--json", home=tmp_path)
    report = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (1, "")
    assert (report["works"], report["chosen"]) == (False, None)
    namespaces, vm = report["sandboxes"]
    assert "Operation not permitted" in namespaces["why"]["en"]
    assert "seccomp=unconfined" in namespaces["help"]["ko"]
    assert vm["help"]["en"] == "`lab setup` makes them."
    place = findings(report, "place")
    for key in ("user", "mnt", "pid", "net", "ipc", "uts", "cgroup", "time", "kvm"):
        assert place[key]["grade"] == "absent", key
    assert place["seccomp"]["grade"] == "real"
    assert list(tmp_path.iterdir()) == []


def test_an_engine_where_nothing_is_allowed(tmp_path: Path) -> None:
    """Does an engine that can live nowhere say why not, for each kind, and what would help?"""
    done = under_rules("engine", "--catalog", "", home=tmp_path)
    assert done.returncode == 1
    assert "no sandbox can be had here" in done.stderr
    assert "namespaces: this place does not let its users make namespaces" in done.stderr
    assert "vm: the microVM's parts have not been made" in done.stderr
    assert "lab doctor" in done.stderr


def test_a_kind_that_was_asked_for(tmp_path: Path) -> None:
    """Does LAB_SANDBOX decide the kind, the option before it, and is an unknown one refused?"""
    done = under_rules("engine", "--catalog", "", home=tmp_path, LAB_SANDBOX="namespaces")
    assert done.returncode == 1
    assert "vm:" not in done.stderr
    done = lab("engine", "--sandbox", "zoo", home=tmp_path, LAB_SANDBOX="namespaces")
    assert done.returncode == 1
    assert "unknown sandbox 'zoo': choose one of auto, namespaces, vm" in done.stderr
    report = json.loads(lab("doctor", "--json", home=tmp_path, LAB_SANDBOX="vm").stdout)
    assert (report["asked"], report["chosen"]) == ("vm", None)


def test_a_terminal_that_is_narrow(tmp_path: Path) -> None:
    """Is the page as wide as the terminal, in its language, and without colours in a pipe?"""
    done = lab("doctor", home=tmp_path, COLUMNS="70", LC_ALL="ko_KR.UTF-8")
    assert "사용자 네임스페이스" in done.stdout
    assert "\x1b" not in done.stdout
    # paths are not broken
    lines = [line for line in done.stdout.splitlines() if str(tmp_path) not in line]
    assert max(map(len, lines)) <= 70


def test_reader_that_has_seen_enough(tmp_path: Path) -> None:
    """Does `lab doctor | head` end with no complaint when nobody reads on?"""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        told = subprocess.run(
            [*PYTHON, "doctor"],
            env={**os.environ, "LAB_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL,
            stdout=writing,
            stderr=subprocess.PIPE,
            text=True,
            timeout=LIMIT,
        )
    finally:
        os.close(writing)
    assert told.stderr == ""
    assert told.returncode == 128 + signal.SIGPIPE
