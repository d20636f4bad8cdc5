"""docker-py's own tests: where they are had from.  They are never kept in this repository.

The package on PyPI holds no tests, so they come from the project's git repository, at the tag of
the version; or from a folder that somebody has already.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

VERSION = "7.1.0"
REPOSITORY = "https://github.com/docker/docker-py"

_LIMIT = 300


def find(cache: Path) -> Path:
    """Return a folder with docker-py's sources; they are fetched unless they are in `cache`.

    Honours DOCKER_PY_SOURCES: a folder of one's own, or a git repository to clone from.
    Raises SystemExit, with what to do, where they cannot be had.
    """
    given = os.environ.get("DOCKER_PY_SOURCES", "")
    if given and _is_whole(Path(given)):
        return Path(given)
    folder = cache / f"docker-py-{VERSION}"
    if not _is_whole(folder):
        _clone(given or REPOSITORY, folder)
    return folder


def _is_whole(folder: Path) -> bool:
    return (folder / "tests" / "integration" / "conftest.py").is_file()


def _clone(source: str, folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    command = ["git", "clone", "--quiet", "--depth", "1", "--branch", VERSION, source, str(folder)]
    environ = {**os.environ, "GIT_TERMINAL_PROMPT": "0"}
    try:
        subprocess.run(command, check=True, timeout=_LIMIT, env=environ)
    except (OSError, subprocess.SubprocessError) as error:
        raise SystemExit(
            f"the sources of docker-py {VERSION} could not be fetched ({error}).\n"
            "Fetch them where there is a network, and say where they are:\n"
            f"  git clone --branch {VERSION} {REPOSITORY}\n"
            "  DOCKER_PY_SOURCES=path/to/docker-py make conformance"
        ) from None
