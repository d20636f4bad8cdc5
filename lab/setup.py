"""`lab setup`: everything that the lab needs on this machine, made once; each step shows progress."""

from __future__ import annotations

import contextlib
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from lab.config import Config
from lab.errors import LabError, Unavailable
from lab.sandbox.vm.parts import Parts

Say = Callable[[str], None]

_BAR = 24


def run(config: Config, say: Say) -> int:
    """Prepare the docker CLI and the catalog; what is there already is left alone."""
    started = time.monotonic()
    for folder in (config.home, config.docker_config, config.state):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    _prepare_cli(config, say)
    # before the images: where there are no namespaces, they are made in the microVM
    has_guest = _prepare_microvm(config, say)
    _prepare_catalog(config, say)
    if has_guest:
        _prepare_disks(config, say)
        _prepare_snapshot(config, say)
    _prepare_exercises(config, say)
    say(f"The lab is ready ({time.monotonic() - started:.0f} s). Start it with: lab start")
    return 0


def _prepare_cli(config: Config, say: Say) -> None:
    found = config.find_docker()
    if found:
        say(f"docker CLI: {found}")
        return
    from lab.catalog import docker_cli

    target = config.tools / "docker"
    with _progress("docker CLI") as report:
        docker_cli.install(target, config.cache, lambda part: report("downloading", part))
    say(f"docker CLI: {target}")


def _prepare_catalog(config: Config, say: Say) -> None:
    from lab.catalog import stamp

    if not stamp.is_complete(config.catalog):
        from lab.catalog.images import build_catalog

        with _progress("images") as report:
            build_catalog(config.catalog, config.cache, lambda: _engine(config.home), report)
    names = ", ".join(made.name for made in stamp.read_images(config.catalog))
    say(f"images: {names}")


def _prepare_microvm(config: Config, say: Say) -> bool:
    """Make what the sandbox `vm` needs; return whether it is there.

    The lab also runs without it, where a user may make namespaces.
    """
    from lab.microvm import build

    parts = Parts.of(config)
    if parts.is_everyones and (wrong := parts.whats_wrong()):
        say(f"microVM: none ({wrong}; whoever made {parts.folder} has to run the set-up again)")
        return False
    if parts.is_everyones:
        return True
    try:
        with _progress("microVM") as report:
            build.prepare(build.Place(parts, config.cache, config.search_path), report)
    except Unavailable as error:
        say(f"microVM: none ({error.message})")
        return False
    say(f"microVM: Linux {parts.read_stamp().kernel}")
    return True


def _prepare_disks(config: Config, say: Say) -> None:
    """Put the images onto a disk of the microVM's."""
    from lab.microvm import build

    parts = Parts.of(config)
    if parts.is_everyones:
        return
    place = build.Place(parts, config.cache, config.search_path)
    with _progress("microVM") as report:
        build.prepare_catalog(place, config.catalog, report)


def _prepare_snapshot(config: Config, say: Say) -> None:
    """Save a started guest, which later starts go on from; without it they take some seconds."""
    from lab.sandbox.vm.engine_machine import prepare_snapshot

    with _progress("microVM") as report:
        report("looking at the saved guest", 0.0)
        try:
            prepare_snapshot(Parts.of(config), config.search_path)
        except LabError as error:
            say(f"microVM: it will start slowly, since it could not be saved ({error.message})")


def _prepare_exercises(config: Config, say: Say) -> None:
    from lab.jupyter import workspace

    exercises = Path(__file__).resolve().parents[1] / "exercises"
    if exercises.is_dir():
        made = workspace.make_releases(config, exercises)
        if made:
            say(f"exercises: {', '.join(made)}")


@contextlib.contextmanager
def _engine(home: Path) -> Iterator[str]:
    """Run an engine on a throw-away folder; give the path of its socket."""
    from lab.sandbox import process, reset

    # beside the catalog, and not in /tmp, which may be a small file system in memory
    with tempfile.TemporaryDirectory(
        prefix=".setup-", dir=home, ignore_cleanup_errors=True
    ) as name:
        root = Path(name) / "engine"
        with tempfile.TemporaryDirectory(prefix="lab-") as short:
            try:
                with process.running(root, Path(short) / "d.sock") as engine:
                    yield str(engine.socket)
            finally:
                with contextlib.suppress(LabError):
                    reset.remove(root)


@contextlib.contextmanager
def _progress(name: str) -> Iterator[Callable[[str, float], None]]:
    """Give a function that shows what is being done: a bar on a terminal, else a line per step."""
    on_terminal = sys.stderr.isatty()
    latest = ""

    def report(step: str, part: float) -> None:
        nonlocal latest
        if on_terminal:
            done = int(part * _BAR)
            bar = "#" * done + "-" * (_BAR - done)
            sys.stderr.write(f"\r{name}: [{bar}] {step:<40.40}")
        elif step != latest:
            sys.stderr.write(f"{name}: {step}\n")
        latest = step
        sys.stderr.flush()

    try:
        yield report
    finally:
        if on_terminal and latest:
            sys.stderr.write("\r" + " " * (len(name) + _BAR + 46) + "\r")
            sys.stderr.flush()
