"""Tests of getting packages, with a program in apt-get's place."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from lab.catalog.apt import fetch_packages
from lab.catalog.release import Release
from lab.errors import Unavailable

BOOKWORM = Release("bookworm", "12", "amd64")

LISTED = """\
echo "Reading package lists..."
echo "'mirror:/a_1_amd64.deb' a_1_amd64.deb 5 SHA256:0"
echo "'mirror:/b_1%3a2_all.deb' b_1%3a2_all.deb 3"
"""
DOWNLOADED = """\
echo "dlstatus:1:50.0:Retrieving file 1 of 2"
printf hello > "$archives/a_1_amd64.deb"
printf bye > "$archives/b_1%3a2_all.deb"
echo "dlstatus:2:100.0:Retrieving file 2 of 2"
"""


@dataclass
class FakeApt:
    """What the program says and does for each command; `calls` is how it was called."""

    folder: Path
    update: str = ":"
    listed: str = LISTED
    download: str = DOWNLOADED
    reports: list[float] = field(default_factory=list)

    def fetch(self, cache: Path, *wanted: str) -> list[Path]:
        program = self.folder / "apt-get"
        program.write_text(
            "#!/bin/sh\n"
            f'echo "$*" >> "{self.folder}/calls"\n'
            'for argument; do case "$argument" in\n'
            'Dir::Cache::archives=*) archives="${argument#*=}";; esac; done\n'
            'case "$*" in\n'
            f"*' update')\n{self.update};;\n"
            f"*--print-uris*)\n{self.listed};;\n"
            f"*--download-only*)\n{self.download};;\n"
            "esac\n"
        )
        program.chmod(0o755)
        return fetch_packages(wanted or ("a",), cache, BOOKWORM, self.reports.append)

    @property
    def calls(self) -> list[str]:
        path = self.folder / "calls"
        return path.read_text().splitlines() if path.exists() else []


@pytest.fixture
def apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeApt:
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return FakeApt(folder)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    folder = tmp_path / "a cache"
    folder.mkdir()
    return folder


def test_packages_are_downloaded_once(apt: FakeApt, cache: Path) -> None:
    """Is apt asked the first time, and nobody the second time?"""
    first = apt.fetch(cache)
    assert [path.name for path in first] == ["a_1_amd64.deb", "b_1%3a2_all.deb"]
    assert [path.read_text() for path in first] == ["hello", "bye"]
    assert len(apt.calls) == 3
    assert first == apt.fetch(cache)
    assert len(apt.calls) == 3
    assert not list(cache.glob(".apt-*")), "apt's lists are not kept"


def test_progress_grows(apt: FakeApt, cache: Path) -> None:
    """Is progress told, from little to all, never backwards?"""
    apt.fetch(cache)
    assert apt.reports == sorted(apt.reports)
    assert len(apt.reports) > 2
    assert apt.reports[-1] == 1.0


def test_the_host_is_left_alone(apt: FakeApt, cache: Path) -> None:
    """Are all folders that apt writes in the cache's own?"""
    apt.fetch(cache)
    for call in apt.calls:
        for option in ("Dir::State", "Dir::State::status", "Dir::Cache", "Dir::Cache::archives"):
            assert f"{option}={cache}/" in call


def test_other_request(apt: FakeApt, cache: Path) -> None:
    """Is apt asked again when other packages are wanted, and are old versions removed?"""
    apt.fetch(cache)
    (cache / "packages/old_1_all.deb").touch()
    apt.fetch(cache, "a", "c")
    assert len(apt.calls) == 6
    assert not (cache / "packages/old_1_all.deb").exists()


@pytest.mark.parametrize("damage", ["hullo", "", None])
def test_damaged_package(apt: FakeApt, cache: Path, damage: str | None) -> None:
    """Is a package that was changed, cut or deleted fetched again?"""
    path = apt.fetch(cache)[0]
    if damage is None:
        path.unlink()
    else:
        path.write_text(damage)
    assert apt.fetch(cache)[0].read_text() == "hello"
    assert len(apt.calls) == 6


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"request": {}, "files": 3}'])
def test_damaged_record(apt: FakeApt, cache: Path, text: str) -> None:
    """Is a record that cannot be read as good as none?"""
    apt.fetch(cache)
    (cache / "packages.json").write_text(text)
    apt.fetch(cache)
    assert len(apt.calls) == 6


def test_no_network(apt: FakeApt, cache: Path) -> None:
    """Does the error hold apt's reasons, warnings of the update included, and what to do?"""
    apt.update = 'echo "W: Failed to fetch mirror  Temporary failure resolving"'
    apt.listed = 'echo "E: Unable to locate package a" >&2; exit 100'
    with pytest.raises(Unavailable) as caught:
        apt.fetch(cache)
    assert "Temporary failure resolving; Unable to locate package a" in caught.value.message
    assert "apt-get update" in caught.value.hint
    assert not (cache / "packages.json").exists()


def test_download_that_breaks_off(apt: FakeApt, cache: Path) -> None:
    """Is a failed download an error, and does the next try go on?"""
    apt.download = 'printf hello > "$archives/a_1_amd64.deb"; echo "E: Failed to fetch b"; exit 100'
    with pytest.raises(Unavailable, match="Failed to fetch b"):
        apt.fetch(cache)
    assert (cache / "packages/a_1_amd64.deb").exists()
    apt.download = DOWNLOADED
    assert len(apt.fetch(cache)) == 2


def test_file_that_is_missing_after_success(apt: FakeApt, cache: Path) -> None:
    """Is apt's success not believed when a file is not there?"""
    apt.download = 'printf hello > "$archives/a_1_amd64.deb"'
    with pytest.raises(Unavailable, match="did not download b_1"):
        apt.fetch(cache)


def test_no_apt(cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Does the refusal say that apt-get is missing?"""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unavailable, match="no apt-get"):
        fetch_packages(["a"], cache, BOOKWORM, lambda part: None)
