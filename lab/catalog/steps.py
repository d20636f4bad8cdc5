"""The kinds of steps that recipes are made of; each makes one layer.

Install   Debian packages, set up by their own scripts in a container
Copy      files of ours, from `files/`
Link      symbolic links

Images without Debian under them have kinds of their own, in lab.catalog.programs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from lab.catalog.apt import REQUIRED
from lab.catalog.bootstrap import PathFilter, bootstrap, skeleton
from lab.catalog.changes import changes
from lab.catalog.deb import Package
from lab.catalog.engine import BuildEngine
from lab.catalog.release import Release
from lab.catalog.resolver import PackageSet
from lab.catalog.tree import Scratch, Tree, entries, pieces, read_folder, read_tree
from lab.image.tar import Kind
from lab.image.tar_reader import TarReader
from lab.image.tar_writer import END

HERE = Path(__file__).parent
FILES = HERE / "files"
SCRIPTS = HERE / "scripts"

_BUILD = ".build"
_ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LC_ALL": "C.UTF-8",
    "DEBIAN_FRONTEND": "noninteractive",
    "DEBCONF_NONINTERACTIVE_SEEN": "true",
}
# an engine puts these into every container, so they belong to none of the image's layers
_ENGINES_OWN = re.compile(
    rb"\.build(/.*)?|\.dockerenv|(dev|proc|sys)/.*|etc/(hostname|hosts|resolv\.conf|mtab)"
)


@dataclass(frozen=True, slots=True)
class Bench:
    """What steps work with.  `report` is told what part of the step is done, 0 to 1."""

    packages: PackageSet
    release: Release
    engine: BuildEngine
    scratch: Scratch
    report: Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Stage:
    """How far an image has come: its files, its packages, its date (seconds since 1970)."""

    tree: Tree = field(default_factory=Tree)
    installed: tuple[Package, ...] = ()
    date: int = 0

    def names(self) -> set[str]:
        return {package.name for package in self.installed}


class Step(Protocol):
    """Makes a layer.  `text` is what `docker history` shows for it, `needs` what apt is asked for.

    `sources` are the files and folders of ours that it is made from.
    """

    @property
    def text(self) -> str: ...
    @property
    def needs(self) -> tuple[str, ...]: ...
    @property
    def sources(self) -> tuple[Path, ...]: ...

    def make(self, bench: Bench, stage: Stage) -> tuple[Tree, Stage]:
        """Return the layer, and the image with it."""


@dataclass(frozen=True, slots=True)
class Install:
    """Installs packages; with `required` also those that no Debian system is without.

    On an empty image the files of `start` are there before the first package's.  `script` is run
    at the end, in the container.
    """

    packages: tuple[str, ...]
    required: bool = False
    start: str = ""
    script: str = ""

    @property
    def text(self) -> str:
        names = ", ".join(self.packages)
        if self.required:
            return f"ADD Debian packages: all required ones, {names} /"
        return f"RUN dpkg --install: {names}, and what they need"

    @property
    def needs(self) -> tuple[str, ...]:
        return (*self.packages, REQUIRED) if self.required else self.packages

    @property
    def sources(self) -> tuple[Path, ...]:
        start = (FILES / self.start,) if self.start else ()
        script = (SCRIPTS / self.script,) if self.script else ()
        return (SCRIPTS / "install.sh", *start, *script)

    def wanted(self, packages: PackageSet, installed: Collection[str]) -> list[Package]:
        """Return what is installed on an image that has `installed` already, in order."""
        names = [*(packages.required() if self.required else ()), *self.packages]
        return packages.closure(names, installed)

    def make(self, bench: Bench, stage: Stage) -> tuple[Tree, Stage]:
        wanted = self.wanted(bench.packages, stage.names())
        date = max([stage.date, *(package.built for package in wanted)])
        environment = _ENVIRONMENT | {"SOURCE_DATE_EPOCH": str(date)}
        if not stage.installed:
            # nothing is installed yet that the first package could depend on
            environment["DPKG_FORCE"] = "depends"
        command = ["/bin/sh", f"/{_BUILD}/install.sh"]
        rootfs = self._rootfs(bench, stage, wanted, date)
        with bench.engine.container(rootfs, command, environment) as run:
            _follow(run.lines(), 2 * len(wanted), bench.report)
            found = read_tree(TarReader(run.export()), bench.scratch)
        after = _without_engines_own(found).not_later_than(date)
        layer = changes(stage.tree, after) if stage.tree.nodes else after
        tree = stage.tree.with_layer(layer)
        return layer, Stage(tree, (*stage.installed, *wanted), date)

    def _rootfs(
        self, bench: Bench, stage: Stage, wanted: list[Package], date: int
    ) -> Iterator[bytes]:
        tools = self._tools(bench, wanted, stage.names())
        if stage.tree.nodes:
            return archives(stage.tree, tools)
        ours = read_folder(FILES / self.start) if self.start else Tree()
        start = skeleton(bench.release.architecture).with_layer(tools).with_layer(ours)
        return bootstrap(wanted, start.dated(date), _path_filter(ours))

    def _tools(self, bench: Bench, wanted: list[Package], installed: Collection[str]) -> Tree:
        tree = Tree()
        for package in wanted:
            content = bench.scratch.keep([package.path.read_bytes()])
            tree.file(f"{_BUILD}/{package.path.name}", content)
        tree.file(f"{_BUILD}/order", "".join(_order(bench.packages, wanted, installed)).encode())
        tree.file(f"{_BUILD}/install.sh", (SCRIPTS / "install.sh").read_bytes())
        if self.script:
            tree.file(f"{_BUILD}/after.sh", (SCRIPTS / self.script).read_bytes())
        return tree


@dataclass(frozen=True, slots=True)
class Copy:
    """Adds the files of a folder in `files/`."""

    folder: str
    text: str
    needs: tuple[str, ...] = ()

    @property
    def sources(self) -> tuple[Path, ...]:
        return (FILES / self.folder,)

    def make(self, bench: Bench, stage: Stage) -> tuple[Tree, Stage]:
        return with_layer(stage, read_folder(FILES / self.folder).dated(stage.date))


@dataclass(frozen=True, slots=True)
class Link:
    """Adds symbolic links, as pairs of path (without a leading slash) and target."""

    links: tuple[tuple[str, str], ...]
    needs: tuple[str, ...] = ()
    sources: tuple[Path, ...] = ()

    @property
    def text(self) -> str:
        return "RUN " + " && ".join(f"ln -sf {target} /{path}" for path, target in self.links)

    def make(self, bench: Bench, stage: Stage) -> tuple[Tree, Stage]:
        layer = Tree()
        for path, target in self.links:
            layer.symlink(path, target)
        return with_layer(stage, layer.dated(stage.date))


def with_layer(stage: Stage, layer: Tree) -> tuple[Tree, Stage]:
    """Let directories that are there already keep their owner and mode."""
    layer = Tree(
        {
            path: stage.tree.nodes.get(path, node) if node.member.kind is Kind.DIRECTORY else node
            for path, node in layer.nodes.items()
        }
    )
    return layer, Stage(stage.tree.with_layer(layer), stage.installed, stage.date)


def archives(*trees: Tree) -> Iterator[bytes]:
    """Yield one archive of the trees, the later over the earlier."""
    for tree in trees:
        yield from entries(tree)
    yield END


def _order(
    packages: PackageSet, wanted: list[Package], installed: Collection[str]
) -> Iterator[str]:
    """Yield dpkg's calls, one a line: `unpack FILE...`, or `configure NAME...`.

    What a package needs even to be unpacked is set up before.  Nothing is, on an empty image.
    """
    coming = {package.name for package in wanted}
    ready = set(installed)
    files: list[str] = []
    for package in wanted:
        names = coming & {name for group in package.pre_depends for name in group}
        needed = packages.closure(sorted(names), ready) if installed else []
        if needed:
            yield f"unpack {' '.join(files)}\n"
            yield f"configure {' '.join(each.name for each in needed)}\n"
            ready.update(each.name for each in needed)
            files = []
        files.append(package.path.name)
    yield f"unpack {' '.join(files)}\n"


def _follow(lines: Iterable[str], expected: int, report: Callable[[float], None]) -> None:
    """Read dpkg's output to its end: it says once that a package is unpacked, once that it is set up."""
    done = 0
    for line in lines:
        if line.startswith(("Unpacking ", "Setting up ")):
            done += 1
            report(min(done / expected, 1.0))


def _without_engines_own(tree: Tree) -> Tree:
    return Tree(
        {path: node for path, node in tree.nodes.items() if not _ENGINES_OWN.fullmatch(path)}
    )


def _path_filter(ours: Tree) -> PathFilter:
    """Return the filter that dpkg will have too."""
    folder = b"etc/dpkg/dpkg.cfg.d/"
    settings = [
        b"".join(pieces(node.content))
        for path, node in ours.nodes.items()
        if path.startswith(folder)
    ]
    return PathFilter(b"\n".join(settings).decode())
