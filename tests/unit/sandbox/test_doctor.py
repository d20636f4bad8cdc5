"""The isolation meter: its words, its JSON, its page, and which findings come from which trials."""

from __future__ import annotations

import json
import re
import string
from pathlib import Path

import pytest

from lab.cli import main
from lab.config import Config
from lab.sandbox import (
    doctor,
    doctor_place,
    doctor_sandboxes,
    doctor_show,
    doctor_verdicts,
    probes_machine,
)
from lab.sandbox.doctor_place import Tried
from lab.sandbox.doctor_report import LANGUAGES, Finding, Grade, Phrase, Report, Section, Verdict
from lab.sandbox.doctor_texts_en import EN
from lab.sandbox.doctor_texts_ko import KO
from lab.sandbox.probes import REQUIRED, Step, Trial
from lab.sandbox.probes_cgroups import Controller
from lab.sandbox.probes_place import NAMESPACES
from lab.sandbox.vm.parts import Parts

SOURCES = Path(doctor.__file__).parent
REFUSED = Step("unshare: Operation not permitted")
ROOT = Path("/nowhere/engine")


def tried(**changed: object) -> Tried:
    """A place where everything works, but for what is `changed`."""
    names = (*NAMESPACES, "proc", "overlay", "bridge", "veth")
    steps = {name: Step() for name in REQUIRED}
    steps |= {"own": Step(seen=["user", "mnt", "pid", "net", "ipc", "uts", "cgroup"])}
    steps |= {"talk": Step(), "out": Step("no nft"), "filter": Step()}
    limits = {name: Controller(2, True, Step()) for name in ("memory", "cpu", "pids")}
    members = {
        "place": {name: Step() for name in names},
        "trial": Trial(steps),
        "controllers": limits,
        "hub": Step(seen="192.0.2.7"),
        "seccomp": Step(),
    }
    return Tried(**{**members, **changed})  # type: ignore[arg-type]


def place(**changed: object) -> dict[str, Finding]:
    found = doctor_place.section(tried(**changed), ROOT, None)
    return {each.key: each for each in found.findings}


def containers(**changed: object) -> dict[str, Finding]:
    found = doctor_sandboxes.namespaces(tried(**changed), Verdict("namespaces"), ROOT)
    return {each.key: each for each in found.findings}


# --- words


def test_each_language_says_everything() -> None:
    """Have both languages the same sentences, with the same things filled in?"""
    assert set(EN) == set(KO)
    for code, text in EN.items():
        assert fields(text) == fields(KO[code]), code


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_every_sentence_is_used_and_every_used_one_is_there() -> None:
    """Are there no sentences that nobody says, and none missing?"""
    code = "".join(path.read_text() for path in SOURCES.glob("doctor_[!t]*.py"))
    code += (SOURCES / "choose.py").read_text() + (SOURCES / "doctor.py").read_text()
    said = set(re.findall(r"Phrase\(\s*\"([a-z_.]+)\"", code))
    said |= set(re.findall(r"\"((?:help|why|seen)\.[a-z_]+)\"", code))
    assert said <= set(EN)
    unused = {key for key in EN if key.startswith(("seen.", "why.", "help."))} - said
    assert unused == set()


def test_korean_is_korean() -> None:
    """Is each Korean sentence in Korean, but for names and what is filled in?"""
    names = {"quote", "label.kvm", "label.qemu", "label.docker"}
    for code, text in KO.items():
        bare = re.sub(r"\{\w+\}|`[^`]*`|[\s,;:.()+-]|Docker Engine API", "", text)
        if code not in names and bare:
            assert re.search("[가-힣]", bare), code


# --- findings


def test_a_place_that_allows_everything() -> None:
    """Is everything real where everything that was tried worked?"""
    found = place()
    for key in (*NAMESPACES, "ids", "memory", "cpu", "pids", "overlay", "network", "internet"):
        assert found[key].grade is Grade.REAL, key
        assert found[key].why is None


def test_a_place_without_user_namespaces() -> None:
    """Is it said once why there is no user namespace, and of the rest that it needs one?"""
    steps = {name: REFUSED for name in (*NAMESPACES, "overlay", "bridge")}
    found = place(place=steps, trial=Trial({"user": REFUSED}))
    assert found["user"].why == Phrase("why.no_users", {"refusal": REFUSED.refusal})
    assert found["user"].help == Phrase("help.no_users")
    for key in ("mnt", "pid", "net", "ids", "overlay", "network", "binds"):
        assert (found[key].grade, found[key].why) == (Grade.ABSENT, Phrase("why.alone")), key


def test_a_hidden_proc_limits_the_pid_namespace() -> None:
    """Is a pid namespace whose /proc cannot be mounted only limited, with what would help?"""
    steps = {**tried().place, "proc": Step("mount: Operation not permitted")}
    found = place(place=steps)["pid"]
    assert (found.grade, found.help) == (Grade.LIMITED, Phrase("help.proc"))


@pytest.mark.parametrize(
    ("controller", "grade", "why", "inside"),
    [
        (Controller(2, True, Step()), Grade.REAL, None, Grade.REAL),
        (Controller(1, False, Step("-")), Grade.LIMITED, "why.not_delegated", Grade.ABSENT),
        (Controller(2, True, Step("went on")), Grade.LIMITED, "why.limit_fails", Grade.LIMITED),
        (Controller(0, False, Step("-")), Grade.ABSENT, "why.no_controller", Grade.ABSENT),
    ],
)
def test_limits(controller: Controller, grade: Grade, why: str | None, inside: Grade) -> None:
    """Is a limit real only if it held, and absent in containers where nobody may set it?"""
    controllers = {name: controller for name in ("memory", "cpu", "pids")}
    found = place(controllers=controllers)["memory"]
    assert (found.grade, found.why and found.why.code) == (grade, why)
    assert containers(controllers=controllers)["memory"].grade is inside


def test_what_containers_get() -> None:
    """Are a container's namespaces its own, the clock shared, and ports those of the launcher?"""
    found = containers()
    assert [key for key in NAMESPACES if found[key].grade is Grade.REAL] == list(NAMESPACES[:-1])
    assert found["time"].why == Phrase("why.time")
    assert found["ports"] == doctor_place.own_ports()
    assert found["internet"].grade is Grade.LIMITED
    assert found["internet"].why == Phrase("why.no_way_out", {"refusal": "no nft"})
    assert found["kernel"].grade is Grade.LIMITED


def test_a_sandbox_that_cannot_be_had_has_no_findings() -> None:
    """Is nothing claimed about containers where there can be none?"""
    verdict = Verdict("namespaces", Phrase("why.alone"))
    assert doctor_sandboxes.namespaces(tried(), verdict, ROOT).findings == []


@pytest.mark.parametrize(
    ("step", "why"),
    [
        ("user", "why.no_users"),
        ("ids", "why.ids"),
        ("proc", "why.proc"),
        ("mounts", "why.proc"),
        ("overlay", "why.overlay"),
        ("network", "why.network"),
        ("veth", "why.network"),
        ("container", "why.step"),
    ],
)
def test_verdict_of_each_failed_step(step: str, why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Has each step that may fail its own reason?"""
    monkeypatch.setattr(doctor_verdicts.os, "getuid", lambda: 0)
    trial = Trial({**{name: Step() for name in REQUIRED}, step: Step("Invalid argument")})
    verdict = doctor_verdicts.judge_namespaces(trial, ROOT)
    assert verdict.why is not None and verdict.why.code == why
    assert "Invalid argument" in verdict.why.text("en")
    assert doctor_verdicts.judge_namespaces(Trial(tried().trial.steps), ROOT).works


def test_a_user_without_helpers_or_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    """Is a normal user told whether the programs or the ids are missing?"""
    monkeypatch.setattr(doctor_verdicts.os, "getuid", lambda: 4_000_000)
    monkeypatch.setattr(doctor_verdicts.shutil, "which", lambda name: None)
    assert doctor_verdicts.no_ids("-")[0].code == "why.no_helper"
    monkeypatch.setattr(doctor_verdicts.shutil, "which", lambda name: f"/usr/bin/{name}")
    why, help = doctor_verdicts.no_ids("-")
    assert "user 4000000 has 0 subordinate ids in /etc/subuid" in why.text("en")
    assert help is not None and "usermod" in help.text("ko")


def test_a_virtual_machine_needs_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With all parts there, is too little memory said in numbers?"""
    parts = Parts(tmp_path)
    monkeypatch.setattr(Parts, "whats_wrong", lambda _: "")
    monkeypatch.setattr(Parts, "emulator", lambda *_: None)
    monkeypatch.setattr(Parts, "read_stamp", lambda _: type("", (), {"made_of": {"guest": "x"}}))
    little = probes_machine.Memory(1 << 30, 200 << 20)
    monkeypatch.setattr(probes_machine, "memory", lambda: little)
    verdict = doctor_verdicts.judge_vm(parts, "")
    assert verdict.why is not None
    assert verdict.why.text("en") == "the microVM needs 314 MB, and 209 MB can be used"
    plenty = probes_machine.Memory(4 << 30, 3 << 30)
    monkeypatch.setattr(probes_machine, "memory", lambda: plenty)
    assert doctor_verdicts.judge_vm(parts, "").works


# --- JSON and the page


def report(*verdicts: Verdict, asked: str = "auto") -> Report:
    seen = Phrase("seen.limit", {"version": 2})
    findings = [Finding("memory", Grade.REAL, seen), Finding("time", Grade.ABSENT)]
    return Report("9.9", asked, list(verdicts), [Section("place", findings)])


def test_form_of_the_json() -> None:
    """Has the JSON the members that its documentation promises?"""
    made = report(Verdict("namespaces", Phrase("why.alone")), Verdict("vm")).to_json()
    assert set(made) == set("format lab works chosen asked running sandboxes sections".split())
    assert (made["format"], made["works"], made["chosen"]) == (1, True, "vm")
    assert set(made["sandboxes"][0]) == {"kind", "works", "why", "help"}
    assert made["sandboxes"][0]["why"] == {each: LANGUAGES[each]["why.alone"] for each in LANGUAGES}
    section = made["sections"][0]
    assert set(section) == {"key", "title", "about", "findings"}
    keys = "key grade label about seen why help".split()
    assert [set(each) == set(keys) for each in section["findings"]] == [True, True]
    json.dumps(made)


def test_what_is_chosen() -> None:
    """Is the first that works chosen, or the one that was asked for, or none?"""
    no, yes = Verdict("namespaces", Phrase("why.alone")), Verdict("vm")
    assert report(no, yes).chosen == "vm"
    assert report(Verdict("namespaces"), yes).chosen == "namespaces"
    assert report(Verdict("namespaces"), yes, asked="vm").chosen == "vm"
    assert report(no, yes, asked="namespaces").chosen is None
    assert not report(no).works


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("width", [60, 80, 120])
def test_page_is_aligned(language: str, width: int) -> None:
    """Is no line wider than the terminal, and does each finding's sign tell its grade?"""
    sections = [
        doctor_place.section(tried(), ROOT, None),
        doctor_sandboxes.namespaces(tried(), Verdict("namespaces"), ROOT),
    ]
    no = Verdict("vm", Phrase("why.no_parts"), Phrase("help.setup"))
    made = Report("9.9", "auto", [Verdict("namespaces"), no], sections)
    lines = list(doctor_show.lines(made, language, width, colours=False))
    long_words = re.compile(r"\S{30,}")
    assert [each for each in lines if doctor_show.columns(each) > width] == [
        each for each in lines if doctor_show.columns(each) > width and long_words.search(each)
    ]
    text = "\n".join(lines)
    assert "\x1b" not in text
    assert f"- {LANGUAGES[language]['label.time']}" in text
    assert f"~ {LANGUAGES[language]['label.kernel']}" in text
    coloured = "\n".join(doctor_show.lines(made, language, width, colours=True))
    assert re.sub(r"\x1b\[\d+m", "", coloured) == text


@pytest.mark.parametrize(("works", "code"), [(True, 0), (False, 1)])
def test_command(
    works: bool,
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Does `lab doctor` exit with 0 when some sandbox works and 1 when none, on each form?"""
    verdict = Verdict("namespaces", None if works else Phrase("why.alone"))
    monkeypatch.setattr(doctor, "examine", lambda *_: report(verdict))
    assert main(["doctor", "--json"]) == code
    assert json.loads(capsys.readouterr().out)["works"] is works
    assert main(["doctor", "--lang", "ko"]) == code
    assert "여기서 무엇이 진짜인가" in capsys.readouterr().out
    monkeypatch.setenv("LC_ALL", "ko_KR.UTF-8")
    assert main(["doctor"]) == code
    assert "진짜" in capsys.readouterr().out


def test_real_examination(tmp_path: Path) -> None:
    """Does a real examination try everything, and leave nothing in the lab's folder?"""
    config = Config(home=tmp_path, socket=tmp_path / "d.sock", search_path="/nowhere")
    found = doctor.examine(config, "9.9", tmp_path)
    assert [each.key for each in found.sections] == ["place", "namespaces", "vm"]
    keys = [each.key for each in found.sections[0].findings]
    assert keys[:8] == list(NAMESPACES) and len(keys) == len(set(keys)) == 22
    assert found.running is None
    assert list(tmp_path.iterdir()) == []
    for section in found.to_json()["sections"]:
        for finding in section["findings"]:
            assert finding["seen"] or finding["why"], finding["key"]
