"""The choice of a sandbox: what is tried, what is said, what is remembered."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lab.config import Config
from lab.errors import Conflict, LabError, SandboxUnavailable, Unavailable
from lab.sandbox import choose
from lab.sandbox.doctor_report import Verdict, quote

WORKS = None


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(home=tmp_path, socket=tmp_path / "d.sock")


class Place:
    """A place where kinds of sandbox can be had or not, and may fail when they are started."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **verdicts: Verdict | None) -> None:
        self.said: list[str] = []
        self.started: list[str] = []
        self.failures: dict[str, LabError] = {}
        monkeypatch.setattr(choose, "_judge", lambda kind, *_: verdicts[kind])

    def run(self, kind: str, say: choose.Say) -> int:
        self.started.append(kind)
        if kind in self.failures:
            raise self.failures[kind]
        say("ready")
        return 0

    def start(self, root: Path, config: Config) -> int:
        return choose.run_first(root, config, self.said.append, self.run)


def no(kind: str) -> Verdict:
    return Verdict(kind, quote(f"no {kind} here"), quote(f"buy {kind}"))


def test_takes_the_first_and_says_nothing(
    tmp_path: Path, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where namespaces work, is nothing else looked at, and no more said than usual?"""
    place = Place(monkeypatch, namespaces=WORKS)
    assert place.start(tmp_path, config) == 0
    assert place.started == ["namespaces"]
    assert place.said == ["ready"]
    found = choose.remembered(tmp_path)
    assert found is not None and found["chosen"] == "namespaces" and found["refused"] == []


def test_goes_on_to_the_next_and_says_why(
    tmp_path: Path, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where namespaces cannot be had, is that said in one line, remembered, and vm started?"""
    place = Place(monkeypatch, namespaces=no("namespaces"), vm=WORKS)
    place.start(tmp_path, config)
    assert place.started == ["vm"]
    assert place.said[0] == (
        "sandbox vm, since the others cannot be had: namespaces: no namespaces here"
    )
    found = choose.remembered(tmp_path)
    assert found is not None and found["chosen"] == "vm"
    assert found["refused"][0]["why"]["en"] == "no namespaces here"


def test_one_that_refuses_at_its_start_is_passed_over(
    tmp_path: Path, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Does a kind that looked good and refuses when it is started count as not to be had?"""
    place = Place(monkeypatch, namespaces=WORKS, vm=WORKS)
    place.failures["namespaces"] = SandboxUnavailable("newuidmap refused")
    assert place.start(tmp_path, config) == 0
    assert place.started == ["namespaces", "vm"]
    assert "newuidmap refused" in place.said[0]


def test_none_can_be_had(tmp_path: Path, config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """Does the refusal list for each kind why not, and what would help?"""
    place = Place(monkeypatch, namespaces=no("namespaces"), vm=WORKS)
    place.failures["vm"] = Unavailable("QEMU cannot be started", hint="run: lab setup")
    with pytest.raises(SandboxUnavailable) as refusal:
        place.start(tmp_path, config)
    assert "namespaces: no namespaces here" in refusal.value.message
    assert "vm: QEMU cannot be started" in refusal.value.message
    assert "namespaces: buy namespaces" in refusal.value.hint
    assert "vm: run: lab setup" in refusal.value.hint
    assert "lab doctor" in refusal.value.hint
    found = choose.remembered(tmp_path)
    assert found is not None and found["chosen"] is None and len(found["refused"]) == 2


@pytest.mark.parametrize("error", [Conflict("another engine is running"), LabError("disk full")])
def test_other_errors_are_no_matter_of_choice(
    tmp_path: Path, config: Config, monkeypatch: pytest.MonkeyPatch, error: LabError
) -> None:
    """Is an error that another kind would not cure told as it is?"""
    place = Place(monkeypatch, namespaces=WORKS, vm=WORKS)
    place.failures["namespaces"] = error
    with pytest.raises(LabError) as raised:
        place.start(tmp_path, config)
    assert raised.value is error
    assert place.started == ["namespaces"]


def test_an_engine_that_has_answered_is_not_replaced(
    tmp_path: Path, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Is an engine that ends after it was ready not followed by one of another kind?"""
    place = Place(monkeypatch, namespaces=WORKS, vm=WORKS)

    def run(kind: str, say: choose.Say) -> int:
        place.started.append(kind)
        say("ready")
        raise Unavailable("it has ended")

    with pytest.raises(Unavailable):
        choose.run_first(tmp_path, config, place.said.append, run)
    assert place.started == ["namespaces"]


def test_a_folder_that_cannot_be_written_to(tmp_path: Path) -> None:
    """Does an engine start all the same when what was found cannot be written down?"""
    (tmp_path / "file").write_text("")
    choose.remember(tmp_path / "file" / "below", "vm", [])
    assert choose.remembered(tmp_path / "file" / "below") is None
    (tmp_path / choose.REMEMBERED).write_text("no json")
    assert choose.remembered(tmp_path) is None


def test_really_trying_leaves_nothing(tmp_path: Path, config: Config) -> None:
    """Does the real trial leave the engine's folder as it was?"""
    choose._judge("namespaces", tmp_path, config)
    assert os.listdir(tmp_path) == []


def test_vm_without_parts(tmp_path: Path, config: Config) -> None:
    """Where `lab setup` has made no parts, is it said that it would?"""
    verdict = choose._judge("vm", tmp_path, config)
    assert verdict is not None and verdict.why is not None and verdict.help is not None
    assert verdict.why.code == "why.no_parts"
    assert verdict.help.text("en") == "`lab setup` makes them."
