"""The Hub's page, from the launcher's card to a deleted tag, in both languages, light and dark."""

from __future__ import annotations

from pathlib import Path

import docker
import pytest
from playwright.sync_api import Page, expect

from .jupyterlab import LIMIT
from .running import RunningLab
from .test_meter import open_launcher

pytestmark = pytest.mark.timeout(150)


def open_hub(page: Page, lab: RunningLab) -> Page:
    """Open the Hub by its card in the launcher; return its window."""
    open_launcher(page, lab, "hub")
    with page.expect_popup() as popup:
        page.locator(".jp-LauncherCard", has_text="The lab's Hub").click()
    hub = popup.value
    hub.set_viewport_size({"width": 1280, "height": 900})
    expect(hub.get_by_role("heading", level=1)).to_have_text("The lab's Hub", timeout=LIMIT)
    return hub


def push(lab: RunningLab, name: str) -> None:
    """Push busybox as the account that the page made, as `docker push` does."""
    client = docker.DockerClient(base_url=lab.docker_host)
    try:
        client.images.pull("busybox", "latest").tag(name, "one")
        auth = {"username": "carol", "password": "sesame street"}
        pushed = list(client.images.push(name, "one", auth_config=auth, stream=True, decode=True))
        assert not [line for line in pushed if "error" in line], pushed
        client.images.remove(f"{name}:one")
    finally:
        client.close()


def test_from_sign_up_to_a_deleted_tag(page: Page, lab: RunningLab, screenshots: Path) -> None:
    """Can one make an account, see what was pushed, hide it, look at its layers, delete its tag?"""
    hub = open_hub(page, lab)
    expect(hub.locator(".cards li", has_text="nginx")).to_contain_text("Official image")
    hub.screenshot(path=screenshots / "hub-home.png", full_page=True)
    hub.get_by_role("link", name="Sign up").click()
    hub.get_by_label("Docker ID").fill("carol")
    hub.get_by_label("Password", exact=True).fill("sesame street")
    hub.get_by_label("Password again").fill("sesame street")
    hub.locator("main").get_by_role("button", name="Sign up").click()
    expect(hub.locator("nav")).to_contain_text("carol")
    push(lab, "carol/box")
    hub.reload()
    hub.get_by_role("link", name="carol/box").click()
    hub.get_by_role("button", name="Make private").click()
    expect(hub.locator("h1 .badge")).to_have_text("Private")
    hub.screenshot(path=screenshots / "hub-repository.png", full_page=True)
    hub.get_by_role("link", name="one", exact=True).click()
    expect(hub.locator("table")).to_contain_text("COPY busybox")
    hub.screenshot(path=screenshots / "hub-tag.png", full_page=True)
    hub.emulate_media(color_scheme="dark")
    hub.get_by_role("link", name="한국어").click()
    expect(hub.get_by_role("heading", name="내 저장소")).to_be_visible()
    paper = hub.evaluate("getComputedStyle(document.body).backgroundColor")
    assert max(map(int, paper[4:-1].split(","))) < 90
    hub.screenshot(path=screenshots / "hub-dark-ko.png", full_page=True)
    hub.get_by_role("link", name="carol/box").click()
    hub.get_by_role("button", name="태그 one 삭제").click()
    expect(hub.locator("tbody tr")).to_have_count(0)
    hub.set_viewport_size({"width": 400, "height": 800})
    assert hub.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_only_who_has_the_token_sees_the_hub(lab: RunningLab) -> None:
    """Is the page, like everything of the server, only for who has the token, and others asked for it?"""
    assert b"Official image" in lab.ask("lab/hub/")
    without = lab.ask("lab/hub/", token="")
    assert b"Official image" not in without and b'name="password"' in without
