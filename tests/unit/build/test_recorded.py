"""Whole builds, compared with what a real Docker Engine did and said (see `cases.py`)."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from lab.kernel.idmap import IdMap

from .cases import Case, Numbers, cases
from .fake import FakeBackend
from .helpers import Build, options_of

SUM = re.compile(r"[0-9a-f]{64}")


@pytest.mark.parametrize("case", list(cases()), ids=lambda case: case.name)
def test_build_says_and_makes_what_docker_does(
    case: Case, backend: FakeBackend, ids: IdMap, tmp_path: Path
) -> None:
    """Are messages, history and files those of a real engine, byte for byte but for ids?"""
    if case.chowns and os.geteuid() != 0:
        pytest.skip("only root may give files away")
    backend.runs = case.runs
    numbers = Numbers()
    before = backend.listed(backend.base_id)
    for number, each in enumerate(case.builds, 1):
        attempt = Build(backend, ids, tmp_path / "scratch")
        attempt.send(case.context(each), options_of(each.get("options", {})))
        assert numbers.messages(attempt.messages) == case.stream(number)
        assert not (tmp_path / "scratch").exists()
    history = case.text("history")
    if history is None:
        assert attempt.error is not None
        return
    image = backend.images[attempt.image]
    steps = [entry.created_by for entry in image.config.history]
    if case.own_sums:
        steps, history = [[SUM.sub("sum", step) for step in each] for each in (steps, history)]
    assert steps == history
    assert sorted(backend.listed(attempt.image) - before) == case.text("files")
