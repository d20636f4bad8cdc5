"""Makes the images one after the other, so that a base is there before what is built on it.

An image that is still as today's recipe would make it is taken over from the catalog before: its
layers are linked, not made again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from lab.catalog.earlier import Earlier, key_of, stage_of
from lab.catalog.layout import Layer, LayoutWriter
from lab.catalog.recipes import RECIPES, Recipe
from lab.catalog.stamp import Made
from lab.catalog.steps import Bench, Stage
from lab.catalog.tree import archive
from lab.oci.image_config import ContainerConfig, History, ImageConfig

Progress = Callable[[str, float], None]
"""Told what is being done, and what part of the whole is behind us, 0 to 1."""

DOWNLOADED = 0.3
"""The part of the whole that is behind us when the packages are there."""

_WEIGHTS = {"debian": 5.0, "nginx": 3.0, "python": 5.0, "busybox": 0.5, "hello-world": 0.1}
"""How long the images take, as compared with each other."""

_USUAL = 3.0


@dataclass(frozen=True, slots=True)
class _Cooked:
    """A finished image, as the base of others.  `size` is in bytes, of its layers unpacked.

    `stage` makes the files of the image ready for the first step upon it.
    """

    stage: Callable[[], Stage]
    config: ImageConfig
    layers: tuple[Layer, ...] = ()
    key: str = ""
    size: int = 0


class Kitchen:
    """Fills a layout; `earlier` is the catalog that was there before."""

    def __init__(
        self, layout: LayoutWriter, bench: Bench, earlier: Earlier, progress: Progress
    ) -> None:
        self._layout = layout
        self._bench = bench
        self._earlier = earlier
        self._progress = progress
        self._cooked: dict[str, _Cooked] = {}

    def make_all(self) -> list[Made]:
        """Make all images of today's recipes."""
        weights = [_WEIGHTS.get(recipe.name, _USUAL) for recipe in RECIPES]
        behind = 0.0
        made = []
        for recipe, weight in zip(RECIPES, weights, strict=True):
            part = self._part(recipe, behind / sum(weights), weight / sum(weights))
            made.append(self._take_over(recipe) or self._make(recipe, part))
            behind += weight
        self._layout.finish()
        return made

    def _part(self, recipe: Recipe, start: float, share: float) -> Callable[[float], None]:
        def report(part: float) -> None:
            whole = DOWNLOADED + (1 - DOWNLOADED) * (start + share * part)
            self._progress(f"making {recipe.name}", whole)

        return report

    def _take_over(self, recipe: Recipe) -> Made | None:
        """Use the image of the catalog before; None if there is none that would do."""
        key = self._key(recipe)
        found = self._earlier.find(recipe.name, key)
        if found is None:
            return None
        layers = tuple(
            self._layout.take_layer(self._earlier.blob(layer.descriptor.digest), layer)
            for layer in found.layers
        )

        def stage() -> Stage:
            return stage_of(recipe, self._bench, self._earlier, found)

        size = found.made.size
        self._cooked[recipe.name] = _Cooked(stage, found.config, layers, key, size)
        return self._store(recipe, found.config, layers, size, found.made.added)

    def _make(self, recipe: Recipe, report: Callable[[float], None]) -> Made:
        report(0.0)
        bench = replace(self._bench, report=report)
        base = self._base(recipe)
        stage, config, layers = base.stage(), base.config, list(base.layers)
        for step in recipe.steps:
            tree, stage = step.make(bench, stage)
            layer = self._layout.add_layer(archive(tree))
            layers.append(layer)
            config = config.with_step(History(_time(stage.date), step.text), layer.diff_id)
        config = _with_settings(config, self._settings(recipe), base.config.config)
        added = sum(layer.size for layer in layers[len(base.layers) :])
        size = base.size + added
        made = stage  # what a base's callable returns must not change with the next image
        self._cooked[recipe.name] = _Cooked(
            lambda: made, config, tuple(layers), self._key(recipe), size
        )
        return self._store(recipe, config, tuple(layers), size, added)

    def _base(self, recipe: Recipe) -> _Cooked:
        platform = ImageConfig(self._bench.release.architecture, "linux")
        return self._cooked.get(recipe.base) or _Cooked(Stage, platform)

    def _key(self, recipe: Recipe) -> str:
        return key_of(recipe, self._bench.packages, self._bench.release, self._base(recipe).key)

    def _settings(self, recipe: Recipe) -> ContainerConfig:
        version = recipe.version(self._bench.packages)
        env = tuple(entry.replace("{version}", version) for entry in recipe.settings.env)
        return replace(recipe.settings, env=env)

    def _store(
        self,
        recipe: Recipe,
        config: ImageConfig,
        layers: tuple[Layer, ...],
        size: int,
        added: int,
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
        return Made(recipe.name, str(image), tags, size, added, self._key(recipe))


def _with_settings(
    config: ImageConfig, settings: ContainerConfig, base: ContainerConfig
) -> ImageConfig:
    """Return the image with its settings, and one line of history for each that is new."""
    lines = [f"ENV {entry}" for entry in settings.env if entry not in base.env]
    lines += [f"VOLUME [{path}]" for path in settings.volumes]
    if settings.working_dir:
        lines.append(f"WORKDIR {settings.working_dir}")
    if settings.entrypoint:
        lines.append(f"ENTRYPOINT [{_quoted(settings.entrypoint)}]")
    lines += [f"EXPOSE {port}" for port in settings.exposed_ports]
    if settings.stop_signal:
        lines.append(f"STOPSIGNAL {settings.stop_signal}")
    if settings.cmd:
        lines.append(f"CMD [{_quoted(settings.cmd)}]")
    for line in lines:
        config = config.with_step(History(config.created, line, empty_layer=True))
    return replace(config, config=settings)


def _quoted(words: tuple[str, ...]) -> str:
    return " ".join(f'"{word}"' for word in words)


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
