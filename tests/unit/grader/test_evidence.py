"""Evidence read from an engine's answers."""

from __future__ import annotations

import gc
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from grader import evidence as evidence_module
from grader.client import connected, make_account
from grader.errors import EngineUnreachable, NotTheLabs
from grader.evidence import Evidence

from .helpers import STUDENT
from .stand_in import engine

IMAGE, CHAIN = "sha256:" + "a" * 64, "sha256:" + "c" * 64
INSPECT = {
    "Id": IMAGE,
    "RepoTags": ["x/site:latest"],
    "RepoDigests": None,
    "Config": {"Labels": None},
    "RootFS": {"Layers": ["l1"]},
}
EVENTS = [
    {"Type": "image", "Action": "pull", "Actor": {"ID": "x", "Attributes": {"a": "b"}}},
    {"Type": "image", "Action": "push", "Actor": {"ID": "y", "Attributes": None}},
]
ANSWERS: dict[str, Any] = {
    "/info": {"SystemTime": "2026-11-24T06:41:00.123456789+01:00"},
    "/events": b"".join(json.dumps(each).encode() + b"\n" for each in EVENTS),
    "/images/json": [{"Id": IMAGE}, {"Id": "sha256:gone"}],
    f"/images/{IMAGE}/json": INSPECT,
    "/lab/v1/version": {"Extension": "1"},
    f"/lab/v1/images/{IMAGE}/layers": {"Layers": [{"Number": 0}, {"Number": 1, "ChainId": CHAIN}]},
    f"/lab/v1/layers/{CHAIN}/files": {
        "Entries": [{"Path": "/a", "Change": "added"}, {"Path": "/b", "Change": "deleted"}]
    },
}


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What a stand-in of the lab's engine is asked; DOCKER_HOST leads there."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/docker.sock")
    with engine(tmp_path / "docker.sock", ANSWERS) as requests:
        yield requests


@pytest.fixture
def evidence(asked: list[str]) -> Iterator[Evidence]:
    with connected(None) as client:
        yield Evidence(client, STUDENT)


def test_events(evidence: Evidence, asked: list[str]) -> None:
    """Is the whole history asked for, up to the engine's own present, once?"""
    assert [(each.action, dict(each.attributes)) for each in evidence.events] == [
        ("pull", {"a": "b"}),
        ("push", {}),
    ]
    assert [each.actor for each in evidence.happened("image", "push")] == ["y"]
    (request,) = [each for each in asked if "/events" in each]
    # 05:41:00.123456 UTC, and a microsecond
    assert "since=0" in request and "until=1795498860.123457" in request


def test_images(evidence: Evidence, asked: list[str]) -> None:
    """Are images inspected once each, and those passed over that are deleted meanwhile?"""
    (image,) = evidence.images
    assert (image.id, image.tags, image.digests, image.labels) == (
        IMAGE,
        ("x/site:latest",),
        (),
        {},
    )
    assert evidence.image(IMAGE) is image
    assert evidence.image("") is None
    assert len([each for each in asked if f"/images/{IMAGE}/json" in each]) == 1


def test_files_of_a_layer(evidence: Evidence) -> None:
    """Are the files of one layer told, without those that it deletes?"""
    (image,) = evidence.images
    assert evidence.files_of_layer(image, 1, "/") == ("/a",)
    assert evidence.files_of_layer(image, 2, "/") == ()


def test_lab_is_required(evidence: Evidence, tmp_path: Path) -> None:
    """Is another Docker Engine refused with a sentence that says why?"""
    evidence.require_lab()
    with (
        engine(tmp_path / "other.sock", {}),
        connected(f"unix://{tmp_path}/other.sock") as client,
        pytest.raises(EngineUnreachable, match="not the lab's own"),
    ):
        Evidence(client, STUDENT).require_lab()


def test_no_engine(tmp_path: Path) -> None:
    """Is it said that no engine answers, with what to do?"""
    with pytest.raises(EngineUnreachable) as error, connected(f"unix://{tmp_path}/none.sock"):
        pass
    assert "lab start" in error.value.hint


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_engine_ends(tmp_path: Path) -> None:
    """Is an engine that goes away in between told as one that does not answer?"""
    # docker-py leaves a socket open then, which shows as a warning when it is collected
    with engine(tmp_path / "s", ANSWERS):
        client_context = connected(f"unix://{tmp_path}/s")
        client = client_context.__enter__()
    (tmp_path / "s").unlink()
    with pytest.raises(EngineUnreachable):
        tuple(Evidence(client, STUDENT).containers)
    client_context.__exit__(None, None, None)
    gc.collect()


@pytest.mark.parametrize(("status", "fine"), [(200, True), (201, True), (409, False), (500, False)])
def test_account(tmp_path: Path, status: int, fine: bool) -> None:
    """Is the account made, is one of this password enough, and any other answer an error?"""
    expected = nullcontext() if fine else pytest.raises(EngineUnreachable, match=str(status))
    with (
        engine(tmp_path / "s", {"POST /lab/v1/accounts": status}) as asked,
        connected(f"unix://{tmp_path}/s") as client,
        expected as error,
    ):
        make_account(client, STUDENT)
    assert error is None or STUDENT.password not in error.value.message
    wanted = json.dumps({"name": STUDENT.account, "password": STUDENT.password})
    assert asked[-1] == f"/lab/v1/accounts {wanted}"


def test_account_where_there_is_no_hub(tmp_path: Path) -> None:
    """Is an engine that is not the lab's told apart from one that refuses the account?"""
    with (
        engine(tmp_path / "s", {"POST /lab/v1/accounts": 404}),
        connected(f"unix://{tmp_path}/s") as client,
        pytest.raises(NotTheLabs),
    ):
        make_account(client, STUDENT)


@pytest.fixture
def site() -> Iterator[tuple[int, list[bytes]]]:
    """A port that answers connections with the given bytes, one after the other."""
    answers: list[bytes] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(4096)
                connection.sendall(answers.pop(0) if answers else b"")

    thread = threading.Thread(target=serve)
    thread.start()
    yield listener.getsockname()[1], answers
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()


def test_page(evidence: Evidence, site: tuple[int, list[bytes]]) -> None:
    """Is a page read, also by one who has to ask again, and one with another status none?"""
    port, answers = site
    answers += [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"]
    assert evidence.page("127.0.0.1", port) == "hello"
    answers += [b"HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\nhello"]
    assert evidence.page("127.0.0.1", port) is None


def test_no_page(evidence: Evidence, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is waiting given up where nothing listens?"""
    monkeypatch.setattr(evidence_module, "PATIENCE", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert evidence.page("127.0.0.1", port) is None
