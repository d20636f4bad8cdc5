"""What layers hide of those below them."""

from __future__ import annotations

from typing import Any

from lab.widgets.waste import Waste


def entry(path: str, size: int = 0, change: str = "added", kind: str = "file") -> dict[str, Any]:
    return {"Path": path, "Kind": "" if change == "deleted" else kind, "Change": change,
            "Size": size, "Mode": 420}  # fmt: skip


def deleted(path: str) -> dict[str, Any]:
    return entry(path, change="deleted")


def folder(path: str, change: str = "added") -> dict[str, Any]:
    return entry(path, change=change, kind="directory")


class Engine:
    """Tells the files of layers, and remembers for which it was asked."""

    def __init__(self, *layers: list[dict[str, Any]], truncated: bool = False) -> None:
        self.layers = layers
        self.truncated = truncated
        self.asked: list[str] = []

    def files(self, chain: str, limit: int) -> dict[str, Any]:
        self.asked.append(chain)
        return {"Entries": self.layers[int(chain)][:limit], "Truncated": self.truncated}


def hidden(*layers: list[dict[str, Any]]) -> dict[str, Any]:
    return Waste(Engine(*layers).files).of([str(number) for number in range(len(layers))])


def test_a_deleted_file_is_hidden() -> None:
    """Is a file that the next layer deletes told, with its bytes and its layer, and no other?"""
    found = hidden([entry("/big", 500), entry("/kept", 1)], [deleted("/big"), entry("/new", 9)])
    assert found == {"1": {"bytes": 500, "files": [["/big", 500, 1]], "more": 0, "at_least": False}}


def test_a_file_written_twice_is_hidden_once_each() -> None:
    """Does each layer hide just the version that was seen below it?"""
    found = hidden([entry("/page", 100)], [entry("/page", 20, "changed")], [], [deleted("/page")])
    assert {chain: each["files"] for chain, each in found.items()} == {
        "1": [["/page", 100, 1]],
        "3": [["/page", 20, 2]],
    }


def test_a_deleted_folder_hides_what_was_in_it() -> None:
    """Are all files below it counted, from all layers, and not what had been deleted before?"""
    found = hidden(
        [folder("/a"), entry("/a/one", 1), entry("/a/two", 2), entry("/ab", 64)],
        [folder("/a", "changed"), entry("/a/three", 4), deleted("/a/two")],
        [deleted("/a")],
    )
    assert found["1"]["bytes"] == 2
    assert sorted(found["2"]["files"]) == [["/a/one", 1, 1], ["/a/three", 4, 2]]


def test_a_folder_that_came_again_is_another_one() -> None:
    """Is what was deleted once not hidden a second time by the new folder's end?"""
    found = hidden(
        [folder("/a"), entry("/a/one", 1)],
        [deleted("/a")],
        [folder("/a"), entry("/a/new", 8)],
        [deleted("/a")],
    )
    assert {chain: each["bytes"] for chain, each in found.items()} == {"1": 1, "3": 8}


def test_nothing_is_asked_twice_and_large_layers_are_a_least() -> None:
    """Is a layer, which never changes, looked at once; and a cut list said to be one?"""
    engine = Engine([entry("/x", 1)], [deleted("/x")], truncated=True)
    waste = Waste(engine.files)
    assert waste.of(["0", "1"])["1"]["at_least"]
    assert waste.of(["0", "1"])["1"]["bytes"] == 1
    assert engine.asked == ["0", "1"]
