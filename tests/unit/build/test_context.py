"""Paths in the build context."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.build.context import Context, Entry, Kind
from lab.errors import BuildError


@pytest.mark.parametrize("path", ["..", "../a", "a/../..", "a/../../b"])
def test_path_that_leads_out_is_forbidden(path: str, tmp_path: Path) -> None:
    """Is `COPY ../x` refused in Docker's words?"""
    with pytest.raises(BuildError) as caught:
        Context(tmp_path).resolve(path)
    assert caught.value.message == f"forbidden path outside the build context: {path} ()"


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    """Is a loop of links an error?"""
    context = Context(tmp_path)
    context.put("a", Entry(Kind.LINK, 0o777, target="b"))
    context.put("b", Entry(Kind.LINK, 0o777, target="a"))
    with pytest.raises(BuildError, match="forbidden path"):
        context.resolve("a/x")


PARTS = st.lists(st.sampled_from(["a", "b", "..", ".", "", "/"]), max_size=6).map("/".join)


@given(st.dictionaries(st.sampled_from(["a", "b", "a/b"]), PARTS), PARTS)
def test_resolved_paths_never_lead_out(links: dict[str, str], path: str) -> None:
    """Whatever links there are, is the result a clean path inside, without links?"""
    context = Context(Path("unused"))
    for name in sorted(links):
        context.put(name, Entry(Kind.LINK, 0o777, target=links[name]))
    try:
        resolved = context.resolve(path)
    except BuildError:
        return
    parts = resolved.split("/")
    assert resolved == "" or not {"", ".", ".."}.intersection(parts)
    for count in range(1, len(parts) + 1):
        entry = context.get("/".join(parts[:count]))
        assert entry is None or entry.kind is not Kind.LINK
