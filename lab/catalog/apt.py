"""Packages by the host's apt, as any user and without touching the host's own state.

cache/
  packages/        the package files
  packages.json    which were asked for, and size and sha256 of each: the second set-up trusts it

apt runs against an empty list of installed packages, in folders of its own, so it names and
downloads everything that an empty system would need.  Where packages come from, with which keys
and through which proxy, is the host's configuration.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from lab.catalog.release import OTHERWISE, Release
from lab.errors import InvalidParameter, Unavailable
from lab.oci import fields

Report = Callable[[float], None]
"""Told what part is done, from 0 to 1."""

REQUIRED = "?priority(required)"
"""apt's pattern for the packages that no system is without.  Source: apt-patterns(7)."""

_HINT = (
    "Making the lab's images needs the network once, and a Debian source in /etc/apt: "
    "when `apt-get update` works on this machine, run the set-up again."
)
_SHOWN_REASONS = 4
_URI_LINE = re.compile(r"'[^']+' (\S+\.deb) (\d+)(?: |$)")
_STATUS_LINE = re.compile(r"dlstatus:[^:]*:([0-9.]+):")

# The host's hooks speak of the host, and some delete what was downloaded.
_SETTINGS = """\
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg;
#clear APT::Architectures;
APT::Install-Recommends "false";
APT::Keep-Downloaded-Packages "true";
APT::Sandbox::User "root";
APT::Status-Fd "1";
Acquire::Languages "none";
Acquire::Retries "2";
Acquire::http::Timeout "20";
Acquire::https::Timeout "20";
Dir::Cache::srcpkgcache "";
Dir::Cache::pkgcache "pkgcache.bin";
Dir::Etc::preferencesparts "/dev/null";
"""

# Only this release of Debian itself: a host may also have backports, or others' packages.
_PREFERENCES = """\
Package: *
Pin: release n={codename}-backports*
Pin-Priority: -1

Package: *
Pin: release o=Debian,n={codename}*
Pin-Priority: 990

Package: *
Pin: release o=*
Pin-Priority: -1
"""


@dataclass(frozen=True, slots=True)
class _File:
    name: str
    size: int
    sha256: str = ""


def fetch_packages(
    wanted: Sequence[str], cache: Path, release: Release, report: Report
) -> list[Path]:
    """Return the files of the `wanted` packages and of all that they depend on.

    What `cache` holds from an earlier run is checked against its digests and used without asking
    anybody.  Raises Unavailable, with apt's own words, if apt is missing or cannot download.
    """
    cache = cache.absolute()  # apt would look for relative paths below /
    folder = cache / "packages"
    request = {"wanted": sorted(wanted), "release": release.codename, "arch": release.architecture}
    files = _cached(cache / "packages.json", request, folder)
    if files is None:
        folder.mkdir(parents=True, exist_ok=True)
        files = _download(wanted, cache, release, report)
        _remember(cache / "packages.json", request, files)
    report(1.0)
    return [folder / file.name for file in files]


def fetch_one(name: str, cache: Path, release: Release, report: Report) -> Path:
    """Return the file of one package, without what it depends on.

    Raises Unavailable, with apt's own words, if apt is missing or cannot download.
    """
    folder = cache.absolute() / "single" / name
    found = sorted(folder.glob("*.deb"))
    if not found:
        require_apt()
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=cache, prefix=".apt-") as state:
            apt = _AptGet(Path(state), folder, release)
            apt.run(["update"], lambda part: report(0.5 * part))
            # downloads to where it runs, and renames when the file is whole
            apt.run(["download", name], lambda part: report(0.5 + 0.5 * part), cwd=folder)
        found = sorted(folder.glob("*.deb"))
    if not found:
        raise Unavailable(f"apt-get did not download {name}", _HINT)
    report(1.0)
    return found[0]


def require_apt() -> None:
    """Raise Unavailable, with what to do, where there is no apt."""
    if shutil.which("apt-get") is None:
        raise Unavailable(
            "the lab's images are made from Debian's packages, and there is no apt-get here",
            OTHERWISE,
        )


def _download(wanted: Sequence[str], cache: Path, release: Release, report: Report) -> list[_File]:
    require_apt()
    folder = cache / "packages"
    with TemporaryDirectory(dir=cache, prefix=".apt-") as state:
        apt = _AptGet(Path(state), folder, release)
        complaints = apt.run(["update"], lambda part: report(0.3 * part))
        listed = apt.files(wanted, complaints)
        _remove_others(folder, listed)
        apt.run(["install", "--download-only", *wanted], lambda part: report(0.3 + 0.7 * part))
    for file in listed:
        path = folder / file.name
        if not path.is_file() or path.stat().st_size != file.size:
            raise Unavailable(f"apt-get did not download {file.name}", _HINT)
    return [_File(file.name, file.size, _sha256(folder / file.name)) for file in listed]


class _AptGet:
    """apt-get with state, cache and settings in `state`; package files go to `archives`."""

    def __init__(self, state: Path, archives: Path, release: Release) -> None:
        self._state = state
        self._archives = archives
        for name in ("lists/partial", "none/partial"):
            (state / name).mkdir(parents=True)
        (archives / "partial").mkdir(exist_ok=True)
        (state / "status").touch()
        (state / "preferences").write_text(_PREFERENCES.format(codename=release.codename))
        architecture = f'APT::Architecture "{release.architecture}";\n'
        only = f'APT::Architectures {{ "{release.architecture}"; }};\n'
        (state / "settings").write_text(_SETTINGS + architecture + only)

    def files(self, wanted: Sequence[str], complaints: list[str]) -> list[_File]:
        """Return names and sizes of all packages; `complaints` is why there may be none."""
        lines: list[str] = []
        command = ["install", "--print-uris", *wanted]
        self.run(
            command, lambda part: None, archives=self._state / "none", lines=lines, why=complaints
        )
        matches = filter(None, map(_URI_LINE.match, lines))
        return sorted((_File(match[1], int(match[2])) for match in matches), key=lambda f: f.name)

    def run(
        self,
        command: list[str],
        report: Report,
        *,
        archives: Path | None = None,
        lines: list[str] | None = None,
        why: Sequence[str] = (),
        cwd: Path | None = None,
    ) -> list[str]:
        """Run apt-get; return its warnings.  Raises Unavailable, with its errors, if it fails."""
        complaints: list[str] = []
        with subprocess.Popen(
            [*self._program(archives or self._archives), *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            cwd=cwd,
        ) as process:
            assert process.stdout is not None
            for line in map(str.strip, process.stdout):
                if match := _STATUS_LINE.match(line):
                    report(min(float(match[1]) / 100, 1.0))
                elif line.startswith(("E: ", "W: ")):
                    complaints.append(line)
                elif lines is not None:
                    lines.append(line)
        if process.returncode != 0:
            raise _failure([*why, *complaints], process.returncode)
        return complaints

    def _program(self, archives: Path) -> list[str]:
        """The command line up to apt-get's own command; paths as arguments need no quoting."""
        options = {
            "Dir::State": self._state,
            "Dir::State::lists": self._state / "lists",
            "Dir::State::status": self._state / "status",
            "Dir::Cache": self._state,
            "Dir::Cache::archives": archives,
            "Dir::Etc::preferences": self._state / "preferences",
        }
        settings = [part for key, path in options.items() for part in ("-o", f"{key}={path}")]
        # messages in English, whatever the host speaks: they are read by this program
        start = [
            "env",
            "LC_ALL=C.UTF-8",
            "apt-get",
            "-q",
            "-y",
            "-c",
            str(self._state / "settings"),
        ]
        return start + settings


def _failure(complaints: Sequence[str], code: int) -> Unavailable:
    reasons = list(dict.fromkeys(line[3:] for line in complaints))
    shown = "; ".join(reasons[:_SHOWN_REASONS]) or f"it ended with exit code {code}"
    return Unavailable(f"apt-get could not get the packages of the lab's images: {shown}", _HINT)


def _cached(lock: Path, request: Mapping[str, object], folder: Path) -> list[_File] | None:
    """Return the files of the same request, if all of them are whole; None otherwise."""
    try:
        record = fields.load_object(lock.read_bytes(), lock.name)
        if record.get("request") != request:
            return None
        files = [
            _File(fields.text(row, "name"), fields.integer(row, "size"), fields.text(row, "sha256"))
            for row in fields.objects(record, "files")
        ]
    except (FileNotFoundError, InvalidParameter):
        return None
    damaged = [file for file in files if not _is_whole(folder / file.name, file)]
    for file in damaged:
        # apt compares sizes only; what is damaged must be out of its way
        (folder / file.name).unlink(missing_ok=True)
    return None if damaged or not files else files


def _remember(lock: Path, request: Mapping[str, object], files: Sequence[_File]) -> None:
    rows = [{"name": file.name, "size": file.size, "sha256": file.sha256} for file in files]
    beside = lock.with_name(lock.name + ".new")
    beside.write_text(json.dumps({"request": dict(request), "files": rows}, indent=1))
    os.replace(beside, lock)


def _remove_others(folder: Path, keep: Sequence[_File]) -> None:
    names = {file.name for file in keep}
    for path in folder.glob("*.deb"):
        if path.name not in names:
            path.unlink()


def _is_whole(path: Path, file: _File) -> bool:
    try:
        return path.stat().st_size == file.size and _sha256(path) == file.sha256
    except FileNotFoundError:
        return False


def _sha256(path: Path) -> str:
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
