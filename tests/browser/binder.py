"""The lab as Binder has it: set up, then started as in the container image, under Binder's rules."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from lab.jupyter.settings import write_defaults

from ..deploy import rules
from .running import ROOT, RunningLab, start_server

PORT = 8992
PARTS = ("lab", "grader", "exercises", "notebooks")
SETUP_LIMIT = 300


class Place:
    """A folder with what the image has: the programs, and what set-up made; and a user's home."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.source = folder / "src"
        self.prepared = folder / "prepared"
        self.home = folder / "home"

    @property
    def lab_home(self) -> Path:
        return self.home / ".local" / "share" / "docker-learning-lab"

    def fill(self, catalog: Path, parts: Path) -> None:
        """Copy the programs, the images and the virtual machine's parts, for the user to own."""
        for name in PARTS:
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, self.source / name, ignore=ignored)
        self.home.mkdir()
        shutil.copytree(catalog, self.prepared / "catalog")
        # a guest is saved for one user only
        ignored = shutil.ignore_patterns("snapshot", ".*")
        shutil.copytree(parts, self.prepared / "vm", ignore=ignored)
        write_defaults(self.folder / "jupyter")
        shutil.copy(ROOT / "binder" / "jupyter_server_config.py", self.folder / "jupyter")
        for path in (self.folder, *self.folder.rglob("*")):
            os.chown(path, rules.UID, rules.UID, follow_symlinks=False)

    def under_rules(self, *words: str, **environ: str) -> list[str]:
        """Return the command line that runs `words` as Binder would, on one processor."""
        programs = Path(sys.executable).parent
        told = {
            "PATH": f"{programs}:{rules.PATH}",
            "PYTHONPATH": str(self.source),
            "JUPYTER_CONFIG_PATH": str(self.folder / "jupyter"),
            **environ,
        }
        shown = [self.folder, programs.parent]
        return rules.command(*words, home=self.home, cpus=1, environ=told, show=shown)

    def set_up(self) -> str:
        """Run `lab setup` as the building of the image does; return what it said."""
        lab = [sys.executable, "-m", "lab.cli", "setup"]
        done = subprocess.run(
            self.under_rules(*lab, LAB_HOME=str(self.prepared)),
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=SETUP_LIMIT,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start(self) -> RunningLab:
        """Start the server with the image's own command, but for its address."""
        own = {"--ip=0.0.0.0": "--ip=127.0.0.1", "--port=8888": f"--port={PORT}"}
        program, *options = [own.get(word, word) for word in image_command()]
        words = [str(Path(sys.executable).parent / program), *options]
        line = self.under_rules(*words, LAB_PREPARED=str(self.prepared))
        return start_server(line, self.folder, self.lab_home, dict(os.environ))


def image_command() -> Sequence[str]:
    """Return the command that the container image runs."""
    text = (ROOT / "binder" / "Dockerfile").read_text()
    found = re.search(r"^CMD (\[.*\])$", text, re.MULTILINE)
    assert found is not None
    command: list[str] = json.loads(found[1])
    return command


def memory_of(pids: set[int]) -> int:
    """Return the bytes that processes have in memory, what they share counted once."""
    total = 0
    for pid in pids:
        try:
            told = Path(f"/proc/{pid}/smaps_rollup").read_text()
        except OSError:
            continue
        found = re.search(r"^Pss:\s+(\d+) kB$", told, re.MULTILINE)
        total += int(found[1]) << 10 if found else 0
    return total


def solved(source: Path, notebook: Path) -> None:
    """Fill the learner's notebook of an exercise with the instructor's solutions."""
    answers = {cell["id"]: cell["source"] for cell in json.loads(source.read_text())["cells"]}
    content = json.loads(notebook.read_text())
    for cell in content["cells"]:
        text = "".join(answers[cell["id"]])
        if "### BEGIN SOLUTION" in text:
            cell["source"] = re.sub(r"### (BEGIN|END) SOLUTION\n?", "", text)
    notebook.write_text(json.dumps(content))
