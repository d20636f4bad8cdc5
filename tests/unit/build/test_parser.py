"""Dockerfiles in `parsed`, and what the parser makes of each: add a folder, get a test.

A folder holds a Dockerfile, and `result` (a line for each node, then the warnings) or `error`
(the line's number and the message).
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.build.parser import MAX_LINE, parse
from lab.build.plan import BuildOptions, make_plan
from lab.errors import BuildError, LabError, Unsupported

FOLDERS = sorted((Path(__file__).parent / "parsed").iterdir())
PIECES = st.sampled_from(
    'FROM a|RUN|ENV a=b|COPY a b|LABEL|ARG|CMD|--chown=|# escape=`|["a"]|<<E'.split("|")
    + list("\\\n#$'\"`=[ é\x1c\0\r")
)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_parser_makes_these_nodes(folder: Path) -> None:
    """Are keyword, flags, arguments and line of every instruction as written down?"""
    content = (folder / "Dockerfile").read_bytes()
    try:
        parsed = parse(content)
    except (BuildError, Unsupported) as error:
        line = error.line if isinstance(error, BuildError) else 0
        assert f"{line} {error.message}\n" == (folder / "error").read_text()
        return
    lines = [
        json.dumps([node.line, node.keyword, node.flags, node.args, node.is_json, node.text])
        for node in parsed.nodes
    ]
    lines += [json.dumps(warning) for warning in parsed.warnings]
    assert lines == (folder / "result").read_text().splitlines()


def test_error_of_a_long_file_has_the_line_of_the_instruction() -> None:
    """Does an instruction of several lines report its first one?"""
    with pytest.raises(BuildError) as caught:
        parse(b"FROM a\n\n# x\nENV \\\n# y\nA\n")
    assert caught.value.line == 4


def test_longest_line_is_accepted() -> None:
    """Is a line of exactly the maximum read?"""
    line = b"RUN " + b"a" * (MAX_LINE - 4)
    assert len(parse(b"FROM a\n" + line).nodes[1].text) == MAX_LINE


@given(st.one_of(st.binary(), st.lists(PIECES).map("".join).map(str.encode)))
def test_whatever_the_text_only_our_errors_come_out(content: bytes) -> None:
    """Does every text become a plan, or a clear refusal?"""
    try:
        plan = make_plan(parse(content), BuildOptions())
    except LabError as error:
        assert error.message
    else:
        assert all(step.instruction.line > 0 for each in plan.stages for step in each.steps)
