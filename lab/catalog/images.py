"""build_catalog: from nothing to an OCI image layout with all official images."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from lab.catalog.apt import fetch_packages
from lab.catalog.deb import Package, read_package
from lab.catalog.engine import BuildEngine
from lab.catalog.layout import Layer, LayoutWriter
from lab.catalog.making import only_one, readable_disk_errors
from lab.catalog.recipes import RECIPES, Recipe, wanted_packages
from lab.catalog.release import Release, read_release
from lab.catalog.resolver import PackageSet
from lab.catalog.stamp import Made, is_complete, write_stamp
from lab.catalog.steps import Bench, Stage
from lab.catalog.tree import Scratch, archive
from lab.oci.image_config import ContainerConfig, History, ImageConfig

Progress = Callable[[str, float], None]
"""Told what is being done, and what part of the whole is behind us, 0 to 1."""

StartEngine = Callable[[], AbstractContextManager[str]]
"""Starts an engine on a throw-away root and gives the path of its socket; it ends with the context."""

_NEEDED_MB = 500
_DOWNLOADED = 0.3
_WEIGHTS = {"debian": 5.0, "nginx": 3.0, "busybox": 0.5, "hello-world": 0.1}
"""How long the images take, as compared with each other."""


def build_catalog(
    target: Path, cache: Path, start_engine: StartEngine, progress: Progress
) -> list[Made]:
    """Make the catalog in `target`, unless it is there already; return what was made.

    The old catalog stays until the new one is whole.  `cache` keeps the packages, so that a
    second time needs no network.  Runs as any user.  Raises Unavailable, with what to do, where
    the images cannot be made.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    cache.mkdir(parents=True, exist_ok=True)
    lock = target.with_name(f".{target.name}.lock")
    where = f"beside {target}"
    with only_one(lock), readable_disk_errors("the images need", _NEEDED_MB, where):
        # another set-up may have made it while this one waited
        if is_complete(target):
            return []
        release = read_release()
        progress("downloading packages", 0.0)
        files = fetch_packages(
            wanted_packages(),
            cache,
            release,
            lambda part: progress("downloading packages", part * _DOWNLOADED),
        )
        packages = list(map(read_package, files))
        with _replacing(target) as beside:
            return _make(beside, packages, release, start_engine, progress)


def _make(
    folder: Path,
    packages: list[Package],
    release: Release,
    start_engine: StartEngine,
    progress: Progress,
) -> list[Made]:
    progress("starting an engine", _DOWNLOADED)
    with ExitStack() as stack:
        scratch = stack.enter_context(_scratch(folder.parent))
        socket = stack.enter_context(start_engine())
        engine = stack.enter_context(BuildEngine(socket))
        bench = Bench(PackageSet(packages), release, engine, scratch, lambda part: None)
        made = _Kitchen(LayoutWriter(folder), bench, progress).make_all()
    write_stamp(folder, {package.name: package.version for package in packages}, made)
    progress("the images are ready", 1.0)
    return made


@dataclass(frozen=True, slots=True)
class _Cooked:
    """A finished image, as the base of others."""

    stage: Stage
    config: ImageConfig
    layers: tuple[Layer, ...] = ()


class _Kitchen:
    """Makes the images one after the other, so that a base is there before what is built on it."""

    def __init__(self, layout: LayoutWriter, bench: Bench, progress: Progress) -> None:
        self._layout = layout
        self._bench = bench
        self._progress = progress
        self._cooked: dict[str, _Cooked] = {}

    def make_all(self) -> list[Made]:
        total = sum(_WEIGHTS.get(recipe.name, 1.0) for recipe in RECIPES)
        behind = 0.0
        made = []
        for recipe in RECIPES:
            weight = _WEIGHTS.get(recipe.name, 1.0)
            made.append(self._make(recipe, self._part(recipe, behind / total, weight / total)))
            behind += weight
        self._layout.finish()
        return made

    def _part(self, recipe: Recipe, start: float, share: float) -> Callable[[float], None]:
        def report(part: float) -> None:
            whole = _DOWNLOADED + (1 - _DOWNLOADED) * (start + share * part)
            self._progress(f"making {recipe.name}", whole)

        report(0.0)
        return report

    def _make(self, recipe: Recipe, report: Callable[[float], None]) -> Made:
        bench = replace(self._bench, report=report)
        platform = ImageConfig(self._bench.release.architecture, "linux")
        base = self._cooked.get(recipe.base) or _Cooked(Stage(), platform)
        stage, config, layers = base.stage, base.config, list(base.layers)
        for step in recipe.steps:
            tree, stage = step.make(bench, stage)
            layer = self._layout.add_layer(archive(tree))
            layers.append(layer)
            config = config.with_step(History(_time(stage.date), step.text), layer.diff_id)
        config = _with_settings(config, self._settings(recipe), base.config.config)
        self._cooked[recipe.name] = _Cooked(stage, config, tuple(layers))
        return self._store(recipe, config, layers, len(base.layers))

    def _settings(self, recipe: Recipe) -> ContainerConfig:
        version = recipe.version(self._bench.packages)
        env = tuple(entry.replace("{version}", version) for entry in recipe.settings.env)
        return replace(recipe.settings, env=env)

    def _store(
        self, recipe: Recipe, config: ImageConfig, layers: list[Layer], inherited: int
    ) -> Made:
        tags = recipe.tags(self._bench.packages, self._bench.release)
        annotations = {
            "org.opencontainers.image.title": recipe.name,
            "org.opencontainers.image.description": recipe.about,
        }
        image = self._layout.add_image(
            config,
            [layer.descriptor for layer in layers],
            [f"{recipe.name}:{tag}" for tag in tags],
            annotations,
        )
        sizes = [layer.size for layer in layers]
        return Made(recipe.name, str(image), tags, sum(sizes), sum(sizes[inherited:]))


def _with_settings(
    config: ImageConfig, settings: ContainerConfig, base: ContainerConfig
) -> ImageConfig:
    """Return the image with its settings, and one line of history for each that is new."""
    lines = [f"ENV {entry}" for entry in settings.env if entry not in base.env]
    lines += [f"EXPOSE {port}" for port in settings.exposed_ports]
    if settings.stop_signal:
        lines.append(f"STOPSIGNAL {settings.stop_signal}")
    if settings.cmd:
        quoted = " ".join(f'"{word}"' for word in settings.cmd)
        lines.append(f"CMD [{quoted}]")
    for line in lines:
        config = config.with_step(History(config.created, line, empty_layer=True))
    return replace(config, config=settings)


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


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
