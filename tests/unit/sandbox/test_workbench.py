"""The workbench's choice of a place, and what it says where there is none; with links that are made up."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lab.config import Config
from lab.errors import SandboxUnavailable, Unavailable
from lab.sandbox import choose, workbench
from lab.sandbox.bench import messages
from lab.sandbox.bench.messages import Lines, Message
from lab.sandbox.workbench import Workbench


class Scripted:
    """A link that says what it was given, and then that the keeper is gone."""

    def __init__(self, where: str, said: list[Message]) -> None:
        self.where = where
        self.said = list(said)
        self.sent: list[Message] = []
        self.is_closed = False

    def send(self, message: Message) -> None:
        self.sent.append(message)

    def receive(self, limit: float) -> Message | None:
        if not self.said:
            raise Unavailable("the workbench has ended")
        return self.said.pop(0)

    def close(self) -> None:
        self.is_closed = True


Offer = Callable[[str, list[Message]], Scripted]


@pytest.fixture
def offer(monkeypatch: pytest.MonkeyPatch) -> Offer:
    """Lets a kind of sandbox say something when it is started."""

    def put(kind: str, said: list[Message]) -> Scripted:
        link = Scripted(kind, said)
        name = "ProcessLink" if kind == "namespaces" else "VmLink"
        monkeypatch.setattr(workbench, name, lambda *_: link)
        return link

    return put


READY: list[Message] = [{"op": "ready"}]


def config(tmp_path: Path, sandbox: str = "auto") -> Config:
    return Config.from_environ({"LAB_HOME": str(tmp_path), "LAB_SANDBOX": sandbox})


def test_it_is_where_the_engine_is(offer: Offer, tmp_path: Path) -> None:
    """Is it in a virtual machine if the engine is, by the settings or by the last choice?"""
    for kind in ("namespaces", "vm"):
        offer(kind, READY)
    assert Workbench(config=config(tmp_path)).where == "namespaces"
    for kind in ("namespaces", "vm"):
        offer(kind, READY)
    assert Workbench(config=config(tmp_path, "vm")).where == "vm"
    for kind in ("namespaces", "vm"):
        offer(kind, READY)
    choose.remember(tmp_path / "engine", "vm", [])
    assert Workbench(config=config(tmp_path)).where == "vm"


def test_the_next_kind_is_tried(offer: Offer, tmp_path: Path) -> None:
    """If the first kind is refused, or ends at once, is it closed and the other one taken?"""
    failures: list[list[Message]] = [
        [{"op": "failed", "reason": "no namespaces", "hint": "ask"}],
        [{"op": "said", "stream": "stderr", "text": "mount refused"}],
    ]
    for failure in failures:
        refused = offer("namespaces", failure)
        offer("vm", READY)
        assert Workbench(config=config(tmp_path)).where == "vm"
        assert refused.is_closed


def test_nowhere(offer: Offer, tmp_path: Path) -> None:
    """If no kind works, does the error say why for each, and what would help?"""
    offer("namespaces", [{"op": "failed", "reason": "no namespaces", "hint": "ask for them"}])
    offer("vm", [{"op": "said", "stream": "stderr", "text": "mount refused"}])
    with pytest.raises(SandboxUnavailable) as caught:
        Workbench(config=config(tmp_path))
    assert "namespaces: no namespaces" in caught.value.message
    assert "vm: the workbench has ended mount refused" in caught.value.message
    assert caught.value.hint == "ask for them"
    assert caught.value.__notes__ == ["ask for them"], "a notebook shows the traceback only"


def test_messages_in_pieces() -> None:
    """Are messages found however the bytes come, and is anything else refused?"""
    content = messages.pack({"op": "a"}) + messages.pack({"op": "b", "text": "ü\n"})
    lines = Lines()
    found = [each for byte in content for each in lines.feed(bytes([byte]))]
    assert found == [{"op": "a"}, {"op": "b", "text": "ü\n"}]
    for nonsense in (b"no json\n", b"[1]\n"):
        with pytest.raises(Unavailable, match="garbled"):
            Lines().feed(nonsense)


def test_large_files_go_in_pieces(offer: Offer, tmp_path: Path) -> None:
    """Is a large file written in several messages, the first of which begins it anew?"""
    done: list[Message] = [{"op": "done", "error": ""}] * 3
    link = offer("namespaces", [*READY, *done])
    bench = Workbench(config=config(tmp_path))
    bench.put(bytes(500_000), "/run/file")
    assert [each["append"] for each in link.sent] == [False, True, True]
    assert all(len(messages.pack(each)) < 300_000 for each in link.sent)
