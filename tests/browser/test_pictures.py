"""The pictures of lessons 01, 04, 05, 08, 09 and 10 in JupyterLab: true, live, usable by keys."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
from playwright.sync_api import Locator, Page, expect

from ..conftest import free_port, until
from .jupyterlab import open_notebook, run_cell
from .running import RunningLab
from .test_first_container import choose_theme
from .test_quiz import write_notebook

TALL = {"width": 1500, "height": 2300}
WASTEFUL = """FROM busybox
RUN echo one > /greeting && dd if=/dev/zero of=/big bs=1000 count=2000
RUN rm /big && echo two >> /greeting
"""
MEASURED = """[
    dict(kind=kind, count=1, start=start, stop=0.1, memory=memory, disk=5000, work=0.2, kernel=name)
    for kind, start, memory, name in (
        ("process", 0.002, 2e6, "6.1-host"), ("container", 0.25, 3e6, "6.1-host"),
        ("vm", 5.0, 3e8, "6.1-guest"))
]"""

pytestmark = pytest.mark.timeout(150)


@pytest.fixture
def client(lab: RunningLab) -> Iterator[docker.DockerClient]:
    """A client of the lab's engine, which is left as it was found."""
    until(lambda: lab.status()["state"] == "ready", what="the engine answers")
    client = docker.DockerClient(base_url=lab.docker_host)
    client.images.pull("busybox", "latest")
    yield client
    for container in client.containers.list(all=True, filters={"label": "of=pictures"}):
        container.remove(force=True)
    for network in client.networks.list(filters={"label": "of=pictures"}):
        network.remove()
    for volume in client.volumes.list(filters={"label": "of=pictures"}):
        volume.remove()
    for image in client.images.list(name="pictures"):
        client.images.remove(image.tags[0], force=True)
    client.close()


def show(page: Page, lab: RunningLab, name: str, *pictures: str) -> None:
    """Open a notebook with these pictures, one a cell, and run it."""
    page.set_viewport_size(TALL)
    path = write_notebook(lab, name, "from lab.widgets import *", *pictures)
    open_notebook(page, lab.address(path))
    for each in ("import *", *pictures):
        run_cell(page, each.partition("(")[0])


def picture(page: Page, name: str) -> Locator:
    found = page.locator(f".lab-root.lab-{name}")
    expect(found).to_be_visible()
    return found


def start(client: docker.DockerClient, name: str, **options: object) -> None:
    labels = {"of": "pictures"}
    client.containers.run(
        "busybox", ["sleep", "1000"], detach=True, name=name, labels=labels, **options
    )


def test_networks_and_volumes(
    page: Page, lab: RunningLab, client: docker.DockerClient, screenshots: Path
) -> None:
    """Do a container, its port, its volume and its end appear; is the packet's way told step by step?"""
    labels = {"of": "pictures"}
    client.networks.create("pictures-front", labels=labels)
    client.volumes.create("pictures-data", labels=labels)
    show(page, lab, "places.ipynb", 'NetworkMap("pictures-front")', 'Volumes("pictures-data")')
    networks, volumes = picture(page, "networks"), picture(page, "volumes")
    expect(volumes).to_contain_text("nobody uses it")
    port = free_port()
    start(
        client,
        "pictures-web",
        network="pictures-front",
        ports={"80/tcp": port},
        volumes={"pictures-data": {"bind": "/data", "mode": "ro"}},
    )
    expect(volumes.locator(".lab-vo-row .lab-vo-use")).to_contain_text("/data")
    expect(volumes.locator(".lab-vo-row .lab-vo-lock")).to_have_text("ro")
    volumes.locator(".lab-vo-store").click()
    expect(volumes.locator(".lab-detail")).to_contain_text("docker volume inspect pictures-data")
    lead = networks.locator(".lab-nw-port")
    expect(lead).to_have_attribute(
        "aria-label", f"port {port} of the host leads to port 80 of pictures-web"
    )
    lead.focus()
    page.keyboard.press("Enter")
    steps = networks.locator(".lab-nw-steps li")
    expect(steps).to_have_count(4)
    expect(steps.first).to_contain_text(str(port))
    expect(steps.last).to_contain_text("container pictures-web, port 80")
    expect(networks.locator(".lab-nw-way")).to_be_visible()
    networks.screenshot(path=screenshots / "networks.png")
    volumes.screenshot(path=screenshots / "volumes.png")
    client.containers.get("pictures-web").remove(force=True)
    expect(networks.locator(".lab-nw-box")).to_have_count(0)
    expect(networks.locator(".lab-detail")).to_be_hidden()


def build(client: docker.DockerClient, folder: Path, text: str) -> None:
    (folder / "Dockerfile").write_text(text)
    for _ in client.api.build(path=str(folder), tag="pictures", rm=True):
        pass  # the answer is read to its end


def test_builds_and_what_layers_hide(
    page: Page, lab: RunningLab, client: docker.DockerClient, tmp_path: Path, screenshots: Path
) -> None:
    """Are hits and what a change costs told; and in layers the waste, the whiteout and the lines?"""
    build(client, tmp_path, WASTEFUL)
    build(client, tmp_path, WASTEFUL.replace("two", "three"))
    show(page, lab, "built.ipynb", 'BuildCache("pictures")', 'Layers("pictures")')
    cache, layers = picture(page, "build-cache"), picture(page, "layers")
    steps = cache.locator(".lab-bc-step")
    expect(steps.nth(0)).to_contain_text("↺ cache")
    expect(steps.nth(1)).to_contain_text("● new")
    steps.nth(0).click()
    expect(steps.nth(1)).to_have_class("lab-bc-step lab-bc-new lab-bc-mark-yes")
    stripes = steps.nth(1).evaluate("(step) => getComputedStyle(step).backgroundImage")
    assert "repeating-linear-gradient" in stripes
    cache.screenshot(path=screenshots / "build-cache.png")
    top = layers.locator("button.lab-layer").first
    expect(top).to_contain_text("hides 2MB below")
    top.click()
    detail = layers.locator(".lab-detail")
    expect(detail.locator(".lab-hidden-files li").first).to_contain_text("/big 2MB · in layer 2")
    expect(detail.locator(".lab-tree li", has_text="/big")).to_contain_text("whiteout")
    detail.locator("[data-path='/greeting']").focus()
    page.keyboard.press("Enter")
    expect(detail.locator(".lab-diff-added")).to_have_text("+ three")
    expect(detail.locator("[data-path='/greeting']")).to_be_focused()
    layers.screenshot(path=screenshots / "layers-diff.png")
    page.keyboard.press("Enter")
    expect(detail.locator(".lab-diff")).to_have_count(0)


def test_registry_and_comparison_in_korean_and_dark(
    page: Page, lab: RunningLab, client: docker.DockerClient, screenshots: Path
) -> None:
    """Is a pull seen at the Hub's image, and are measurements drawn, also dark, Korean and narrow?"""
    for image in client.images.list(name="hello-world"):
        client.images.remove(image.id, force=True)
    choose_theme(lab, "JupyterLab Dark")
    try:
        show(
            page,
            lab,
            "numbers.ipynb",
            'Registry(lang="ko")',
            f'VmOrContainer({MEASURED}, lang="ko")',
        )
        registry, compared = picture(page, "registry"), picture(page, "vm")
        repository = registry.locator(".lab-rg-repository", has_text="hello-world")
        expect(repository).to_contain_text("레지스트리에만 있음")
        client.images.pull("hello-world", "latest")
        expect(repository).to_contain_text("● 이 기계에 있음")
        expect(repository).to_contain_text("↓ 가져옴(pull)")
        repository.locator("button").click()
        expect(registry.locator(".lab-detail")).to_contain_text("docker pull hello-world@sha256:")
        registry.screenshot(path=screenshots / "registry-dark-ko.png")
        compare(page, compared)
        page.set_viewport_size({"width": 700, "height": 2300})
        compared.screenshot(path=screenshots / "vm-dark-ko-narrow.png")
        assert compared.evaluate("(frame) => frame.scrollWidth <= frame.clientWidth")
    finally:
        choose_theme(lab, "JupyterLab Light")


def compare(page: Page, compared: Locator) -> None:
    """Choose memory and a linear scale by keys, and look at two cells."""
    expect(compared).to_contain_text("하나씩 놓고 보면 가상 머신은 컨테이너의 20배입니다.")
    compared.locator("[data-key='metric-start']").focus()
    for key in ("ArrowRight", "ArrowRight", "Enter"):
        page.keyboard.press(key)
    expect(compared.locator("[data-key='metric-memory']")).to_be_focused()
    expect(compared).to_contain_text("하나씩 놓고 보면 가상 머신은 컨테이너의 100배입니다.")
    compared.locator("[data-key='scale-linear']").click()
    bars = compared.locator(".lab-bars-bar")
    expect(bars).to_have_count(3)
    widths = [bars.nth(at).evaluate("(bar) => parseFloat(bar.style.width)") for at in range(3)]
    assert widths == [0.4, 0.6, 60.0]
    compared.locator("[data-key='kernel-container']").click()
    expect(compared).to_contain_text("호스트의 커널입니다: 6.1-host")
    compared.locator("[data-key='unit-vm']").click()
    expect(compared.locator("td[data-key='unit-vm']")).to_contain_text("사실")
