"""Steps of images that are a program and little else.

Busybox   one static program under all its names
Program   an executable of a few hundred bytes
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lab.catalog.bootstrap import PathFilter, unpacked
from lab.catalog.elf import text_program
from lab.catalog.steps import FILES, Bench, Stage, archives, with_layer
from lab.catalog.tree import Tree, read_folder


@dataclass(frozen=True, slots=True)
class Busybox:
    """A whole system in one static program, which a link for each of its names leads to."""

    package: str
    folder: str
    text: str = "COPY busybox /bin/ # and a link for each of its commands"

    @property
    def sources(self) -> tuple[Path, ...]:
        return (FILES / self.folder,)

    @property
    def needs(self) -> tuple[str, ...]:
        return (self.package,)

    def make(self, bench: Bench, stage: Stage) -> tuple[Tree, Stage]:
        package = bench.packages[self.package]
        content = unpacked(package, Tree(), PathFilter("")).nodes[b"bin/busybox"].content
        layer = read_folder(FILES / self.folder)
        layer.file("bin/busybox", content, 0o755)
        for folder in (
            "dev",
            "home",
            "proc",
            "run",
            "sys",
            "usr/bin",
            "usr/sbin",
            "var/spool/mail",
        ):
            layer.directory(folder)
        for folder, mode in (("root", 0o700), ("tmp", 0o1777), ("var/www", 0o755)):
            layer.directory(folder, mode)
        for name in self._commands(bench, layer):
            layer.symlink(f"bin/{name}", "busybox")
        layer.symlink("usr/bin/env", "../../bin/env")
        stage = Stage(Tree(), (package,), package.built)
        return with_layer(stage, layer.dated(stage.date))

    def _commands(self, bench: Bench, layer: Tree) -> list[str]:
        """Ask the program itself, which also proves that it runs."""
        rootfs = archives(layer, Tree())
        with bench.engine.container(rootfs, ["/bin/busybox", "--list"], {}) as run:
            return [name for name in run.lines() if name and name != "busybox"]


@dataclass(frozen=True, slots=True)
class Program:
    """A program that only writes a text, which is a file in `files/`."""

    path: str
    message: str
    date: int
    needs: tuple[str, ...] = ()

    @property
    def sources(self) -> tuple[Path, ...]:
        return (FILES / self.message,)

    @property
    def text(self) -> str:
        return f"COPY {Path(self.path).name} /"

    def make(self, bench: Bench, stage: Stage) -> tuple[Tree, Stage]:
        message = (FILES / self.message).read_text(encoding="utf-8")
        layer = Tree()
        layer.file(self.path, text_program(bench.release.architecture, message), 0o755)
        return with_layer(Stage(date=self.date), layer.dated(self.date))
