"""Building, loading, pushing, committing: the same on both engines."""

from __future__ import annotations

import gzip
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.engines import IMAGE, Peer
from bench.measure import Case, cli, timed

_LARGE = "debian"
_ARCHIVE = "large.tar"
_REGISTRY = "127.0.0.1:5000"
_DOCKERFILE = f"""\
FROM {IMAGE}
ENV A=1
RUN echo 1 > /one
RUN echo 2 > /two
COPY file /file
RUN echo 3 > /three
WORKDIR /work
COPY folder /folder
RUN echo 4 > /four
CMD ["true"]
"""
"""Ten steps."""


def cases(folder: Path, ours: Peer, theirs: Peer | None) -> Iterator[Case]:
    """Yield what is to be timed, one thing after the other; `folder` is for files."""
    context = _context(folder)
    yield from _builds(context)
    _save_large(folder, ours)
    yield from _loads(folder)
    yield _commit(folder, ours, theirs)
    if shutil.which("docker-registry"):
        with _registries(folder, ours, theirs):
            yield _push_and_pull(folder)


def _context(folder: Path) -> Path:
    context = folder / "context"
    (context / "folder").mkdir(parents=True)
    (context / "Dockerfile").write_text(_DOCKERFILE)
    (context / "file").write_text("file\n")
    for number in range(20):
        (context / "folder" / str(number)).write_text("x" * 1000)
    return context


def _builds(context: Path) -> Iterator[Case]:
    def build(*options: str) -> Callable[[Peer], float]:
        return lambda peer: timed(peer.host, "build", "-q", *options, "-t", "ten", str(context))

    yield Case("docker build, 10 steps", 0.4, build("--no-cache"))
    yield Case("docker build, 10 steps from the cache", 0.3, build())


def _save_large(folder: Path, ours: Peer) -> None:
    """Make the archives that are loaded: an image of some 130 MB, plain and compressed."""
    cli(ours.host, "pull", "-q", _LARGE)
    cli(ours.host, "save", "-o", str(folder / _ARCHIVE), _LARGE)
    with (
        (folder / _ARCHIVE).open("rb") as plain,
        gzip.open(folder / f"{_ARCHIVE}.gz", "wb", 6) as gz,
    ):
        shutil.copyfileobj(plain, gz, 1 << 20)
    cli(ours.host, "rmi", _LARGE)


def _loads(folder: Path) -> Iterator[Case]:
    def load(name: str) -> Callable[[Peer], float]:
        def run(peer: Peer) -> float:
            seconds = timed(peer.host, "load", "-q", "-i", str(folder / name))
            cli(peer.host, "rmi", "-f", _LARGE)
            return seconds

        return run

    yield Case("docker load, 130 MB compressed", 0.8, load(f"{_ARCHIVE}.gz"), 5)
    yield Case("docker load, 130 MB plain", 1.0, load(_ARCHIVE), 5)


def _commit(folder: Path, ours: Peer, theirs: Peer | None) -> Case:
    for peer in filter(None, (ours, theirs)):
        cli(peer.host, "load", "-q", "-i", str(folder / _ARCHIVE))

    def run(peer: Peer) -> float:
        cli(peer.host, "run", "--name", "written", _LARGE, "cp", "-a", "/usr", "/copy")
        seconds = timed(peer.host, "commit", "written", "committed")
        cli(peer.host, "rm", "written")
        cli(peer.host, "rmi", "committed")
        return seconds

    return Case("docker commit of 100 MB in ordinary files", 0.5, run, 5)


def _push_and_pull(folder: Path) -> Case:
    name = f"{_REGISTRY}/large"

    def run(peer: Peer) -> float:
        _empty(folder, peer)
        cli(peer.host, "load", "-q", "-i", str(folder / _ARCHIVE))
        cli(peer.host, "tag", _LARGE, name)
        seconds = timed(peer.host, "push", "-q", name)
        cli(peer.host, "rmi", "-f", name, _LARGE)
        seconds += timed(peer.host, "pull", "-q", name)
        cli(peer.host, "rmi", "-f", name)
        return seconds

    return Case("docker push and pull of 130 MB", 0.9, run, 5)


@contextmanager
def _registries(folder: Path, ours: Peer, theirs: Peer | None) -> Iterator[None]:
    """Run Debian's registry where each engine finds it at the same address."""
    started = [_registry(folder, peer) for peer in (ours, theirs) if peer]
    try:
        time.sleep(1)
        yield
    finally:
        for each in started:
            each.terminate()
            each.wait(20)


def _registry(folder: Path, peer: Peer) -> subprocess.Popen[bytes]:
    config = folder / f"registry-{peer.name}.yml"
    config.write_text(
        f"version: 0.1\nlog: {{level: error}}\nstorage:\n  filesystem:\n"
        f"    rootdirectory: {folder}/registry-{peer.name}\nhttp: {{addr: '{_REGISTRY}'}}\n"
    )
    words = [*peer.enter, "docker-registry", "serve", str(config)]
    return subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _empty(folder: Path, peer: Peer) -> None:
    """Have the registry forget what was pushed: everything is to be uploaded anew."""
    shutil.rmtree(folder / f"registry-{peer.name}" / "docker", ignore_errors=True)
