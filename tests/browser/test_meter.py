"""The isolation meter's panel: found in the launcher and by the palette, in both languages."""

from __future__ import annotations

import json
import re
import urllib.error
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from ..conftest import until
from .jupyterlab import LIMIT, menu
from .running import RunningLab
from .test_first_container import choose_theme

REPORT = re.compile("/lab/doctor")
"""The report's address; JupyterLab adds the time, against caches."""

pytestmark = pytest.mark.timeout(150)


def open_launcher(page: Page, lab: RunningLab, name: str) -> None:
    """Open JupyterLab in a workspace of the test's own, and the launcher there."""
    address, _, token = lab.url.partition("?token=")
    server = address.partition("/lab")[0]
    page.goto(f"{server}/lab/workspaces/{name}?reset&token={token}")
    expect(page.locator(".docker-lab-home li").first).to_be_visible(timeout=LIMIT)
    menu(page, "File", "New Launcher")
    expect(page.locator(".jp-LauncherCard").first).to_be_visible(timeout=LIMIT)


def open_panel(page: Page, lab: RunningLab, name: str) -> Locator:
    open_launcher(page, lab, name)
    page.locator(".jp-LauncherCard", has_text="what is real here").click()
    meter = page.locator(".docker-lab-meter")
    expect(row(meter, "place", "user")).to_be_visible(timeout=LIMIT)
    return meter


def row(meter: Locator, section: str, key: str) -> Locator:
    return meter.locator(f"[data-section={section}] li[data-key={key}]")


def test_launcher_card_opens_the_panel(page: Page, lab: RunningLab, screenshots: Path) -> None:
    """Does the card in the launcher show what was measured, with the engine that runs?"""
    meter = open_panel(page, lab, "meter-card")
    report = json.loads(lab.ask("lab/doctor"))
    for section in report["sections"]:
        for finding in section["findings"]:
            shown = row(meter, section["key"], finding["key"])
            expect(shown).to_have_attribute("data-grade", finding["grade"])
            expect(shown).to_contain_text(finding["label"]["en"])
            expect(shown.locator(".docker-lab-badge")).to_have_text(finding["grade"])
    chosen = meter.locator(f".docker-lab-card[data-kind={report['chosen']}]")
    expect(chosen).to_contain_text("the engine takes this one")
    expect(chosen).to_contain_text("running now")
    expect(meter).not_to_contain_text("undefined")
    expect(meter).not_to_contain_text("`")
    page.screenshot(path=screenshots / "meter-en.png")


def test_palette_opens_it_by_keyboard(page: Page, lab: RunningLab) -> None:
    """Is it found by the command palette, and can everything in it be reached by keys?"""
    open_launcher(page, lab, "meter-palette")
    page.keyboard.press("Control+Shift+c")
    page.keyboard.type("what is real")
    page.keyboard.press("Enter")
    meter = page.locator(".docker-lab-meter")
    expect(row(meter, "place", "user")).to_be_visible(timeout=LIMIT)
    meter.locator("button").first.focus()
    page.keyboard.press("Tab")
    expect(meter.locator("[data-language=ko]")).to_be_focused()
    page.keyboard.press("Enter")
    expect(meter.get_by_role("heading", level=1)).to_have_text("여기서 무엇이 진짜인가")
    expect(meter.locator("[data-language=ko]")).to_be_focused()
    expect(meter.locator("[data-language=ko]")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Tab")
    expect(meter.get_by_role("button", name="다시 측정")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(row(meter, "place", "user")).to_be_hidden()


def test_korean_and_dark(page: Page, lab: RunningLab, screenshots: Path) -> None:
    """Is everything said in Korean, remembered so, and readable in a dark theme?"""
    choose_theme(lab, "JupyterLab Dark")
    try:
        meter = open_panel(page, lab, "meter-ko")
        meter.locator("[data-language=ko]").click()
        report = json.loads(lab.ask("lab/doctor"))
        for finding in report["sections"][0]["findings"]:
            expect(row(meter, "place", finding["key"])).to_contain_text(finding["label"]["ko"])
        expect(page.locator(".lm-TabBar-tabLabel", has_text="진짜인가").first).to_be_visible()
        colour = meter.evaluate("(element) => getComputedStyle(element).backgroundColor")
        assert max(map(int, colour[colour.index("(") + 1 : -1].split(",")[:3])) < 90
        page.screenshot(path=screenshots / "meter-dark-ko.png")
        # JupyterLab stores where its panels are a moment later
        until(lambda: b"docker-lab-doctor" in lab.ask("lab/api/workspaces/meter-ko"), 20.0)
        page.reload()
        expect(meter.get_by_role("heading", level=1)).to_have_text(
            "여기서 무엇이 진짜인가", timeout=LIMIT
        )
    finally:
        choose_theme(lab, "JupyterLab Light")


def test_measuring_again(page: Page, lab: RunningLab) -> None:
    """Does the button measure anew, and is a failure told with a way to try again?"""
    meter = open_panel(page, lab, "meter-again")
    before = json.loads(lab.ask("lab/doctor"))["measured"]
    refused = "lab doctor gave no answer"

    def fail(route: Route) -> None:
        route.fulfill(status=503, content_type="application/json", json={"message": refused})

    page.route(REPORT, fail)
    meter.get_by_role("button", name="Measure again").click()
    expect(meter.get_by_role("alert")).to_contain_text(refused)
    page.unroute(REPORT)
    meter.get_by_role("button", name="Try again").click()
    expect(row(meter, "place", "user")).to_be_visible(timeout=LIMIT)
    expect(meter.get_by_role("alert")).to_have_count(0)
    assert json.loads(lab.ask("lab/doctor"))["measured"] > before


def test_narrow_panel(page: Page, lab: RunningLab, screenshots: Path) -> None:
    """Does a narrow panel put what was found below its name, with nothing cut off?"""
    page.set_viewport_size({"width": 760, "height": 1000})
    meter = open_panel(page, lab, "meter-narrow")
    box = row(meter, "place", "user").locator(".docker-lab-name").bounding_box()
    told = row(meter, "place", "user").locator(".docker-lab-told").bounding_box()
    assert box is not None and told is not None and told["y"] >= box["y"] + box["height"] - 1
    assert meter.evaluate("(element) => element.scrollWidth <= element.clientWidth")
    page.screenshot(path=screenshots / "meter-narrow.png")


def test_only_who_has_the_token_may_measure(lab: RunningLab) -> None:
    """Is the report, like everything of the server, refused without the token?"""
    with pytest.raises(urllib.error.HTTPError) as refused:
        lab.ask("lab/doctor", token="")
    assert refused.value.code == 403
    refused.value.close()
