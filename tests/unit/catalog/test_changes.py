"""Tests of layers: the base with the layer on it is the tree that was wanted."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lab.catalog.changes import changes
from lab.catalog.tree import Node, Tree
from lab.image.tar import Kind, Member

from .helpers import shown


def tree_of(files: dict[str, str]) -> Tree:
    tree = Tree()
    for path, content in files.items():
        tree.file(path, content.encode())
    return tree


def linked(tree: Tree, path: str, target: str) -> Tree:
    node = Node(Member(b"", Kind.HARDLINK, link=target.encode()))
    return Tree(tree.nodes | {path.encode(): node})


def test_only_what_changed() -> None:
    """Does a layer hold the changed file with its folders, and nothing else?"""
    before = tree_of({"etc/a": "1", "etc/b": "2", "usr/c": "3"})
    after = tree_of({"etc/a": "1", "etc/b": "changed", "usr/c": "3"})
    assert shown(changes(before, after)) == {"etc": "/", "etc/b": "changed"}


def test_time_alone_is_no_change() -> None:
    """Is a file that was only touched left out?"""
    before = tree_of({"etc/a": "1"})
    assert not changes(before, before.dated(99)).nodes


def test_mode_and_owner_are_changes() -> None:
    """Is a file in the layer that only got another mode or owner?"""
    before = tree_of({"a": "1", "b": "2"})
    after = tree_of({"a": "1", "b": "2"})
    after.file("a", b"1", 0o600)
    after.nodes[b"b"] = Node(after.nodes[b"b"].member._replace(uid=33), b"2")
    assert {"a", "b"} == set(shown(changes(before, after)))


def test_removed_folder_is_one_whiteout() -> None:
    """Is a folder that is gone hidden as one, not file by file?"""
    before = tree_of({"var/www/a": "1", "var/www/b": "2", "var/keep": "3"})
    after = tree_of({"var/keep": "3"})
    assert shown(changes(before, after)) == {"var": "/", "var/.wh.www": ""}


def test_new_link_to_an_old_file() -> None:
    """Is a hard link to a file of a lower layer, which a layer cannot hold, a file of its own?"""
    before = tree_of({"bin/a": "program"})
    layer = changes(before, linked(before, "bin/b", "bin/a"))
    assert shown(layer) == {"bin": "/", "bin/b": "program"}
    assert Kind.FILE is layer.nodes[b"bin/b"].member.kind


def test_changed_file_with_links() -> None:
    """Do the hard links of a changed file come with it?"""
    before = linked(tree_of({"bin/a": "one"}), "bin/b", "bin/a")
    after = linked(tree_of({"bin/a": "two"}), "bin/b", "bin/a")
    layer = changes(before, after)
    assert shown(layer) == {"bin": "/", "bin/a": "two", "bin/b": "two"}
    assert Kind.HARDLINK is layer.nodes[b"bin/b"].member.kind


TREES = st.dictionaries(
    st.lists(st.sampled_from("abc"), min_size=1, max_size=3).map("/".join),
    st.sampled_from(["", "x", "y"]),
    max_size=6,
).map(
    lambda files: tree_of(
        {p: c for p, c in files.items() if not any(o.startswith(p + "/") for o in files)}
    )
)


@given(TREES, TREES)
def test_layer_leads_from_one_to_the_other(before: Tree, after: Tree) -> None:
    """Is the base with the layer on it the wanted tree, whatever the two are?"""
    assert shown(after) == shown(before.with_layer(changes(before, after)))
