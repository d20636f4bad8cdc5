"""The learner's own folder: copies of the lessons, and the exercises as nbgrader releases them.

home/
  work/en/02_first_container.ipynb                     a lesson, to be run and written in
  work/en/exercises/NAME/NAME.ipynb                    an exercise without its solution
  work/.shipped.json                                   the digests of what was put there
  releases/en/NAME/NAME.ipynb                          made by nbgrader, once for each version

What the learner has changed is never replaced; what is as it was put there follows the lab's
newer version.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from lab.config import Config
from lab.errors import LabError

LANGUAGES = ("en", "ko")

_SHIPPED = ".shipped.json"
_FINGERPRINT = "fingerprint"


def prepare(config: Config, notebooks: Path) -> Path:
    """Bring the learner's folder up to date, and return it."""
    work = config.home / "work"
    work.mkdir(parents=True, exist_ok=True)
    shipped = _read(work / _SHIPPED)
    for source, name in _offered(notebooks, config.releases):
        _deliver(source, work / name, shipped.get(name), shipped, name)
    _write(work / _SHIPPED, shipped)
    return work


def make_releases(config: Config, exercises: Path) -> list[str]:
    """Have nbgrader make the learners' versions of all exercises that are new or changed.

    Return their names, `en/NAME`.  Raises LabError with nbgrader's words if it refuses one.
    """
    made = []
    for language in LANGUAGES:
        course = exercises / language
        for source in sorted((course / "source").glob("*")):
            if source.is_dir() and _make_release(config, course, source):
                made.append(f"{language}/{source.name}")
    return made


def _make_release(config: Config, course: Path, source: Path) -> bool:
    target = config.releases / course.name / source.name
    wanted = _fingerprint(course / "nbgrader_config.py", source)
    stamp = target.with_name(f".{target.name}.{_FINGERPRINT}")
    if target.is_dir() and stamp.exists() and stamp.read_text() == wanted:
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".making-") as name:
        copy = Path(name) / "course"
        shutil.copytree(source, copy / "source" / source.name)
        shutil.copy(course / "nbgrader_config.py", copy)
        _run_nbgrader(copy, source.name, Path(name))
        shutil.rmtree(target, ignore_errors=True)
        os.replace(copy / "release" / source.name, target)
    stamp.write_text(wanted)
    return True


def _run_nbgrader(course: Path, name: str, home: Path) -> None:
    # settings of another Jupyter of this user stay out
    environ = {**os.environ, "JUPYTER_CONFIG_DIR": str(home), "JUPYTER_DATA_DIR": str(home)}
    # nbgrader starts a program of its database's, which lies beside this interpreter
    environ["PATH"] = f"{Path(sys.executable).parent}:{environ.get('PATH', os.defpath)}"
    argv = [sys.executable, "-m", "nbgrader", "generate_assignment", name]
    done = subprocess.run(argv, cwd=course, env=environ, capture_output=True, text=True)
    if done.returncode != 0:
        raise LabError(f"nbgrader could not release the exercise {name}: {done.stderr.strip()}")


def _offered(notebooks: Path, releases: Path) -> Iterator[tuple[Path, str]]:
    """Yield each file that a learner should have, and its place in the folder."""
    for language in LANGUAGES:
        for path in sorted((notebooks / language).glob("*.ipynb")):
            yield path, f"{language}/{path.name}"
        top = releases / language
        for path in sorted(top.glob("[!.]*/**/*")):
            if path.is_file():
                yield path, f"{language}/exercises/{path.relative_to(top)}"


def _deliver(
    source: Path, target: Path, before: str | None, shipped: dict[str, str], name: str
) -> None:
    content = source.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    if target.exists() and hashlib.sha256(target.read_bytes()).hexdigest() != before:
        return
    if not target.exists() or before != digest:
        target.parent.mkdir(parents=True, exist_ok=True)
        beside = target.with_name(f".{target.name}.new")
        beside.write_bytes(content)
        os.replace(beside, target)
    shipped[name] = digest


def _fingerprint(config: Path, source: Path) -> str:
    running = hashlib.sha256(config.read_bytes())
    for path in sorted(source.rglob("*")):
        if path.is_file():
            running.update(f"{path.relative_to(source)}\0".encode())
            running.update(path.read_bytes())
    return running.hexdigest()


def _read(path: Path) -> dict[str, str]:
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _write(path: Path, shipped: Mapping[str, str]) -> None:
    beside = path.with_name(f"{path.name}.new")
    beside.write_text(json.dumps(shipped, indent=1))
    os.replace(beside, path)
