"""What a layer must hold to lead from one file system to the next.

Source: OCI image-spec, layer.md.
"""

from __future__ import annotations

from lab.catalog.tree import Node, Tree, linked_file, parents, pieces
from lab.image.tar import WHITEOUT_PREFIX, Kind, Member


def changes(before: Tree, after: Tree) -> Tree:
    """Return the layer: what is new or different, whiteouts for what is gone.

    A time of change alone is no difference.  Directories above an entry come with it.
    """
    fresh = {path for path in after.nodes if _differs(before, after, path)}
    gone = {
        path
        for path in before.nodes
        if path not in after.nodes and not any(p not in after.nodes for p in parents(path))
    }
    layer = {path: _node(after, path, fresh) for path in fresh}
    for path in gone:
        folder, slash, name = path.rpartition(b"/")
        layer[folder + slash + WHITEOUT_PREFIX + name] = Node(Member(b"", Kind.FILE, mode=0o600))
    above = {parent for path in fresh | gone for parent in parents(path)}
    return Tree({path: after.nodes[path] for path in above if path in after.nodes} | layer)


def _node(after: Tree, path: bytes, fresh: set[bytes]) -> Node:
    """Return the entry; a link to a file of a lower layer becomes a file of its own."""
    node = after.nodes[path]
    if node.member.kind is Kind.HARDLINK and node.member.link not in fresh:
        return linked_file(after.nodes, path)
    return node


def _differs(before: Tree, after: Tree, path: bytes) -> bool:
    if path not in before.nodes:
        return True
    old, new = linked_file(before.nodes, path), linked_file(after.nodes, path)
    if _plain(old.member) != _plain(new.member):
        return True
    return new.member.kind is Kind.FILE and b"".join(pieces(old.content)) != b"".join(
        pieces(new.content)
    )


def _plain(member: Member) -> Member:
    """Return the member without what does not count as a difference."""
    return member._replace(name=b"", mtime_ns=0, xattrs=dict(member.xattrs))
