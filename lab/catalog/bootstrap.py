"""The first file system: packages laid over each other, so that dpkg can run in the result.

dpkg then installs the same packages in it in earnest, with their scripts.  Debian's packages
still name files in `/bin` and `/lib`, which are links into `/usr` on every Debian system today.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase

from lab.catalog.deb import Package, files_of
from lab.catalog.tree import Node, Tree, entries, read_tree
from lab.image.tar import Kind
from lab.image.tar_writer import END

_MERGED = {"amd64": ("bin", "sbin", "lib", "lib64"), "arm64": ("bin", "sbin", "lib")}
"""Links to the folders of the same name in `/usr`.  Source: x86-64 ABI for lib64."""


class PathFilter:
    """dpkg's `path-exclude` and `path-include`: the last pattern that fits decides.

    Source: dpkg(1).  `settings` is the text of a file in `/etc/dpkg/dpkg.cfg.d`.
    """

    def __init__(self, settings: str) -> None:
        self._rules: list[tuple[bool, str]] = []
        for line in settings.splitlines():
            option, _, pattern = line.strip().partition("=")
            if option in ("path-exclude", "path-include"):
                self._rules.append((option == "path-include", pattern))

    def keeps(self, path: str) -> bool:
        """Say whether the file at `path` (absolute) is installed."""
        keep = True
        for includes, pattern in self._rules:
            if keep != includes and fnmatchcase(path, pattern):
                keep = includes
        return keep


def skeleton(architecture: str) -> Tree:
    """Return the links into `/usr`, and an empty database of dpkg."""
    tree = Tree()
    for name in _MERGED[architecture]:
        tree.directory(f"usr/{name}")
        tree.symlink(name, f"usr/{name}")
    for folder in ("info", "updates"):
        tree.directory(f"var/lib/dpkg/{folder}")
    tree.file("var/lib/dpkg/status", b"")
    return tree


def bootstrap(packages: Iterable[Package], start: Tree, path_filter: PathFilter) -> Iterator[bytes]:
    """Yield one archive of `start` and the packages' files; the first to name a path has it.

    Each package is read when its turn comes, so one at a time is in memory.
    """
    seen = set(start.nodes)
    yield from entries(start)
    for package in packages:
        fresh = unpacked(package, start, path_filter).nodes
        fresh = {path: node for path, node in fresh.items() if path not in seen}
        seen.update(fresh)
        yield from entries(Tree(fresh))
    yield END


def unpacked(package: Package, start: Tree, path_filter: PathFilter) -> Tree:
    """Return the files of a package at the places that the links in `start` lead to."""
    nodes: dict[bytes, Node] = {}
    for path, node in read_tree(files_of(package.path)).nodes.items():
        is_directory = node.member.kind is Kind.DIRECTORY
        if not is_directory and not path_filter.keeps("/" + path.decode("utf-8", "replace")):
            continue
        if node.member.kind is Kind.HARDLINK:
            node = node._replace(member=node.member._replace(link=_merged(node.member.link, start)))
        nodes[_merged(path, start)] = node
    return Tree(nodes)


def _merged(path: bytes, start: Tree) -> bytes:
    top, slash, rest = path.partition(b"/")
    node = start.nodes.get(top)
    if not slash or node is None or node.member.kind is not Kind.SYMLINK:
        return path
    return node.member.link + slash + rest
