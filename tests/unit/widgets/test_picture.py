"""What is drawn: towers of shared layers, containers, and what they wrote."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from lab.widgets.history import Step
from lab.widgets.picture import MAX_CHANGES, Shown, containers, short_names, towers, written


def image(name: str, *chains: str) -> Shown:
    """An image of layers with these chain ids, each of ten bytes, and a step of settings."""
    steps = [
        Step(number, f"RUN {chain}", "", chain, chain, 10) for number, chain in enumerate(chains, 1)
    ]
    return Shown(f"id-{name}", (f"{name}:latest",), (*steps, Step(0, "CMD x", "")))


def sketch(tower: dict[str, Any]) -> Any:
    """A tower as nested tuples: its chain, the images that end there, and what stands on it."""
    return (
        tower["chain"],
        [each["names"][0] for each in tower["images"]],
        [sketch(above) for above in tower["above"]],
    )


def test_shared_layers_are_drawn_once() -> None:
    """Do two images on one base make one tower, with each image's own layers side by side?"""
    drawn = towers([image("nginx", "base", "n1", "n2"), image("debian", "base"), image("x", "z")])
    assert [sketch(tower) for tower in drawn] == [
        ("base", ["debian:latest"], [("n1", [], [("n2", ["nginx:latest"], [])])]),
        ("z", ["x:latest"], []),
    ]


def test_owners_of_a_layer() -> None:
    """Does each layer know all images that have it?"""
    base = towers([image("a", "base", "a1"), image("b", "base", "b1"), image("c", "base")])[0]
    assert sorted(base["owners"]) == ["id-a", "id-b", "id-c"]
    assert [above["owners"] for above in base["above"]] == [["id-a"], ["id-b"]]


def test_image_without_layers() -> None:
    """Does an image of settings alone stand by itself?"""
    (tower,) = towers([image("scratch")])
    assert tower["number"] == 0
    assert [each["id"] for each in tower["images"]] == ["id-scratch"]


def test_unknown_size_stays_unknown() -> None:
    """Is an image's size unknown if one layer's is, rather than too small?"""
    shown = Shown("id", ("a",), (Step(1, "", "", "x", "x", None), Step(2, "", "", "y", "y", 3)))
    assert towers([shown])[0]["above"][0]["images"][0]["size"] is None
    assert towers([image("a", "x", "y")])[0]["above"][0]["images"][0]["size"] == 20


@given(st.lists(st.lists(st.sampled_from("abc"), max_size=4), max_size=6))
def test_every_layer_and_image_is_drawn_exactly_once(stacks: list[list[str]]) -> None:
    """Whatever images share, is each distinct layer and each image in the picture once?"""
    images = []
    for number, stack in enumerate(stacks):
        chains = ["/".join(stack[: depth + 1]) for depth in range(len(stack))]
        images.append(image(str(number), *chains))
    chains_drawn: list[str] = []
    images_drawn: list[str] = []

    def visit(tower: dict[str, Any]) -> None:
        if tower["number"]:
            chains_drawn.append(tower["chain"])
        images_drawn.extend(each["id"] for each in tower["images"])
        for above in tower["above"]:
            visit(above)

    for tower in towers(images):
        visit(tower)
    wanted = {step.chain for each in images for step in each.steps if step.number}
    assert sorted(chains_drawn) == sorted(wanted)
    assert sorted(images_drawn) == sorted(each.id for each in images)


def listed(name: str, image_id: str, state: str = "running") -> dict[str, Any]:
    return {"Id": f"id-{name}", "Names": [f"/{name}"], "ImageID": image_id, "State": state}


def test_containers_of_the_shown_images() -> None:
    """Are only those listed, oldest first, with the word of their state?"""
    answer = [listed("c", "i2"), listed("b", "i1", "exited"), listed("a", "i1", "paused")]
    assert containers(answer, ["i1"]) == [
        {"id": "id-a", "name": "a", "image": "i1", "status": "paused", "running": True},
        {"id": "id-b", "name": "b", "image": "i1", "status": "exited", "running": False},
    ]


def test_container_with_links_or_without_a_name() -> None:
    """Is its own name taken, not that of a link, and its id if it has none (being removed)?"""
    linked = {**listed("db", "i1"), "Names": ["/web/database", "/db"]}
    nameless = {**listed("x", "i1"), "Id": "0123456789abcdef", "Names": None}
    assert [each["name"] for each in containers([nameless, linked], ["i1"])] == [
        "db",
        "0123456789ab",
    ]


def test_written_counts_all_and_lists_some() -> None:
    """Are all changes counted by kind, and only the first listed?"""
    changes = [{"Path": f"/{n}", "Kind": n % 3, "Size": n} for n in range(300)]
    drawn = written({"Size": 9, "Changes": changes, "Truncated": False})
    assert drawn["counts"] == [100, 100, 100]
    assert drawn["changes"][1] == [1, "/1", 1]
    assert len(drawn["changes"]) == MAX_CHANGES
    assert drawn["truncated"]


def test_written_without_sizes() -> None:
    """On a Docker Engine, which tells no sizes, are they unknown?"""
    drawn = written({"Size": None, "Changes": [{"Path": "/a", "Kind": 1}], "Truncated": False})
    assert drawn["changes"] == [[1, "/a", None]]
    assert (drawn["size"], drawn["truncated"]) == (None, False)


def test_names() -> None:
    """Is `latest` first, and Docker's `<none>` no name?"""
    assert short_names(["nginx:1.22", "nginx:latest", "web:1"]) == (
        "nginx:latest",
        "nginx:1.22",
        "web:1",
    )
    assert short_names(["<none>:<none>"]) == ()
    assert short_names(None) == ()
