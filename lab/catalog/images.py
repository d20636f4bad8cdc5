"""build_catalog: from nothing to an OCI image layout with all official images."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

from lab.catalog.apt import fetch_packages, require_apt
from lab.catalog.deb import Package, read_package
from lab.catalog.download import download_images
from lab.catalog.earlier import Earlier
from lab.catalog.engine import BuildEngine
from lab.catalog.kitchen import DOWNLOADED, Kitchen, Progress
from lab.catalog.layout import LayoutWriter
from lab.catalog.making import only_one, readable_disk_errors
from lab.catalog.recipes import wanted_packages
from lab.catalog.release import Release, read_release
from lab.catalog.resolver import PackageSet
from lab.catalog.stamp import Made, is_complete, write_stamp
from lab.catalog.steps import Bench
from lab.catalog.tree import Scratch
from lab.errors import Unavailable
from lab.registry.endpoint import Endpoint

StartEngine = Callable[[], AbstractContextManager[str]]
"""Starts an engine on a throw-away root and gives the path of its socket; it ends with the context."""

_NEEDED_MB = 700
_DOCKER_HUB = Endpoint.of("docker.io")


def build_catalog(
    target: Path,
    cache: Path,
    start_engine: StartEngine,
    progress: Progress,
    docker_hub: Endpoint = _DOCKER_HUB,
) -> list[Made]:
    """Make the catalog in `target`, unless it is there already; return what was made.

    Where there are no Debian packages to make images of, the official ones are fetched from
    `docker_hub`.  The old catalog stays until the new one is whole, and what is still right in it
    is used again.  `cache` keeps the packages, so that a second time needs no network.  Runs as
    any user.  Raises Unavailable, with what to do, where the images cannot be had.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    cache.mkdir(parents=True, exist_ok=True)
    lock = target.with_name(f".{target.name}.lock")
    where = f"beside {target}"
    with only_one(lock), readable_disk_errors("the images need", _NEEDED_MB, where):
        # another set-up may have made it while this one waited
        if is_complete(target):
            return []
        try:
            release = read_release()
            require_apt()
        except Unavailable as missing:
            with _replacing(target) as beside:
                return _fetch(beside, docker_hub, missing, progress)
        packages = _packages(cache, release, progress)
        with _replacing(target) as beside:
            return _make(beside, Earlier(target), packages, release, start_engine, progress)


def _packages(cache: Path, release: Release, progress: Progress) -> list[Package]:
    progress("downloading packages", 0.0)
    files = fetch_packages(
        wanted_packages(),
        cache,
        release,
        lambda part: progress("downloading packages", part * DOWNLOADED),
    )
    return list(map(read_package, files))


def _make(
    folder: Path,
    earlier: Earlier,
    packages: list[Package],
    release: Release,
    start_engine: StartEngine,
    progress: Progress,
) -> list[Made]:
    progress("starting an engine", DOWNLOADED)
    with ExitStack() as stack:
        scratch = stack.enter_context(_scratch(folder.parent))
        socket = stack.enter_context(start_engine())
        engine = stack.enter_context(BuildEngine(socket))
        bench = Bench(PackageSet(packages), release, engine, scratch, lambda part: None)
        made = Kitchen(LayoutWriter(folder), bench, earlier, progress).make_all()
    write_stamp(folder, {package.name: package.version for package in packages}, made)
    progress("the images are ready", 1.0)
    return made


def _fetch(
    folder: Path, docker_hub: Endpoint, missing: Unavailable, progress: Progress
) -> list[Made]:
    made = download_images(folder, docker_hub, missing, progress)
    write_stamp(folder, {}, made)
    progress("the images are ready", 1.0)
    return made


@contextmanager
def _scratch(folder: Path) -> Iterator[Scratch]:
    scratch = Scratch(folder)
    try:
        yield scratch
    finally:
        scratch.close()


@contextmanager
def _replacing(target: Path) -> Iterator[Path]:
    """Give an empty folder that takes the place of `target` if all goes well."""
    beside = target.with_name(f".{target.name}.new")
    old = target.with_name(f".{target.name}.old")
    for leftover in (beside, old):
        shutil.rmtree(leftover, ignore_errors=True)
    beside.mkdir()
    try:
        yield beside
        if target.exists():
            os.rename(target, old)
        os.rename(beside, target)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)
