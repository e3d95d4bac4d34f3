"""The Importance page in a real browser: a bar leads to its feature, a point to its row, the link to the same view."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import NewPage, Watch
from tests.browser.steps import PATIENCE, PROBE, answer, cohort_bar, go_to, settle
from tools.chromium import wait_until_idle

pytestmark = pytest.mark.browser
LINK = "/importance?demo=breast_cancer"


@pytest.fixture(autouse=True)
def deep_links(watch: Watch) -> None:
    """Every test begins with a link to the page."""
    watch.allow(PROBE)


def visit(page: Page, rest: str = "") -> None:
    page.goto(LINK + rest)
    settle(page, "Importance")
    expect(page.locator(".barlayer .point path").first).to_be_visible(timeout=PATIENCE)
    wait_until_idle(page, PATIENCE)


def test_a_bar_leads_to_its_feature_and_a_point_to_its_row(page: Page, new_page: NewPage) -> None:
    visit(page)
    expect(answer(page)).to_contain_text("moves the prediction most", timeout=PATIENCE)
    box = page.get_by_role("combobox", name="Feature", exact=True)
    before = box.input_value()
    bars = page.locator(".barlayer").first.locator(".point path")
    bars.first.click(force=True)  # the lowest bar; plotly lays a surface for the mouse over its marks
    expect(box).not_to_have_value(before, timeout=PATIENCE)
    wait_until_idle(page, PATIENCE)
    feature = box.input_value()

    points = page.locator(".js-plotly-plot").nth(2).locator(".scatterlayer .point")
    points.nth(5).click(force=True)
    expect(cohort_bar(page)).to_contain_text("1 of 228 rows", timeout=PATIENCE)
    expect(page.get_by_text("the worst of the cohort")).to_be_visible(timeout=PATIENCE)
    wait_until_idle(page, PATIENCE)
    link = page.url
    assert f"importance_feature={feature}" in link

    colleague = new_page()
    colleague.goto(link)
    page.reload()
    for viewer in (colleague, page):
        settle(viewer, "Importance")
        expect(viewer.get_by_role("combobox", name="Feature", exact=True)).to_have_value(feature, timeout=PATIENCE)
        expect(cohort_bar(viewer)).to_contain_text("1 of 228 rows", timeout=PATIENCE)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Permutation", "permutations of each feature"),
        ("Interactions", "interact most"),
        ("Checks", "Checks of the explanation itself"),
        ("Surrogate", "Fidelity by slice"),
    ],
)
def test_a_part_is_computed_when_it_is_opened(page: Page, name: str, words: str) -> None:
    visit(page)
    expect(page.get_by_text(words)).to_have_count(0)
    page.get_by_role("tab", name=name).click()
    expect(page.get_by_text(words).first).to_be_visible(timeout=PATIENCE)
    wait_until_idle(page, PATIENCE)
    expect(page.get_by_test_id("stException")).to_have_count(0)
    assert f"importance_view={name}" in page.url


def test_what_if_leads_to_what_its_row_is_made_of_and_back(page: Page) -> None:
    visit(page)
    go_to(page, "What-if")
    row = page.get_by_role("spinbutton", name="Row in the file").input_value()
    page.get_by_test_id("stPageLink-NavLink").filter(has_text="What each feature contributes").click()
    settle(page, "Importance")
    expect(page.get_by_text(f"Row {row}", exact=True).first).to_be_visible(timeout=PATIENCE)
    wait_until_idle(page, PATIENCE)
    page.get_by_test_id("stPageLink-NavLink").filter(has_text="Open this row in What-if").click()
    settle(page, "What-if")
    expect(page.get_by_role("spinbutton", name="Row in the file")).to_have_value(row, timeout=PATIENCE)
