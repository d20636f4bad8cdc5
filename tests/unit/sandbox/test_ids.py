"""Which ids a sandbox may use."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.errors import SandboxUnavailable
from lab.kernel.idmap import CONTAINER_IDS
from lab.sandbox import ids
from lab.sandbox.ids import IdPlan, IdRange, parse_ranges

SUBUID = """\
# a comment
alice:100000:65536
bob:165536:100

1000:300000:65536
alice:400000:65536:extra
alice:x:65536
carol: 500000:65536
"""


def test_ranges() -> None:
    """Are the ranges of a user found by name and by number, and other lines passed over?"""
    assert parse_ranges(SUBUID, ("alice", "1000")) == [
        IdRange(100000, 65536),
        IdRange(300000, 65536),
    ]
    assert parse_ranges(SUBUID, ("bob",)) == [IdRange(165536, 100)]
    assert parse_ranges(SUBUID, ("nobody",)) == []


@given(st.text(alphabet="ab:0123456789\n #", max_size=60))
def test_any_text(text: str) -> None:
    """Does any file give ranges that are ranges?"""
    for each in parse_ranges(text, ("a", "b")):
        assert each.start >= 0 and each.count >= 0


def test_a_range_in_another() -> None:
    """Does a range hold exactly those within it?"""
    whole = IdRange(10, 10)
    assert whole.holds(IdRange(10, 10)) and whole.holds(IdRange(15, 5))
    assert not whole.holds(IdRange(9, 5)) and not whole.holds(IdRange(15, 6))


def test_root_s_range() -> None:
    """Does root get ids that nobody has, also where it has fewer, and a refusal where too few?"""
    everything = [IdRange(0, (1 << 32) - 1)]
    assert ids._root_range(everything) == IdRange(ids.ROOT_RANGE_START, CONTAINER_IDS)
    assert ids._root_range([IdRange(0, 1), IdRange(1, 65536)]) == IdRange(1, CONTAINER_IDS)
    with pytest.raises(SandboxUnavailable, match="root has only 65536 ids here"):
        ids._root_range([IdRange(0, 65536)])


@pytest.mark.parametrize(
    ("plan", "sandbox", "container"),
    [
        (
            IdPlan(0, 0, IdRange(5000, 65536), IdRange(5000, 65536), 1),
            [[0, 0, 1], [1, 5000, 65536]],
            [[0, 5000, 65536]],
        ),
        (
            ids.guest_ids(1000, 1000),
            [[0, 1000, 1], [1, ids.ROOT_RANGE_START, 65536]],
            [[0, 1000, 1], [1, ids.ROOT_RANGE_START, 65535]],
        ),
    ],
)
def test_maps(
    plan: IdPlan,
    sandbox: list[list[int]],
    container: list[list[int]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Are the sandbox and containers given the ids that files on disk have, seen from outside?"""
    written: list[tuple[int, str, list[list[int]]]] = []
    monkeypatch.setattr(ids, "_write_map", lambda *given: written.append(given))
    plan.write(7)
    assert written == [(7, "uid", sandbox), (7, "gid", sandbox)]
    written.clear()
    plan.write_containers(7)
    assert written == [(7, "uid", container), (7, "gid", container)]
    assert all(sum(row[2] for row in rows) == CONTAINER_IDS for _, _, rows in written)


class TestUser:
    """What a normal user is told."""

    @pytest.fixture(autouse=True)
    def user(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setattr(ids.os, "getuid", lambda: 1000)
        monkeypatch.setattr(ids, "_user_name", lambda uid: "alice")
        monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
        real = Path
        monkeypatch.setattr(ids, "Path", lambda p: real(tmp_path) if p == "/etc" else real(p))
        self.folder = tmp_path

    def test_enough(self) -> None:
        """Are the first ranges that are large enough taken, and does root of containers be the user?"""
        (self.folder / "subuid").write_text("alice:1:10\nalice:100000:70000\n")
        (self.folder / "subgid").write_text("1000:200000:65536\n")
        plan = ids.plan_ids()
        assert plan == IdPlan(
            1000, ids.os.getgid(), IdRange(100000, 65536), IdRange(200000, 65536), 0, helpers=True
        )

    def test_too_few(self) -> None:
        """Does the refusal say how many there are, what helps, and what the other way is?"""
        (self.folder / "subuid").write_text("alice:1:10\n")
        with pytest.raises(SandboxUnavailable) as raised:
            ids.plan_ids()
        assert "has 10 subordinate ids" in raised.value.message
        assert "microVM" in raised.value.message and "usermod" in raised.value.hint

    def test_no_helper(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Is a missing newuidmap named, with the package that has it?"""
        monkeypatch.setattr(shutil, "which", lambda name: None)
        with pytest.raises(SandboxUnavailable, match="no newuidmap") as raised:
            ids.plan_ids()
        assert "uidmap" in raised.value.hint
