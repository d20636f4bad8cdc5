"""What is on a registry and on this machine, as it is drawn; and a registry's own HTTP API."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from lab.widgets import registry_map
from lab.widgets.registry_map import Local
from lab.widgets.registry_source import ApiShelf, Closed


def layer(name: str, size: int) -> dict[str, Any]:
    return {"Digest": f"sha256:{name}", "DiffId": f"diff:{name}", "Size": size}


def image(id: str, tags: list[str], *layers: dict[str, Any]) -> dict[str, Any]:
    return {"Digest": f"sha256:m-{id}", "ImageId": id, "Tags": tags, "Layers": [*layers]}


def repository(name: str, *images: dict[str, Any]) -> dict[str, Any]:
    official = name.startswith("library/")
    return {"Name": name, "Official": official, "Images": [*images], "Truncated": False}


BASE = layer("base", 30)
LISTING = {
    "Repositories": [
        repository("library/nginx", image("n", ["1", "latest"], BASE, layer("web", 10))),
        repository("learner/hello", image("h", ["1"], BASE, layer("mine", 1))),
    ],
    "Truncated": False,
}


def test_what_is_here_and_what_is_shared() -> None:
    """Is each layer marked with where it is, and which other repositories have it?"""
    drawn = registry_map.draw(LISTING, Local({"n"}, {"diff:base", "diff:web"}), "")
    mine, nginx = drawn["repositories"]
    assert [mine["name"], nginx["name"]] == ["learner/hello", "nginx"]
    (hello,), (web,) = mine["images"], nginx["images"]
    assert web["here"] and not hello["here"]
    assert web["tags"] == ["latest", "1"]
    assert [each["here"] for each in hello["layers"]] == [True, False]
    assert [each["shared"] for each in hello["layers"]] == [["nginx"], []]


def test_totals_count_a_shared_layer_once() -> None:
    """Are the bytes of all images, and of all blobs, as they are?"""
    totals = registry_map.draw(LISTING, Local(), "")["totals"]
    assert totals == {"images": 2, "named": 71, "stored": 41}


def test_names_at_an_address_and_bounds() -> None:
    """Does a name have the registry's address before it, and is the rest counted?"""
    many = [image(str(number), [str(number)], BASE) for number in range(100)]
    listing = {"Repositories": [repository("hello", *many)], "Truncated": True}
    drawn = registry_map.draw(listing, Local(), "localhost:5000")
    (shown,) = drawn["repositories"]
    assert shown["name"] == "localhost:5000/hello"
    assert (len(shown["images"]), shown["more"]) == (registry_map.MAX_IMAGES, 88)
    assert drawn["more"]


CONFIG = json.dumps({"rootfs": {"diff_ids": ["diff:one"]}})
CONFIG_DIGEST = f"sha256:{hashlib.sha256(CONFIG.encode()).hexdigest()}"
MANIFEST = json.dumps(
    {
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {"digest": CONFIG_DIGEST},
        "layers": [{"digest": "sha256:one", "size": 7}],
    }
)
DIGEST = f"sha256:{hashlib.sha256(MANIFEST.encode()).hexdigest()}"
ANSWERS = {
    "/v2/_catalog": json.dumps({"repositories": ["hello", "gone"]}),
    "/v2/hello/tags/list": json.dumps({"tags": ["2", "1", "lost"]}),
    "/v2/hello/manifests/1": MANIFEST,
    "/v2/hello/manifests/2": MANIFEST,
    f"/v2/hello/manifests/{DIGEST}": MANIFEST,
    f"/v2/hello/blobs/{CONFIG_DIGEST}": CONFIG,
}


class Handler(BaseHTTPRequestHandler):
    """Answers as a registry does; with `challenge` only to who knows the password."""

    challenge = ""

    def do_GET(self) -> None:
        text = ANSWERS.get(self.path.partition("?")[0])
        proof = "Basic " + base64.b64encode(b"learner:secret").decode()
        known = not self.challenge or self.headers.get("Authorization") == proof
        self.send_response(401 if not known else 404 if text is None else 200)
        if not known:
            self.send_header("WWW-Authenticate", self.challenge)
        body = (text or "{}").encode() if known else b""
        if "/manifests/" in self.path:
            self.send_header("Docker-Content-Digest", DIGEST)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    do_HEAD = do_GET

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing."""


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """Where a registry answers; nobody has logged in."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setattr(Handler, "challenge", "")
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_registry_tells_what_it_has(address: str) -> None:
    """Are tags of one image together, with its layers, and what is gone left out?"""
    shelf = ApiShelf(address, "amd64")
    hello, gone = shelf.listing()["Repositories"]
    shelf.close()
    assert (gone["Name"], gone["Images"]) == ("gone", [])
    (found,) = hello["Images"]
    assert found["Tags"] == ["1", "2"]
    assert (found["Digest"], found["ImageId"]) == (DIGEST, CONFIG_DIGEST)
    assert found["Layers"] == [{"Digest": "sha256:one", "DiffId": "diff:one", "Size": 7}]


def test_a_login_opens_it(address: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Is a login asked for where a password is, and taken from where docker login keeps it?"""
    monkeypatch.setattr(Handler, "challenge", 'Basic realm="store"')
    shelf = ApiShelf(address, "amd64")
    with pytest.raises(Closed) as closed:
        shelf.listing()
    assert closed.value.state == "login"
    kept = {"auths": {address: {"auth": base64.b64encode(b"learner:secret").decode()}}}
    (tmp_path / "config.json").write_text(json.dumps(kept))
    assert shelf.listing()["Repositories"][0]["Images"]
    shelf.close()


def test_other_reasons_are_told_apart(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is a registry of tokens closed, and one that does not answer unreachable?"""
    monkeypatch.setattr(Handler, "challenge", 'Bearer realm="x"')
    for where, state in ((address, "closed"), ("127.0.0.1:1", "unreachable")):
        shelf = ApiShelf(where, "amd64")
        with pytest.raises(Closed) as closed:
            shelf.listing()
        shelf.close()
        assert closed.value.state == state
