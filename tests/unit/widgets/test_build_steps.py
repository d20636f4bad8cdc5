"""From builds as the extension tells them to what is drawn."""

from __future__ import annotations

from typing import Any

from lab.widgets import build_steps


def step(number: int, text: str, hit: bool = True, changed: str = "") -> dict[str, Any]:
    return {
        "Step": number,
        "Line": number,
        "Text": text,
        "Hit": hit,
        "Changed": changed,
        "Reason": "",
        "Details": [],
        "Image": "",
    }


def build(
    number: int, *steps: dict[str, Any], tag: str = "shop:1", ended: int = 0
) -> dict[str, Any]:
    return {
        "Number": number,
        "StartedNano": 10**9,
        "EndedNano": ended,
        "Tags": [f"docker.io/library/{tag}"],
        "Error": "",
        "Steps": list(steps),
    }


def test_a_build_counts_its_hits_and_its_time() -> None:
    """Are steps from the cache counted, the name short, and an unfinished build without a time?"""
    (drawn,) = build_steps.draw(
        [build(7, step(2, "WORKDIR /a"), step(3, "RUN x", False, "parent"), ended=3 * 10**9)], ()
    )
    assert (drawn["hits"], drawn["seconds"], drawn["tags"]) == (1, 2.0, ["shop:1"])
    assert build_steps.draw([build(8)], ())[0]["seconds"] is None


def test_builds_of_some_names_only() -> None:
    """Does a name without a tag mean all of its tags?"""
    builds = [build(1, tag="shop:1"), build(2, tag="shop:2"), build(3, tag="other:1")]
    assert [each["number"] for each in build_steps.draw(builds, ["shop"])] == [1, 2]
    assert [each["number"] for each in build_steps.draw(builds, ["other:1"])] == [3]


def test_what_a_change_costs() -> None:
    """Are a step and all after it in its stage done anew, and nothing before?"""
    (drawn,) = build_steps.draw([build(1, *(step(n, f"RUN {n}") for n in (2, 3, 4)))], ())
    assert drawn["steps"][1]["rebuilt"] == {"3": "yes", "4": "yes"}
    assert drawn["steps"][2]["rebuilt"] == {"4": "yes"}


def test_stages_that_copy_from_another_one() -> None:
    """Where a later stage copies from a stage, are its steps from there on perhaps done anew?"""
    steps = [
        step(2, "RUN make"),
        step(4, "ENV A=1"),
        step(5, "COPY --from=make /x /x"),
        step(6, "CMD x"),
        step(8, "RUN alone"),
    ]
    (drawn,) = build_steps.draw([build(1, *steps)], ())
    assert [each["stage"] for each in drawn["steps"]] == [0, 1, 1, 1, 2]
    assert drawn["steps"][0]["rebuilt"] == {"2": "yes", "5": "maybe", "6": "maybe"}
    assert drawn["steps"][4]["rebuilt"] == {"8": "yes"}
    assert build_steps.rebuilt(drawn["steps"], 99) == {}
