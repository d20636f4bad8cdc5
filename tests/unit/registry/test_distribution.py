"""The Hub's answers, request by request.  Source: OCI distribution-spec 1.1, "Endpoints"."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from lab.oci.descriptor import DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST, Descriptor
from lab.oci.digest import Digest
from lab.oci.manifest import MAX_SIZE, Index
from lab.registry.names import Repository

from .conftest import ALICE, BOBBY, NGINX, WEB, Running, running, store
from .helpers import call, make_image

LAYER = Digest.of(b"web layer")
ABSENT = Digest.of(b"nowhere")
OFFICIAL_LAYER = Digest.of(b"nginx layer")
OTHER = make_image(b"base layer", b"web layer", config=b'{"a":1}')
REFERRER = make_image(b"signature", subject=Descriptor(OCI_MANIFEST, WEB.digest, len(WEB.manifest)))
SECRET = make_image(b"secret")
INDEX = Index((Descriptor(OCI_MANIFEST, WEB.digest, len(WEB.manifest)),)).to_bytes()
SPARSE = Index((Descriptor(OCI_MANIFEST, ABSENT, 7),)).to_bytes()
WRONG_SIZE = WEB.manifest.replace(b'"size":9', b'"size":8')
MANIFEST = {"Content-Type": OCI_MANIFEST}


@dataclass(frozen=True)
class Row:
    """One request and what its answer must hold; `body` is JSON if it is no bytes."""

    what: str
    method: str
    path: str
    status: int
    user: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    send: bytes | None = None
    gives: dict[str, str] = field(default_factory=dict)
    code: str = ""
    body: object = None


def tags(names: list[str]) -> dict[str, object]:
    return {"name": "alice/tagged", "tags": names}


BLOB, UPLOADS = f"/v2/alice/web/blobs/{LAYER}", "/v2/alice/web/blobs/uploads/"
TAGS = "/v2/alice/tagged/tags/list"
ROWS = [
    Row("version without proof", "GET", "/v2/", 401, code="UNAUTHORIZED",
        gives={"Docker-Distribution-Api-Version": "registry/2.0"}),
    Row("version with a password", "GET", "/v2/", 200, ALICE, body={}),
    Row("version with a wrong password", "GET", "/v2/", 401, "alice:no", code="UNAUTHORIZED"),
    Row("version of nobody we know", "GET", "/v2/", 401, "mallory:no", code="UNAUTHORIZED"),
    Row("proof of an unknown kind", "GET", "/v2/", 401, headers={"Authorization": "Digest x"},
        code="UNAUTHORIZED"),
    Row("malformed password", "GET", "/v2/", 401, headers={"Authorization": "Basic ?"},
        code="UNAUTHORIZED"),
    Row("no such page", "GET", "/v1/", 404, code="UNSUPPORTED"),
    Row("method that a page has not", "POST", "/v2/", 405, code="UNSUPPORTED",
        gives={"Allow": "GET,HEAD"}),
    Row("blob", "GET", BLOB, 200, body=b"web layer",
        gives={"Docker-Content-Digest": str(LAYER), "Content-Length": "9",
               "Content-Type": "application/octet-stream", "Accept-Ranges": "bytes"}),
    Row("head of a blob", "HEAD", BLOB, 200, body=b"",
        gives={"Docker-Content-Digest": str(LAYER), "Content-Length": "9"}),
    Row("part of a blob", "GET", BLOB, 206, headers={"Range": "bytes=4-"}, body=b"layer",
        gives={"Content-Range": "bytes 4-8/9"}),
    Row("part beyond a blob", "GET", BLOB, 416, headers={"Range": "bytes=9-"}),
    Row("absent blob", "GET", f"/v2/alice/web/blobs/{ABSENT}", 404, code="BLOB_UNKNOWN"),
    Row("blob of another repository", "GET", f"/v2/alice/tagged/blobs/{LAYER}", 404, ALICE,
        code="BLOB_UNKNOWN"),
    Row("malformed digest", "GET", "/v2/alice/web/blobs/sha256:xyz", 400, code="DIGEST_INVALID"),
    Row("malformed name", "GET", f"/v2/alice/We%62b/blobs/{LAYER}", 400, code="NAME_INVALID"),
    Row("name that climbs", "GET", f"/v2/alice/..%2f..%2fetc/blobs/{LAYER}", 400,
        code="NAME_INVALID"),
    Row("name beyond 255 characters", "GET", f"/v2/alice/{'w' * 250}/tags/list", 400,
        code="NAME_INVALID"),
    Row("manifest by tag", "GET", "/v2/alice/web/manifests/1", 200, body=WEB.manifest,
        gives={"Docker-Content-Digest": str(WEB.digest), "Content-Type": OCI_MANIFEST}),
    Row("manifest by digest", "GET", f"/v2/alice/web/manifests/{WEB.digest}", 200,
        body=WEB.manifest),
    Row("head of a manifest", "HEAD", "/v2/alice/web/manifests/1", 200, body=b"",
        gives={"Content-Length": str(len(WEB.manifest)), "Docker-Content-Digest": str(WEB.digest)}),
    Row("absent tag", "GET", "/v2/alice/web/manifests/2", 404, code="MANIFEST_UNKNOWN"),
    Row("no tag at all", "GET", "/v2/alice/web/manifests/.x", 404, code="MANIFEST_UNKNOWN"),
    Row("absent manifest", "GET", f"/v2/alice/web/manifests/{ABSENT}", 404,
        code="MANIFEST_UNKNOWN"),
    Row("blob asked for as a manifest", "GET", f"/v2/alice/web/manifests/{LAYER}", 404,
        code="MANIFEST_UNKNOWN"),
    Row("absent repository, its owner asks", "GET", "/v2/alice/none/manifests/1", 404, ALICE,
        code="MANIFEST_UNKNOWN"),
    Row("absent repository, a stranger asks", "GET", "/v2/alice/none/manifests/1", 401,
        code="UNAUTHORIZED"),
    Row("absent repository, another asks", "GET", "/v2/alice/none/manifests/1", 403, BOBBY,
        code="DENIED"),
    Row("private repository, its owner asks", "GET", "/v2/alice/secret/manifests/1", 200, ALICE),
    Row("private repository, a stranger asks", "GET", "/v2/alice/secret/manifests/1", 401,
        code="UNAUTHORIZED"),
    Row("private repository, another asks", "GET", "/v2/alice/secret/manifests/1", 403, BOBBY,
        code="DENIED"),
    Row("official manifest", "GET", "/v2/library/nginx/manifests/latest", 200,
        body=NGINX.manifest, gives={"Content-Type": OCI_MANIFEST}),
    Row("official blob", "GET", f"/v2/library/nginx/blobs/{OFFICIAL_LAYER}", 200,
        body=b"nginx layer"),
    Row("official image that is not there", "GET", "/v2/library/none/manifests/latest", 401,
        code="UNAUTHORIZED"),
    Row("official tags", "GET", "/v2/library/nginx/tags/list", 200,
        body={"name": "library/nginx", "tags": ["1", "latest"]}),
    Row("push of an official image", "PUT", "/v2/library/nginx/manifests/1", 403, ALICE, MANIFEST,
        WEB.manifest, code="DENIED"),
    Row("push into another's name", "POST", "/v2/bobby/web/blobs/uploads/", 403, ALICE, send=b"",
        code="DENIED"),
    Row("push into no one's name", "POST", "/v2/web/blobs/uploads/", 403, ALICE, send=b"",
        code="DENIED"),
    Row("push without login", "POST", UPLOADS, 401, send=b"", code="UNAUTHORIZED"),
    Row("deletion in another's name", "DELETE", "/v2/alice/web/manifests/1", 403, BOBBY,
        code="DENIED"),
    Row("all tags", "GET", TAGS, 200, body=tags(["A", "a", "b", "c"])),
    Row("first tags", "GET", TAGS + "?n=2", 200, body=tags(["A", "a"]),
        gives={"Link": f'<{TAGS}?last=a&n=2>; rel="next"'}),
    Row("tags after one", "GET", TAGS + "?last=a", 200, body=tags(["b", "c"])),
    Row("last tags", "GET", TAGS + "?n=2&last=a", 200, body=tags(["b", "c"]), gives={"Link": ""}),
    Row("no tags, please", "GET", TAGS + "?n=0", 200, body=tags([]), gives={"Link": ""}),
    Row("minus one tag", "GET", TAGS + "?n=-1", 400, code="PAGINATION_NUMBER_INVALID"),
    Row("tags of an absent repository", "GET", "/v2/alice/none/tags/list", 404, ALICE,
        code="NAME_UNKNOWN"),
    Row("repositories", "GET", "/v2/_catalog", 200,
        body={"repositories": ["alice/tagged", "alice/web", "library/nginx"]}),
    Row("repositories with one's own private ones", "GET", "/v2/_catalog?n=2&last=", 200, ALICE,
        body={"repositories": ["alice/secret", "alice/tagged"]},
        gives={"Link": '</v2/_catalog?last=alice%2Ftagged&n=2>; rel="next"'}),
    Row("manifest pushed by tag", "PUT", "/v2/alice/web/manifests/new", 201, ALICE, MANIFEST,
        WEB.manifest, {"Docker-Content-Digest": str(WEB.digest),
                       "Location": f"/v2/alice/web/manifests/{WEB.digest}"}),
    Row("manifest pushed by digest", "PUT", f"/v2/alice/web/manifests/{WEB.digest}", 201, ALICE,
        MANIFEST, WEB.manifest),
    Row("manifest pushed with a charset", "PUT", "/v2/alice/web/manifests/new", 201, ALICE,
        {"Content-Type": OCI_MANIFEST + "; charset=utf-8"}, WEB.manifest),
    Row("manifest pushed by a wrong digest", "PUT", f"/v2/alice/web/manifests/{ABSENT}", 400,
        ALICE, MANIFEST, WEB.manifest, code="DIGEST_INVALID"),
    Row("manifest under a malformed tag", "PUT", "/v2/alice/web/manifests/-x", 400, ALICE,
        MANIFEST, WEB.manifest, code="TAG_INVALID"),
    Row("manifest of a missing blob", "PUT", "/v2/alice/web/manifests/2", 400, ALICE, MANIFEST,
        OTHER.manifest, code="MANIFEST_BLOB_UNKNOWN"),
    Row("manifest that lies on a size", "PUT", "/v2/alice/web/manifests/2", 400, ALICE, MANIFEST,
        WRONG_SIZE, code="MANIFEST_INVALID"),
    Row("manifest announced as another type", "PUT", "/v2/alice/web/manifests/2", 400, ALICE,
        {"Content-Type": DOCKER_MANIFEST}, WEB.manifest, code="MANIFEST_INVALID"),
    Row("manifest that is no JSON", "PUT", "/v2/alice/web/manifests/2", 400, ALICE, MANIFEST,
        b"{", code="MANIFEST_INVALID"),
    Row("manifest beyond 4 MiB", "PUT", "/v2/alice/web/manifests/2", 413, ALICE, MANIFEST,
        b" " * (MAX_SIZE + 1), code="MANIFEST_INVALID"),
    Row("index", "PUT", "/v2/alice/web/manifests/all", 201, ALICE, {"Content-Type": OCI_INDEX},
        INDEX),
    Row("index of a missing manifest", "PUT", "/v2/alice/web/manifests/all", 400, ALICE,
        {"Content-Type": OCI_INDEX}, SPARSE, code="MANIFEST_BLOB_UNKNOWN"),
    Row("manifest with a subject", "PUT", "/v2/alice/tagged/manifests/sig", 201, ALICE, MANIFEST,
        REFERRER.manifest, {"OCI-Subject": str(WEB.digest)}),
    Row("referrers of none", "GET", f"/v2/alice/web/referrers/{ABSENT}", 200,
        body={"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []},
        gives={"Content-Type": OCI_INDEX}),
    Row("referrers of no digest", "GET", "/v2/alice/web/referrers/x", 400, code="DIGEST_INVALID"),
    Row("deletion of an absent tag", "DELETE", "/v2/alice/web/manifests/2", 404, ALICE,
        code="MANIFEST_UNKNOWN"),
    Row("deletion of a tag", "DELETE", "/v2/alice/web/manifests/1", 202, ALICE),
    Row("deletion of a manifest", "DELETE", f"/v2/alice/web/manifests/{WEB.digest}", 202, ALICE),
    Row("deletion of a blob", "DELETE", BLOB, 202, ALICE),
    Row("deletion of an absent blob", "DELETE", f"/v2/alice/web/blobs/{ABSENT}", 404, ALICE,
        code="BLOB_UNKNOWN"),
    Row("blob in one request", "POST", f"{UPLOADS}?digest={ABSENT}", 201, ALICE, send=b"nowhere",
        gives={"Location": f"/v2/alice/web/blobs/{ABSENT}",
               "Docker-Content-Digest": str(ABSENT)}),
    Row("blob in one request, lying", "POST", f"{UPLOADS}?digest={ABSENT}", 400, ALICE,
        send=b"somewhere", code="DIGEST_INVALID"),
    Row("blob by an unknown algorithm", "POST", f"{UPLOADS}?digest-algorithm=md5", 400, ALICE,
        send=b"", code="DIGEST_INVALID"),
    Row("unknown upload", "GET", UPLOADS + "0" * 32, 404, ALICE, code="BLOB_UPLOAD_UNKNOWN"),
]  # fmt: skip


def stock(hub: Running) -> Running:
    """Add four tags of one image, and a private repository."""
    for tag in ("b", "a", "c", "A"):
        store(hub.hub, "alice/tagged", tag, make_image(b"signature"))
    store(hub.hub, "alice/secret", "1", SECRET)
    hub.hub.rights.set_private(Repository("alice/secret"), True)
    return hub


@pytest.fixture
def stocked(hub: Running) -> Running:
    return stock(hub)


@pytest.fixture(scope="module")
def unchanged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One Hub for all requests that change nothing, which is checked at the end."""
    with running(tmp_path_factory.mktemp("hub")) as hub:
        stock(hub)
        before = listing(hub)
        yield hub
        assert listing(hub) == before


def listing(hub: Running) -> list[str]:
    return sorted(str(path) for path in hub.root.rglob("*") if path.parent != hub.root)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.what)
def test_request_is_answered_as_specified(request: pytest.FixtureRequest, row: Row) -> None:
    """Does the Hub answer this request with this status, these headers, this body?"""
    changes = row.status in (201, 202)
    hub: Running = request.getfixturevalue("stocked" if changes else "unchanged")
    answer = call(hub.at, row.method, row.path, row.headers, row.send, row.user)
    assert answer.status == row.status, answer.body
    for name, value in row.gives.items():
        assert (answer.header(name) or "") == value
    if row.code:
        assert answer.code == row.code
        assert answer.header("Content-Type") == "application/json"
    if isinstance(row.body, bytes):
        assert answer.body == row.body
    elif row.body is not None:
        assert answer.json == row.body


def test_deleted_manifest_takes_its_tags_and_referrers_along(stocked: Running) -> None:
    """Is a deleted manifest gone by digest, by every tag, and from the referrers of its subject?"""
    target = "/v2/alice/tagged/manifests/"
    call(stocked.at, "PUT", target + "sig", MANIFEST, REFERRER.manifest, ALICE)
    referrers = f"/v2/alice/tagged/referrers/{WEB.digest}"
    [entry] = call(stocked.at, "GET", referrers).json["manifests"]
    assert (entry["digest"], entry["size"]) == (str(REFERRER.digest), len(REFERRER.manifest))
    assert entry["artifactType"] == "application/vnd.oci.image.config.v1+json"

    call(stocked.at, "DELETE", target + str(REFERRER.digest), user=ALICE)
    assert call(stocked.at, "GET", target + "sig").status == 404
    assert call(stocked.at, "GET", target + str(REFERRER.digest)).status == 404
    assert call(stocked.at, "GET", referrers).json["manifests"] == []
    assert call(stocked.at, "GET", target + "a").status == 200


def test_referrers_can_be_filtered(stocked: Running) -> None:
    """Does artifactType leave only the referrers of that type, and say so?"""
    content = json.loads(REFERRER.manifest) | {"artifactType": "text/sbom"}
    target = "/v2/alice/tagged/manifests/"
    call(stocked.at, "PUT", target + "s1", MANIFEST, REFERRER.manifest, ALICE)
    call(stocked.at, "PUT", target + "s2", MANIFEST, json.dumps(content).encode(), ALICE)
    path = f"/v2/alice/tagged/referrers/{WEB.digest}"
    assert len(call(stocked.at, "GET", path).json["manifests"]) == 2
    answer = call(stocked.at, "GET", path + "?artifactType=text/sbom")
    assert [entry["artifactType"] for entry in answer.json["manifests"]] == ["text/sbom"]
    assert answer.header("OCI-Filters-Applied") == "artifactType"


def test_push_is_announced(stocked: Running) -> None:
    """Do listeners hear of a push: repository, tag, digest, account?"""
    heard = []
    stocked.hub.on_push(heard.append)
    call(stocked.at, "PUT", "/v2/alice/web/manifests/2", MANIFEST, WEB.manifest, ALICE)
    call(stocked.at, "PUT", "/v2/alice/web/manifests/3", MANIFEST, b"{}", ALICE)
    [pushed] = heard
    assert (pushed.repository, pushed.tag) == ("alice/web", "2")
    assert (pushed.digest, pushed.account) == (str(WEB.digest), "alice")
