"""Smallest changes in a real browser: found, proved, applied with a click, and shared."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect
from sklearn.datasets import load_breast_cancer

from tests.browser.conftest import NewPage, Watch
from tests.browser.steps import PATIENCE, PROBE, answer, go_back_to, go_to, settle
from tools.chromium import wait_until_idle

pytestmark = pytest.mark.browser
LINK = "/what_if?demo=breast_cancer"
FEATURES = [name.replace(" ", "_") for name in load_breast_cancer().feature_names]  # in the order of the demo
PROVED = re.compile(r"(\d+) changes?: (.+) \(the smallest there is, proved\)\.")


@pytest.fixture(autouse=True)
def deep_links(watch: Watch) -> None:
    """Every test begins with a link to the page."""
    watch.allow(PROBE)


def decision(page: Page) -> Locator:
    """Return the present decision in the readout."""
    return page.locator(".fl-decision > strong")


def find(page: Page) -> list[str]:
    """Ask for the smallest changes; return the features of the first one."""
    page.get_by_role("button", name="Find the smallest changes").click()
    headline = page.get_by_test_id("stMain").locator("p > strong").filter(has_text=PROVED)
    expect(headline).to_be_visible(timeout=PATIENCE)
    wait_until_idle(page, PATIENCE)
    said = PROVED.search(headline.inner_text())
    assert said is not None
    changes = [part.rpartition(" to ")[0] for part in said[2].split("; ")]
    assert len(changes) == int(said[1])
    return changes


def visit(page: Page) -> None:
    """Open the tab of the smallest changes."""
    page.goto(LINK)
    settle(page, "What-if")
    page.get_by_role("tab", name="Smallest change").click()
    expect(page.get_by_role("button", name="Find the smallest changes")).to_be_visible(timeout=PATIENCE)
    wait_until_idle(page, PATIENCE)


def test_a_proved_smallest_change_flips_the_decision_and_its_link_shows_it(page: Page, new_page: NewPage) -> None:
    visit(page)
    before = decision(page).inner_text()
    changed = find(page)
    page.get_by_role("button", name="Apply change 1").click()
    expect(answer(page)).to_contain_text(f"with {len(changed)} change", timeout=PATIENCE)
    expect(decision(page)).not_to_have_text(before, timeout=PATIENCE)
    after = decision(page).inner_text()
    # Each changed feature's cell offers the value that the file has.
    expect(page.locator('[class*="st-key-what_if_was_"]')).to_have_count(len(changed), timeout=PATIENCE)
    expect(page).to_have_url(re.compile("what_if_edits="), timeout=PATIENCE)
    wait_until_idle(page, PATIENCE)

    colleague = new_page()
    colleague.goto(page.url)
    settle(colleague, "What-if")
    expect(decision(colleague)).to_have_text(after, timeout=PATIENCE)
    expect(answer(colleague)).to_contain_text(f"with {len(changed)} change", timeout=PATIENCE)

    go_to(page, "Effects")
    go_back_to(page, "What-if")
    expect(decision(page)).to_have_text(after, timeout=PATIENCE)
    page.get_by_role("button", name="Undo", exact=True).click()
    expect(decision(page)).to_have_text(before, timeout=PATIENCE)


def test_a_feature_that_may_not_change_is_left_alone_and_stays_so(page: Page) -> None:
    visit(page)
    first = find(page)[0]
    page.get_by_role("button", name="What may change").click()
    grid = page.get_by_test_id("stPopoverBody").get_by_test_id("data-grid-canvas")
    expect(grid).to_be_visible(timeout=PATIENCE)
    wait_until_idle(page, PATIENCE)
    grid.click(position={"x": 20, "y": 52}, force=True)  # the first feature's name
    for key in ("ArrowRight", *["ArrowDown"] * FEATURES.index(first), "Enter"):
        page.keyboard.press(key)
    expect(page.get_by_text("only up", exact=True)).to_be_visible(timeout=PATIENCE)
    page.keyboard.type("not at all")
    page.keyboard.press("Enter")
    rule = page.get_by_test_id("stCaptionContainer").filter(has_text=f"May move: {first} not at all;")
    expect(rule).to_be_visible(timeout=PATIENCE)
    page.keyboard.press("Escape")
    page.get_by_role("tab", name="History").click()
    expect(rule).to_have_count(0, timeout=PATIENCE)
    page.get_by_role("tab", name="Smallest change").click()
    expect(rule).to_be_visible(timeout=PATIENCE)
    wait_until_idle(page, PATIENCE)
    assert first not in find(page)
