"""Which steps are taken from the cache, and what is told about those that are not."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

from lab.build.cache import MAX_FILES, Candidate, Reason, StepRecord, explain, find
from lab.oci.image_config import ContainerConfig

from .helpers import Build

Run = Callable[..., Build]

DOCKERFILE = "FROM base:1\nENV A=1\nCOPY app /app\nRUN make\n"
FILES = {"app/x.py": "1", "app/y.py": "1"}


def reasons(build: Build) -> list[tuple[str, tuple[str, ...]]]:
    return [(decision.reason.name, decision.details) for decision in build.decisions]


def test_first_build_is_new_and_the_second_all_cached(build: Run) -> None:
    """Is the same build a second time taken from the cache, image and all?"""
    first = build(DOCKERFILE, FILES)
    second = build(DOCKERFILE, FILES)
    assert reasons(first) == [("NEW", ()), ("PARENT", ()), ("PARENT", ())]
    assert reasons(second) == [("HIT", ())] * 3
    assert second.image == first.image == second.decisions[-1].image
    assert [decision.line for decision in second.decisions] == [2, 3, 4]


def test_changed_file_is_named(build: Run) -> None:
    """Does a miss say which files changed, and later steps that their parent did?"""
    build(DOCKERFILE, {**FILES, "app/old": "1"})
    again = build(DOCKERFILE, {**FILES, "app/x.py": "2", "app/new": "1"})
    told = ("app/new added", "app/old removed", "app/x.py changed")
    assert reasons(again) == [("HIT", ()), ("FILES", told), ("PARENT", ())]


def test_changed_instruction_is_told_with_the_earlier_one(build: Run) -> None:
    """Does a miss say what stood there before?"""
    build(DOCKERFILE, FILES)
    again = build(DOCKERFILE.replace("A=1", "A=2"), FILES)
    assert reasons(again)[0] == ("INSTRUCTION", ("ENV A=1",))


def test_changed_build_argument_misses_where_it_is_used(build: Run) -> None:
    """Does the same text with another argument miss, and say why?"""
    text = "FROM base:1\nARG V\nRUN make\n"
    build(text, build_args={"V": "1"})
    again = build(text, build_args={"V": "2"})
    assert reasons(again) == [("HIT", ()), ("ARGS", ("V changed",))]


def test_going_back_finds_the_earlier_image(build: Run) -> None:
    """Does changing a file there and back again hit?"""
    first = build(DOCKERFILE, FILES)
    build(DOCKERFILE, {**FILES, "app/x.py": "2"})
    assert build(DOCKERFILE, FILES).image == first.image


def test_no_cache_looks_at_nothing(build: Run) -> None:
    """Is every step done again?"""
    build(DOCKERFILE, FILES)
    again = build(DOCKERFILE, FILES, no_cache=True)
    assert reasons(again) == [("NO_CACHE", ())] * 3


def test_arguments_of_a_command_are_not_confused(build: Run) -> None:
    """Do commands that only look alike in the history miss?"""
    build('FROM base:1\nRUN ["echo", "a b"]\n')
    assert not build('FROM base:1\nRUN ["echo", "a", "b"]\n').decisions[0].hit


def test_record_survives_storage() -> None:
    """Is a record the same after JSON, and its key after nothing else?"""
    record = StepRecord.of("COPY a b", ["sh", "x"], ContainerConfig(env=("A=1",)), {"a": "1"})
    assert StepRecord.from_json(json.loads(json.dumps(record.to_json()))) == record
    other = StepRecord.of("COPY a b", ["sh", "x"], ContainerConfig(env=("A=2",)), {"a": "1"})
    assert other.key != record.key


def test_record_of_very_many_files_lists_none() -> None:
    """Does the key still tell the difference when the list is left out?"""
    files = {str(number): "1" for number in range(MAX_FILES + 1)}
    one = StepRecord.of("COPY", [], ContainerConfig(), files)
    two = StepRecord.of("COPY", [], ContainerConfig(), {**files, "0": "2"})
    assert one.files == {} and one.key != two.key
    assert explain(two, [Candidate("image", "1", one)]) == (Reason.FILES, ())


def test_same_files_to_another_place_are_no_changed_files(build: Run) -> None:
    """Is a COPY that misses for another reason than its files told so?"""
    text = "FROM base:1\nARG W\nCOPY app $W\n"
    build(text, FILES, build_args={"W": "/a"})
    again = build(text, FILES, build_args={"W": "/b"})
    assert [reason for reason, _ in reasons(again)] == ["HIT", "INPUTS"]


def test_newest_of_equal_candidates_wins() -> None:
    """Is the latest image taken, and the latest one explained?"""
    record = StepRecord("RUN a", "a", "key")
    candidates = [
        Candidate(image, created, record) for image, created in (("new", "2"), ("old", "1"))
    ]
    found = find(record, candidates)
    assert found is not None and found.image == "new"
    changed = replace(record, text="RUN b", key="other")
    assert explain(changed, candidates) == (Reason.INSTRUCTION, ("RUN a",))
