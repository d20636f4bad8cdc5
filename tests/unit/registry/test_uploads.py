"""Uploads to the Hub: chunks, ranges, broken connections, full disks, shared and lying blobs."""

from __future__ import annotations

import errno
import hashlib
import os
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.oci.digest import Digest
from lab.registry.errors import Code, Refused
from lab.registry.names import Repository
from lab.registry.uploads import STALE_AFTER, ChunkRange, Uploads

from .conftest import ALICE, BOBBY, Running, store
from .helpers import Answer, Served, basic, call, make_image

UPLOADS = "/v2/alice/web/blobs/uploads/"
CONTENT = b"0123456789"
DIGEST = Digest.of(CONTENT)


def begin(at: Served, path: str = UPLOADS, user: str = ALICE) -> str:
    answer = call(at, "POST", path, body=b"", user=user)
    assert answer.status == 202
    location = answer.header("Location")
    assert location is not None
    return location


def chunk(at: Served, location: str, range: str, content: bytes, method: str = "PATCH") -> Answer:
    return call(at, method, location, {"Content-Range": range}, content, ALICE)


def until(condition: Callable[[], bool], limit: float = 5.0) -> None:
    end = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.005)


def files(hub: Running) -> list[str]:
    return os.listdir(hub.root / "uploads")


def test_chunks_become_a_blob(hub: Running) -> None:
    """Can a blob be sent in chunks, its status asked in between, and be closed by its digest?"""
    location = begin(hub.at)
    first = chunk(hub.at, location, "0-3", b"0123")
    assert (first.status, first.header("Range")) == (202, "0-3")
    status = call(hub.at, "GET", location, user=ALICE)
    assert (status.status, status.header("Range"), status.body) == (204, "0-3", b"")
    assert chunk(hub.at, location, "4-7", b"4567").header("Range") == "0-7"

    done = chunk(hub.at, f"{location}?digest={DIGEST}", "8-9", b"89", "PUT")
    assert done.status == 201
    assert call(hub.at, "GET", str(done.header("Location"))).body == CONTENT
    assert call(hub.at, "GET", location, user=ALICE).code == "BLOB_UPLOAD_UNKNOWN"
    assert files(hub) == []


def test_upload_without_ranges_is_a_stream(hub: Running) -> None:
    """Are bytes without Content-Range, also in HTTP chunks, appended?"""
    location = begin(hub.at)
    call(hub.at, "PATCH", location, body=CONTENT[:6], user=ALICE)
    headers = {"Transfer-Encoding": "chunked"}
    call(hub.at, "PATCH", location, headers, b"4\r\n6789\r\n0\r\n\r\n", ALICE)
    done = call(hub.at, "PUT", f"{location}?digest={DIGEST}", body=b"", user=ALICE)
    assert done.status == 201


def test_blob_may_be_named_by_sha512(hub: Running) -> None:
    """Is sha512 accepted, announced or not, and checked?"""
    digest = "sha512:" + hashlib.sha512(CONTENT).hexdigest()
    for query in ("", "?digest-algorithm=sha512"):
        location = begin(hub.at, UPLOADS + query)
        done = call(hub.at, "PUT", f"{location}?digest={digest}", body=CONTENT, user=ALICE)
        assert done.status == 201
        assert call(hub.at, "GET", f"/v2/alice/web/blobs/{digest}").body == CONTENT
    wrong = call(hub.at, "PUT", f"{begin(hub.at)}?digest={digest}", body=b"no", user=ALICE)
    assert wrong.code == "DIGEST_INVALID"


@pytest.mark.parametrize(
    ("range", "status", "code"),
    [
        ("5-9", 416, "BLOB_UPLOAD_INVALID"),  # a gap
        ("3-7", 416, "BLOB_UPLOAD_INVALID"),  # bytes that have arrived
        ("9-4", 416, "BLOB_UPLOAD_INVALID"),
        ("bytes 4-8", 416, "BLOB_UPLOAD_INVALID"),
        ("4-9", 400, "SIZE_INVALID"),  # six bytes announced, five sent
    ],
)
def test_wrong_range_is_refused(hub: Running, range: str, status: int, code: str) -> None:
    """Is a chunk at the wrong place refused, and does the upload go on afterwards?"""
    location = begin(hub.at)
    chunk(hub.at, location, "0-3", b"0123")
    refused = chunk(hub.at, location, range, b"45678")
    assert (refused.status, refused.code) == (status, code)
    assert call(hub.at, "GET", location, user=ALICE).header("Range") == "0-3"
    done = chunk(hub.at, f"{location}?digest={DIGEST}", "4-9", b"456789", "PUT")
    assert done.status == 201


def test_unannounced_length_is_checked_at_the_end(hub: Running) -> None:
    """Is a chunk without Content-Length, of another length than its range, refused?"""
    location = begin(hub.at)
    headers = {"Transfer-Encoding": "chunked", "Content-Range": "0-9"}
    answer = call(hub.at, "PATCH", location, headers, b"4\r\n0123\r\n0\r\n\r\n", ALICE)
    assert (answer.status, answer.code) == (400, "SIZE_INVALID")
    assert files(hub) == []


@given(first=st.integers(0, 2**63), last=st.integers(0, 2**63))
def test_range_is_read_as_written(first: int, last: int) -> None:
    """Does every ordered pair of positions make a range, and no other?"""
    try:
        range = ChunkRange.parse(f"{first}-{last}")
    except Refused as error:
        assert error.code is Code.RANGE_INVALID and last < first
    else:
        assert (range.first, range.last, range.length) == (first, last, last - first + 1)


@given(st.text(max_size=12))
def test_any_text_is_a_range_or_refused(text: str) -> None:
    """Does a malformed range raise nothing but a refusal?"""
    try:
        assert ChunkRange.parse(text).length > 0
    except Refused:
        pass


def test_lying_digest_leaves_nothing(hub: Running) -> None:
    """Is content that does not hash to its digest refused, and its upload gone?"""
    location = begin(hub.at)
    answer = call(hub.at, "PUT", f"{location}?digest={DIGEST}", body=b"lies", user=ALICE)
    assert (answer.status, answer.code) == (400, "DIGEST_INVALID")
    assert call(hub.at, "HEAD", f"/v2/alice/web/blobs/{DIGEST}").status == 404
    assert files(hub) == []
    assert not (hub.root / "blobs" / "sha256" / DIGEST.hex).exists()


def test_digest_alone_does_not_open_another_repository(hub: Running) -> None:
    """Does one get another's private blob by uploading something else under its digest?"""
    store(hub.hub, "alice/secret", "1", make_image(b"the secret"))
    hub.hub.rights.set_private(Repository("alice/secret"), True)
    digest, path = Digest.of(b"the secret"), "/v2/bobby/loot/blobs/uploads/"
    answer = call(hub.at, "POST", f"{path}?digest={digest}", body=b"guess", user=BOBBY)
    assert answer.code == "DIGEST_INVALID"
    mounted = call(hub.at, "POST", f"{path}?mount={digest}&from=alice/secret", user=BOBBY)
    assert mounted.status == 202
    assert call(hub.at, "GET", f"/v2/bobby/loot/blobs/{digest}", user=BOBBY).status == 404


@pytest.mark.parametrize(
    ("origin", "content"), [("alice/web", b"web layer"), ("library/nginx", b"nginx layer")]
)
def test_blob_is_mounted(hub: Running, origin: str, content: bytes) -> None:
    """Can a blob of any public repository be shared, and does it outlive its origin?"""
    digest = Digest.of(content)
    path = f"/v2/bobby/own/blobs/uploads/?mount={digest}&from={origin}"
    assert call(hub.at, "POST", path, user=BOBBY).status == 201
    (hub.catalog / "blobs" / "sha256" / digest.hex).unlink(missing_ok=True)
    call(hub.at, "DELETE", f"/v2/alice/web/blobs/{digest}", user=ALICE)
    assert call(hub.at, "GET", f"/v2/bobby/own/blobs/{digest}", user=BOBBY).body == content


def test_damaged_official_blob_is_not_mounted(hub: Running) -> None:
    """Is a blob of the catalog that is not what it should be left out, and an upload begun?"""
    digest = Digest.of(b"nginx layer")
    (hub.catalog / "blobs" / "sha256" / digest.hex).write_bytes(b"rotten")
    path = f"/v2/bobby/own/blobs/uploads/?mount={digest}&from=library/nginx"
    assert call(hub.at, "POST", path, user=BOBBY).status == 202


def test_cancelled_upload_is_gone(hub: Running) -> None:
    """Does a cancelled upload free its space, and refuse to go on?"""
    location = begin(hub.at)
    call(hub.at, "PATCH", location, body=CONTENT, user=ALICE)
    assert call(hub.at, "DELETE", location, user=ALICE).status == 204
    assert files(hub) == []
    assert call(hub.at, "PATCH", location, body=b"x", user=ALICE).status == 404


def test_upload_belongs_to_its_repository(hub: Running) -> None:
    """Is an upload unknown under the name of another repository?"""
    other = begin(hub.at).replace("alice/web", "alice/other")
    assert call(hub.at, "GET", other, user=ALICE).code == "BLOB_UPLOAD_UNKNOWN"


def test_truncated_upload_can_be_resumed(hub: Running) -> None:
    """Does what came before a broken connection count, and can the client go on from there?"""
    location = begin(hub.at)
    with socket.create_connection(("127.0.0.1", hub.at.port)) as raw:
        head = f"PATCH {location} HTTP/1.1\r\nHost: x\r\nAuthorization: {basic(ALICE)}\r\n"
        raw.sendall(head.encode() + b"Content-Length: 10\r\n\r\n01234")
        upload = hub.hub.uploads.get(Repository("alice/web"), location[-32:])
        until(lambda: upload.is_claimed)
    until(lambda: upload.offset == 5 and not upload.is_claimed)
    assert call(hub.at, "GET", location, user=ALICE).header("Range") == "0-4"
    done = chunk(hub.at, f"{location}?digest={DIGEST}", "5-9", b"56789", "PUT")
    assert done.status == 201


def test_second_request_to_one_upload_is_refused(hub: Running) -> None:
    """While a request is writing, is another one to the same upload kept out?"""
    location = begin(hub.at)
    with socket.create_connection(("127.0.0.1", hub.at.port)) as raw:
        head = f"PATCH {location} HTTP/1.1\r\nHost: x\r\nAuthorization: {basic(ALICE)}\r\n"
        raw.sendall(head.encode() + b"Content-Length: 10\r\n\r\n01234")
        until(lambda: hub.hub.uploads.get(Repository("alice/web"), location[-32:]).is_claimed)
        for method in ("PATCH", "DELETE"):
            answer = call(hub.at, method, location, body=b"", user=ALICE)
            assert (answer.status, answer.code) == (400, "BLOB_UPLOAD_INVALID")
        raw.sendall(b"56789")
        assert raw.recv(100).startswith(b"HTTP/1.1 202")


def test_same_blob_uploaded_at_once(hub: Running) -> None:
    """Do two uploads of one blob, at the same time, both succeed and store it once?"""
    content = os.urandom(3_000_000)
    digest = Digest.of(content)
    answers: list[Answer] = []

    def push(name: str) -> None:
        location = begin(hub.at, f"/v2/alice/{name}/blobs/uploads/")
        answers.append(call(hub.at, "PUT", f"{location}?digest={digest}", body=content, user=ALICE))

    threads = [threading.Thread(target=push, args=(name,)) for name in ("one", "two", "one")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer.status for answer in answers] == [201] * 3
    for name in ("one", "two"):
        assert call(hub.at, "GET", f"/v2/alice/{name}/blobs/{digest}", user=ALICE).body == content
    assert files(hub) == []


def test_full_disk_frees_what_was_begun(hub: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the disk is full: is the client told, the upload gone, and the Hub still there?"""
    location = begin(hub.at)

    def full(fd: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("lab.registry.uploads.os.write", full)
        answer = call(hub.at, "PATCH", location, body=CONTENT, user=ALICE)
    assert answer.status == 507
    assert answer.json["errors"][0]["message"] == "no space left on device"
    assert files(hub) == []
    done = call(hub.at, "PUT", f"{begin(hub.at)}?digest={DIGEST}", body=CONTENT, user=ALICE)
    assert done.status == 201


def test_stale_uploads_are_given_up(tmp_path: Path) -> None:
    """Does an upload that nobody continued for long go when the next one begins?"""
    now = 0.0
    uploads = Uploads(tmp_path / "uploads", clock=lambda: now)
    name = Repository("alice/web")
    old, kept = uploads.start(name), uploads.start(name)
    now = STALE_AFTER * 0.9
    uploads.get(name, kept.id)
    now = STALE_AFTER * 1.1
    new = uploads.start(name)
    assert {entry.name for entry in (tmp_path / "uploads").iterdir()} == {kept.id, new.id}
    with pytest.raises(Refused):
        uploads.get(name, old.id)


def test_uploads_of_an_earlier_process_are_removed(tmp_path: Path) -> None:
    """Is what a crash left of uploads gone after the next start?"""
    Uploads(tmp_path).start(Repository("alice/web")).append(CONTENT)
    Uploads(tmp_path)
    assert list(tmp_path.iterdir()) == []
