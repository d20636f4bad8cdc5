"""What several layers, one upon the other, show together: overlay's view without a mount."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from lab.kernel import trees
from lab.kernel.trees import Node


class Shown(NamedTuple):
    """An entry of the common view: the node that is seen, and the layer that it comes from.

    `layers` are the layers whose directories are merged here, topmost first; for anything but a
    directory it is just `layer`.  Layers are numbered as in the stack.
    """

    node: Node
    layer: int
    layers: tuple[int, ...]


class Stack:
    """Layers in overlay's form, given as open directories, the topmost first."""

    def __init__(self, roots: Sequence[int]) -> None:
        self._roots = tuple(roots)

    @property
    def all(self) -> tuple[int, ...]:
        """The numbers of all layers: what is merged in the root directory."""
        return tuple(range(len(self._roots)))

    def root(self, layer: int) -> int:
        """Return the open directory of a layer."""
        return self._roots[layer]

    def children(self, path: bytes, layers: tuple[int, ...]) -> dict[bytes, Shown]:
        """Return what the directory `path` shows, by whole path, if `layers` are merged in it.

        Source: kernel docs, overlayfs, Merging of directories; Whiteouts and opaque directories.
        """
        shown: dict[bytes, Shown] = {}
        closed: set[bytes] = set()
        for layer in layers:
            for node in trees.scan(self._roots[layer], path):
                self._add(shown, closed, node, layer)
            if path and trees.is_opaque(self._roots[layer], path):
                break
        return shown

    def walk(self) -> Iterator[Shown]:
        """Yield everything that is shown, each directory before its content, siblings by name."""
        pending = [self._sorted(b"", self.all)]
        while pending:
            entry = next(pending[-1], None)
            if entry is None:
                pending.pop()
                continue
            yield entry
            if entry.node.is_directory:
                pending.append(self._sorted(entry.node.path, entry.layers))

    def _add(self, shown: dict[bytes, Shown], closed: set[bytes], node: Node, layer: int) -> None:
        """Lay one node of a lower layer under what is there; `closed` names admit nothing more."""
        if node.path in closed:
            return
        above = shown.get(node.path)
        if above is None:
            if not trees.is_whiteout(node.stat):
                shown[node.path] = Shown(node, layer, (layer,))
        elif node.is_directory:
            shown[node.path] = above._replace(layers=(*above.layers, layer))
        if not node.is_directory:
            closed.add(node.path)

    def _sorted(self, path: bytes, layers: tuple[int, ...]) -> Iterator[Shown]:
        return iter(sorted(self.children(path, layers).values()))
