"""The Hub's page for people, over HTTP as a browser asks for it."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
from aiohttp import web

from lab.oci.digest import Digest
from lab.oci.image_config import ContainerConfig, History, ImageConfig
from lab.registry.names import Repository
from lab.registry.page.session import Sessions
from lab.registry.page.views import size
from lab.registry.page.words import WORDS, preferred

from .conftest import Running, running, store
from .helpers import Answer, Served, call, make_image, served

SCRIPT = "<script>alert(1)</script>"
CONFIG = ImageConfig(
    "amd64",
    "linux",
    ContainerConfig(cmd=("sh", SCRIPT), exposed_ports=("80/tcp",)),
    (Digest.of(b"one"), Digest.of(b"two")),
    (
        History("2024-01-02T03:04:05Z", "ADD base"),
        History("2024-01-02T03:04:05Z", f"ENV X={SCRIPT}", empty_layer=True),
        History("2024-01-02T03:04:05Z", "RUN more"),
    ),
    created="2024-01-02T03:04:05.678Z",
)
MARKED = make_image(b"one", b"two two", config=CONFIG.to_bytes())


class Browser:
    """Keeps cookies, and sends the proof that the last page's forms had."""

    def __init__(self, at: Served) -> None:
        self.at = at
        self.cookies: dict[str, str] = {}
        self.proof = ""

    def get(self, path: str = "", **headers: str) -> str:
        answer = self.ask("GET", path, None, headers)
        assert answer.status == 200, answer.body
        return answer.body.decode()

    def post(self, path: str, proof: str | None = None, **form: str) -> Answer:
        sent = {"proof": self.proof if proof is None else proof, **form}
        return self.ask("POST", path, urlencode(sent).encode(), {})

    def ask(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Answer:
        headers = {key.replace("_", "-"): value for key, value in headers.items()}
        headers["Cookie"] = "; ".join(f"{key}={value}" for key, value in self.cookies.items())
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        answer = call(self.at, method, f"/page/{path}", headers, body)
        set_cookie = answer.header("Set-Cookie")
        if set_cookie:
            name, _, value = set_cookie.partition(";")[0].partition("=")
            self.cookies[name] = value
        found = re.search(rb'name="proof" value="([0-9a-f]+)"', answer.body)
        if found:
            self.proof = found[1].decode()
        return answer

    def sign_in(self, name: str, password: str) -> Answer:
        self.get("sign-in")
        answer = self.post("sign-in", name=name, password=password)
        self.get()
        return answer


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Running]:
    with running(tmp_path) as made:
        store(made.hub, "alice/marked", "1", MARKED)
        yield made


@pytest.fixture
def browser(hub: Running, tmp_path: Path) -> Iterator[Browser]:
    app = web.Application()

    async def show(request: web.Request) -> web.StreamResponse:
        return await hub.hub.site.answer(request, request.match_info["path"])

    app.router.add_route("*", "/page/{path:.*}", show)
    folder = tmp_path / "page"
    folder.mkdir()
    with served(app, folder) as at:
        yield Browser(at)


def test_everybody_sees_what_is_public(browser: Browser) -> None:
    """Are official and public repositories listed, and found by a part of their names?"""
    page = browser.get()
    assert ">nginx</a>" in page and ">alice/web</a>" in page and "Official image" in page
    found = browser.get("?q=WEB")
    assert ">alice/web</a>" in found and ">nginx</a>" not in found
    assert "No repository has that" in browser.get("?q=zebra")


def test_an_image_layer_by_layer(browser: Browser) -> None:
    """Does a tag's page show its steps, which of them made a layer, and sizes and settings?"""
    page = browser.get("repository?name=alice/marked&tag=1")
    rows = re.findall(r"<tr><td>(\d)</td>.*?</tr>", page)
    assert rows == ["1", "2", "3"]
    assert page.count("none: a setting") == 1
    assert "7B" in page and "linux/amd64" in page and "80/tcp" in page
    assert "2024-01-02 03:04:05" in page
    assert str(MARKED.digest) in page
    assert "docker pull alice/marked:1" in page


def test_names_never_become_markup(browser: Browser) -> None:
    """Is everything that people can name escaped, and is no script allowed at all?"""
    for path in ("repository?name=alice/marked&tag=1", "?" + urlencode({"q": SCRIPT})):
        page = browser.get(path)
        assert "<script" not in page and html.escape(SCRIPT) in page
    browser.get("sign-up")
    answer = browser.post("sign-up", name=f'"{SCRIPT}', password="x", again="x")
    assert answer.status == 400 and b"<script" not in answer.body
    policy = answer.header("Content-Security-Policy") or ""
    assert "default-src 'none'" in policy and "script-src" not in policy


def test_sign_up_in_and_out(hub: Running, browser: Browser) -> None:
    """Does one get an account that docker login knows, and is one signed in until signing out?"""
    browser.get("sign-up")
    made = browser.post("sign-up", name="carol", password="pass word", again="pass word")
    assert (made.status, made.header("Location")) == (303, "./")
    assert hub.hub.accounts.verify("carol", "pass word")
    assert "<strong>carol</strong>" in browser.get()
    assert browser.post("sign-out").status == 303
    assert "carol" not in browser.get()
    assert browser.sign_in("carol", "wrong").status == 403
    assert "<strong>carol</strong>" not in browser.get()
    assert browser.sign_in("carol", "pass word").status == 303
    assert "docker push carol/web" in browser.get()


@pytest.mark.parametrize(
    ("form", "says"),
    [
        ({"name": "No", "password": "x", "again": "x"}, "cannot be a Docker ID"),
        ({"name": "library", "password": "x", "again": "x"}, "cannot be a Docker ID"),
        ({"name": "alice", "password": "x", "again": "x"}, "is taken"),
        ({"name": "carol", "password": "x", "again": "y"}, "differ"),
        ({"name": "carol", "password": "", "again": ""}, "1 to 1024"),
    ],
)
def test_sign_up_says_what_is_wrong(browser: Browser, form: dict[str, str], says: str) -> None:
    """Is a sign-up that cannot be answered with the reason, and the form?"""
    browser.get("sign-up")
    answer = browser.post("sign-up", **form)
    assert answer.status == 400 and says in answer.body.decode()
    assert b'name="again"' in answer.body


def test_private_is_for_the_owner_alone(hub: Running, browser: Browser) -> None:
    """Can an owner, and nobody else, make a repository private and public again?"""
    browser.sign_in("bobby", "swordfish")
    assert browser.post("visibility", name="alice/web", private="1").status == 403
    assert not hub.hub.rights.is_private(Repository("alice/web"))
    browser.sign_in("alice", "sesame")
    assert browser.post("visibility", name="alice/web", private="1").status == 303
    assert "Make public" in browser.get("repository?name=alice/web")
    assert "badge private" in browser.get()
    stranger = Browser(browser.at)
    assert "alice/web" not in stranger.get()
    assert stranger.ask("GET", "repository?name=alice/web", None, {}).status == 404
    assert browser.post("visibility", name="alice/web", private="").status == 303
    assert ">alice/web</a>" in stranger.get()


def test_a_tag_is_deleted_by_its_owner_only(hub: Running, browser: Browser) -> None:
    """Does deleting a tag take it away, and only for who owns it?"""
    browser.sign_in("bobby", "swordfish")
    assert browser.post("delete-tag", name="alice/web", tag="1").status == 403
    assert browser.post("delete-tag", name="library/nginx", tag="1").status == 403
    browser.sign_in("alice", "sesame")
    assert browser.post("delete-tag", name="alice/web", tag="2").status == 404
    assert hub.hub.storage.tags(Repository("alice/web")) == ["1"]
    assert browser.post("delete-tag", name="alice/web", tag="1").status == 303
    assert hub.hub.storage.tags(Repository("alice/web")) == []
    assert "delete-tag" not in browser.get("repository?name=library/nginx")


def test_a_form_of_another_site_does_nothing(hub: Running, browser: Browser) -> None:
    """Is a form without this session's proof refused, and one that says where it comes from?"""
    browser.sign_in("alice", "sesame")
    attempts = {"name": "alice/web", "private": "1"}
    stranger = Browser(browser.at)
    stranger.get("sign-in")
    for proof in ("", stranger.proof, "0" * 64):
        assert browser.post("visibility", proof, **attempts).status == 403
    body = urlencode({"proof": browser.proof, **attempts}).encode()
    foreign = browser.ask("POST", "visibility", body, {"Sec-Fetch-Site": "cross-site"})
    assert foreign.status == 403
    assert not hub.hub.rights.is_private(Repository("alice/web"))
    cookie = call(browser.at, "GET", "/page/", {"X-Forwarded-Prefix": "/user/x/lab/hub"})
    told = cookie.header("Set-Cookie") or ""
    assert "HttpOnly" in told and "SameSite=Strict" in told and "Path=/user/x/lab/hub/;" in told


def test_sessions_cannot_be_forged() -> None:
    """Is a cookie that was changed, made with another key, or too old no session?"""
    sessions = Sessions(b"key")
    session = sessions.make("alice", 1000.0)
    assert sessions.read(session.cookie, 1001.0) == session
    assert sessions.read(session.cookie, 1000.0 + 13 * 3600) is None
    assert Sessions(b"other").read(session.cookie, 1001.0) is None
    for cookie in (
        "",
        ".",
        "x",
        session.cookie[1:],
        session.cookie + "0",
        session.form_token,
        "é.é",
    ):
        assert sessions.read(cookie, 1001.0) is None


def test_both_languages(browser: Browser) -> None:
    """Is the page Korean for who prefers or chooses it, and are all words there in both?"""
    assert set(WORDS["en"]) == set(WORDS["ko"])
    assert "공식 이미지" in browser.get(Accept_Language="ko-KR,ko;q=0.9,en;q=0.8")
    assert "Official images" in browser.get(Accept_Language="fr,en;q=0.5")
    assert 'lang="ko"' in browser.get("?lang=ko")
    assert preferred("de, ko;q=0.5") == "ko" and preferred("") == "en"


@pytest.mark.parametrize(
    "path",
    [
        "nowhere",
        "repository",
        "repository?name=../x",
        "visibility",
        "repository?name=alice/web&tag=none",
        "repository?name=alice/no",
    ],
)
def test_what_is_not_there(browser: Browser, path: str) -> None:
    """Is an address that leads nowhere answered with a page that says so?"""
    answer = browser.ask("GET", path, None, {})
    assert answer.status == 404 and b"There is nothing here" in answer.body


def test_sizes() -> None:
    """Are sizes shown as the docker CLI shows them?"""
    assert [size(count) for count in (0, 999, 1000, 5_569_321, 2_132_992_000)] == [
        "0B",
        "999B",
        "1kB",
        "5.569MB",
        "2.133GB",
    ]


def test_style(browser: Browser) -> None:
    """Is the style there, for light and dark?"""
    assert "prefers-color-scheme: dark" in browser.get("style.css")
