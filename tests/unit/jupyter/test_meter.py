"""The panel's report: measured once for all who ask, anew on request, and its failures told."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from pathlib import Path

import pytest

from lab.errors import Unavailable
from lab.jupyter import meter
from lab.jupyter.meter import LABEXTENSIONS, Meter, show_panel

PANEL = LABEXTENSIONS / "docker-learning-lab"


def counting(tmp_path: Path, code: int = 0) -> list[str]:
    """A command that reports how often it has been run; its exit code says whether all is well."""
    program = (
        "import sys, json, pathlib; file = pathlib.Path(sys.argv[1]);"
        "count = int(file.read_text()) + 1 if file.exists() else 1; file.write_text(str(count));"
        f"print(json.dumps({{'run': count}})); sys.exit({code})"
    )
    return [sys.executable, "-c", program, str(tmp_path / "count")]


def test_measured_once_and_anew_on_request(tmp_path: Path) -> None:
    """Do all get one report, those who wait for it too, until somebody wants a new one?"""

    async def ask() -> list[int]:
        reports = Meter(counting(tmp_path))
        first = await asyncio.gather(*(reports.report() for _ in range(3)))
        anew = await asyncio.gather(*(reports.report(anew=True) for _ in range(3)))
        assert all(each["measured"] > 0 for each in first)
        return [each["run"] for each in [*first, *anew, await reports.report()]]

    assert asyncio.run(ask()) == [1, 1, 1, 2, 2, 2, 2]


def test_a_place_without_a_sandbox_is_a_report(tmp_path: Path) -> None:
    """Is the report shown as well when no sandbox works, which is exit code 1?"""
    assert asyncio.run(Meter(counting(tmp_path, code=1)).report())["run"] == 1


@pytest.mark.parametrize(
    ("program", "words"),
    [("import sys; sys.exit('lab: disk full')", "lab: disk full"), ("", "it said nothing")],
)
def test_a_failure_is_told(program: str, words: str) -> None:
    """Does who asks learn what the program complained about?"""
    with pytest.raises(Unavailable, match=words):
        asyncio.run(Meter([sys.executable, "-c", program]).report())


def test_a_program_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """Is a measurement that does not end given up?"""
    monkeypatch.setattr(meter, "_LIMIT", 0.3)
    with pytest.raises(Unavailable, match="no answer within"):
        asyncio.run(Meter([sys.executable, "-c", "import time; time.sleep(60)"]).report())


class App:
    """An extension of the server, with or without a place for JupyterLab's extensions."""

    def __init__(self, *names: str) -> None:
        self._names = names
        self.extra_labextensions_path = ["/else/where"]

    def has_trait(self, name: str) -> bool:
        return name in self._names


def test_jupyterlab_is_told_where_the_panel_is() -> None:
    """Is the folder added to what is there, once, and to JupyterLab alone?"""
    jupyterlab, other = App("extra_labextensions_path"), App()
    for _ in range(2):
        show_panel({"jupyterlab": {jupyterlab}, "other": {other}})
    assert jupyterlab.extra_labextensions_path == ["/else/where", str(LABEXTENSIONS)]
    assert other.extra_labextensions_path == ["/else/where"]


def test_parts_of_the_panel_are_there() -> None:
    """Is what package.json names there, and everything that the scripts load?"""
    package = json.loads((PANEL / "package.json").read_text())
    assert package["name"] == PANEL.name
    assert (PANEL / package["jupyterlab"]["_build"]["load"]).is_file()
    for script in (PANEL / "static").glob("*.js"):
        text = script.read_text(encoding="utf-8")
        for name in re.findall(r'(?:from|new URL\()\s*"(?:\./)?([\w.]+)"', text):
            assert (script.parent / name).is_file(), name


def test_words_of_the_panel_are_the_same_in_both_languages() -> None:
    """Have both languages the same keys, and is each that the scripts use there?"""
    static = PANEL / "static"
    text = (static / "words.js").read_text(encoding="utf-8")
    english, korean = (
        set(re.findall(r"^    (\w+):", part, re.MULTILINE))
        for part in re.split(r"^  ko: \{", text, flags=re.MULTILINE)
    )
    assert english == korean
    scripts = "".join((static / name).read_text() for name in ("meter.js", "plugin.js"))
    used = set(re.findall(r'(?:\.say\(|words\(language\(\), )"(\w+)"', scripts))
    assert used and used <= english
