"""The explorer on real images and snapshots: layers, their files, what containers write."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from lab.engine import explore as explorers
from lab.engine.containers import Containers
from lab.engine.explore import Explorer, WritableLayer
from lab.errors import InvalidParameter, NotFound
from lab.image.changes import ChangeKind
from lab.image.store import Image
from lab.oci.image_config import ContainerConfig, ImageConfig
from lab.oci.reference import Reference

from .image_parts import Parts

A, C, D = ChangeKind.ADDED, ChangeKind.MODIFIED, ChangeKind.DELETED


class Known(dict[str, Any]):
    """Containers by name, in place of lab.engine.containers."""

    def get(self, text: str) -> Any:  # type: ignore[override]
        if text not in self:
            raise NotFound(f"No such container: {text}")
        return self[text]


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[Parts]:
    made = Parts(tmp_path)
    yield made
    made.close()


@pytest.fixture
def known() -> Known:
    return Known()


@pytest.fixture
def explorer(parts: Parts, known: Known) -> Iterator[Explorer]:
    made = Explorer(parts.store, parts.snapshots, cast(Containers, known))
    yield made
    made.close()


@pytest.fixture
def base(parts: Parts) -> Image:
    return parts.image({"etc": None, "etc/issue": b"hello", "etc/old": b"x", "bin": None})


def container(parts: Parts, known: Known, image: Image | None) -> Path:
    """Make a container `c`; return the folder of its writable layer."""
    parts.snapshots.prepare("c", parts.layers.container_parent(image))
    record = SimpleNamespace(image=str(image.id) if image else "")
    known["c"] = SimpleNamespace(id="c", record=record)
    return parts.snapshots.upper("c")


def told(files: Any) -> list[tuple[str, ChangeKind, str, int]]:
    return [(file.path, file.change, file.kind, file.size) for file in files.files]


def test_history_is_told_step_by_step(parts: Parts, explorer: Explorer, base: Image) -> None:
    """Are layers numbered from the base, and settings without a number between them?"""
    settings = parts.image(parent=base)
    top = parts.image({"app": b"12345"}, parent=settings)
    parts.store.tag(Reference.parse("app:1"), top.id)
    found = asyncio.run(explorer.layers("app:1"))
    assert [(step.number, step.created_by, step.size) for step in found.steps] == [
        (1, "COPY ['bin', 'etc', 'etc/issue', 'etc/old']", 6),
        (0, "CMD", 0),
        (2, "COPY ['app']", 5),
    ]
    assert found.names == ("app:1",)
    assert found.steps[0].chain_id == found.steps[0].diff_id
    assert found.steps[2].chain_id != found.steps[2].diff_id
    assert found.steps[2].digest == str(top.layers[1].digest)


def test_who_shares_a_layer(parts: Parts, explorer: Explorer, base: Image) -> None:
    """Are sharers named by tag, dangling images by id, and the steps of builds left out?"""
    one, two = parts.image({"a": b"1"}, parent=base), parts.image({"b": b"2"}, parent=base)
    parts.store.tag(Reference.parse("one"), one.id)
    bottom, top = asyncio.run(explorer.layers("one")).steps
    assert bottom.shared_with == (two.id.short,)
    assert top.shared_with == ()
    parts.store.tag(Reference.parse("base"), base.id)
    assert set(asyncio.run(explorer.layers("one")).steps[0].shared_with) == {
        "base:latest",
        two.id.short,
    }


def test_same_layer_on_another_base_is_not_shared(parts: Parts, explorer: Explorer) -> None:
    """Is a layer shared only together with all below it?"""
    one = parts.image({"first": b"1"}, {"same": b"s"})
    parts.image({"second": b"2"}, {"same": b"s"})
    steps = asyncio.run(explorer.layers(str(one.id))).steps
    assert [step.shared_with for step in steps] == [(), ()]


def test_layers_that_the_history_does_not_mention(parts: Parts, explorer: Explorer) -> None:
    """Is an image whose configuration has no history told by its layers alone?"""
    made = parts.image({"a": b"1"}, {"b": b"22"})
    config = ImageConfig("amd64", "linux", ContainerConfig(), made.config.diff_ids)
    bare = parts.store.add(config.to_bytes(), made.layers, made.size)
    steps = asyncio.run(explorer.layers(str(bare.id))).steps
    assert [(step.number, step.created_by, step.size) for step in steps] == [(1, "", 1), (2, "", 2)]


def test_image_without_layers(parts: Parts, explorer: Explorer) -> None:
    """Has an image of settings alone no layers?"""
    steps = asyncio.run(explorer.layers(str(parts.image().id))).steps
    assert [step.number for step in steps] == [0]


def test_files_of_layers(parts: Parts, explorer: Explorer, base: Image) -> None:
    """Does a layer tell what it adds, changes and deletes, compared with those below?"""
    top = parts.image(
        {"etc": None, "etc/issue": b"longer text", "etc/.wh.old": b"", "new": b"1"}, parent=base
    )
    steps = asyncio.run(explorer.layers(str(top.id))).steps
    first = asyncio.run(explorer.files(steps[0].chain_id, "/", 100))
    assert [(path, change) for path, change, _, _ in told(first)] == [
        ("/bin", A),
        ("/etc", A),
        ("/etc/issue", A),
        ("/etc/old", A),
    ]
    second = asyncio.run(explorer.files(steps[1].chain_id, "/", 100))
    assert told(second) == [
        ("/etc", C, "directory", 0),
        ("/etc/issue", C, "file", 11),
        ("/etc/old", D, "", 0),
        ("/new", A, "file", 1),
    ]
    assert second.size == 12


def test_part_of_a_layers_files(parts: Parts, explorer: Explorer, base: Image) -> None:
    """Do path and limit choose, a name that only begins alike not, and is the rest counted?"""
    image = parts.image({"etc2": b"", "etc": None, "etc/a": b"1", "etc/b": b"2"}, parent=base)
    chain = asyncio.run(explorer.layers(str(image.id))).steps[1].chain_id
    found = asyncio.run(explorer.files(chain, "/etc/", 1))
    assert (len(found.files), found.total, found.truncated) == (1, 2, True)
    whole = asyncio.run(explorer.files(chain, "/etc", 10))
    assert [file.path for file in whole.files] == ["/etc", "/etc/a", "/etc/b"]
    assert asyncio.run(explorer.files(chain, "/", 0)).total == 4


@pytest.mark.parametrize(
    ("chain", "path", "limit", "error"),
    [
        ("sha256:" + "0" * 64, "/", 1, NotFound),
        ("sha256:12", "/", 1, InvalidParameter),
        ("../../etc", "/", 1, InvalidParameter),
        ("sha256:" + "0" * 64, "etc", 1, InvalidParameter),
        ("sha256:" + "0" * 64, "/", explorers.MAX_FILES + 1, InvalidParameter),
    ],
)
def test_files_refused(
    explorer: Explorer, chain: str, path: str, limit: int, error: type[Exception]
) -> None:
    """Are unknown layers and malformed questions refused?"""
    with pytest.raises(error):
        asyncio.run(explorer.files(chain, path, limit))


def test_what_a_container_wrote(
    parts: Parts, explorer: Explorer, known: Known, base: Image
) -> None:
    """Are its changes told with sizes, upon the image's own topmost layer?"""
    upper = container(parts, known, base)
    (upper / "made").write_text("12345")
    (upper / "link").hardlink_to(upper / "made")
    found = asyncio.run(explorer.written("c"))
    assert told(found.files) == [("/link", A, "file", 5), ("/made", A, "hardlink", 0)]
    assert found.files.size == 5
    assert found.chain_id == asyncio.run(explorer.layers(str(base.id))).steps[0].chain_id
    assert [change.path for change in asyncio.run(explorer.diff("c"))] == ["/link", "/made"]


def test_container_of_the_empty_image(parts: Parts, explorer: Explorer, known: Known) -> None:
    """Has it no layer below?"""
    container(parts, known, None)
    assert asyncio.run(explorer.written("c")).chain_id == ""


def test_container_that_is_not_there(explorer: Explorer) -> None:
    """Is it NotFound, whichever way one asks?"""
    for ask in (explorer.written, explorer.diff):
        with pytest.raises(NotFound):
            asyncio.run(ask("nobody"))  # type: ignore[arg-type]
    with pytest.raises(NotFound):
        asyncio.run(anext(explorer.follow("nobody")))  # type: ignore[arg-type]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explorers, "_PAUSE", 0.001)


async def next_state(states: AsyncGenerator[WritableLayer | None, None]) -> WritableLayer:
    async for state in states:
        if state is not None:
            return state
    raise AssertionError("the stream ended")


@pytest.mark.usefixtures("quick")
def test_follower_sees_each_new_state(
    parts: Parts, explorer: Explorer, known: Known, base: Image
) -> None:
    """Does it get the present state, then one for each change, and None for none?"""
    upper = container(parts, known, base)

    async def follow() -> None:
        states = explorer.follow("c")
        assert (await next_state(states)).files.files == ()
        assert await anext(states) is None
        (upper / "a").write_text("1")
        assert [file.path for file in (await next_state(states)).files.files] == ["/a"]
        (upper / "a").write_text("22")
        assert (await next_state(states)).files.size == 2
        (upper / "a").unlink()
        assert (await next_state(states)).files.files == ()
        await states.aclose()

    asyncio.run(follow())


@pytest.mark.usefixtures("quick")
def test_follower_ends_with_the_container(
    parts: Parts, explorer: Explorer, known: Known, base: Image
) -> None:
    """Does the stream end, without an error, when the container is removed?"""
    container(parts, known, base)

    async def follow() -> list[WritableLayer | None]:
        states = explorer.follow("c")
        await anext(states)
        del known["c"]
        parts.snapshots.remove("c")
        return [state async for state in states]

    assert asyncio.run(follow()) == []


def test_follower_ends_with_the_explorer(
    parts: Parts, explorer: Explorer, known: Known, base: Image
) -> None:
    """Does it end at once when the engine stops, although it is between two looks?"""
    container(parts, known, base)

    async def follow() -> list[WritableLayer | None]:
        states = explorer.follow("c")
        await anext(states)
        asyncio.get_running_loop().call_soon(explorer.close)
        return [state async for state in states]

    assert asyncio.run(follow()) == []


def test_followers_share_their_looks(
    parts: Parts,
    explorer: Explorer,
    known: Known,
    base: Image,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Do twenty who ask at the same time cost one look?"""
    container(parts, known, base)
    looks: list[Path] = []
    look = explorers.fingerprint
    monkeypatch.setattr(explorers, "fingerprint", lambda upper: looks.append(upper) or look(upper))

    async def ask() -> None:
        states = [explorer.follow("c") for _ in range(20)]
        found = await asyncio.gather(*(anext(each) for each in states))
        assert len({id(state) for state in found}) == 1
        for each in states:
            await each.aclose()

    asyncio.run(ask())
    assert len(looks) == 1
