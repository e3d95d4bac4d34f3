"""One debugging session in a real browser, from a demo or from uploaded files to a link for a colleague."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xgboost
from playwright.sync_api import Browser, Page, expect
from skl2onnx import to_onnx
from sklearn.linear_model import LogisticRegression

from tests.browser.conftest import NewPage, Server, Watch, serving
from tests.browser.steps import (
    CHARTS,
    PATIENCE,
    PROBE,
    answer,
    apply_condition,
    choose,
    cohort_bar,
    go_back_to,
    go_to,
    heading,
    open_demo,
    problems,
    settle,
    sidebar_pages,
    start_debugging,
    upload_both,
)
from tools.chromium import MENU, wait_until_idle

pytestmark = pytest.mark.browser
DEMO = "Breast cancer"
PATH_OF_DEMO = "demo=breast_cancer"
SENTENCE = re.compile(r"\w.*\.")


def visit_demo(page: Page) -> None:
    """Open the demo by its link, which leads to the Overview."""
    page.goto(f"/?{PATH_OF_DEMO}")
    settle(page, "Overview")


def test_every_page_of_the_sidebar_shows_heading_answer_and_chart(page: Page) -> None:
    open_demo(page, DEMO)
    names = sidebar_pages(page)
    assert names[:2] == ["Load", "Overview"]
    for name in names:
        go_to(page, name)
        expect(problems(page)).to_have_count(0)
        expect(page.get_by_test_id("stException")).to_have_count(0)
        if name == "Load":
            expect(page.get_by_text(f"Go on with {DEMO}")).to_be_visible()
            continue
        expect(answer(page)).to_have_text(SENTENCE)
        expect(page.locator(CHARTS).first).to_be_visible()
        expect(cohort_bar(page)).to_contain_text("228 rows")
        expect(page.get_by_text("How to read this")).to_be_visible()


def test_a_typed_cohort_goes_along_to_every_page_and_into_the_link(page: Page, new_page: NewPage, watch: Watch) -> None:
    visit_demo(page)
    apply_condition(page, "read_csv('/etc/passwd') IS NULL")
    expect(problems(page)).to_contain_text("cannot be used")
    expect(cohort_bar(page)).to_contain_text("All rows")
    page.get_by_role("textbox", name="Condition").fill("mean_radius > 15")
    page.get_by_role("button", name="Apply", exact=True).click()
    expect(cohort_bar(page)).to_contain_text("70 of 228 rows")
    go_to(page, "Effects")
    expect(cohort_bar(page)).to_contain_text("70 of 228 rows")
    choose(page, "Feature", "mean_area")
    expect(answer(page)).to_contain_text("along mean_area", timeout=PATIENCE)
    wait_until_idle(page)
    link = page.url
    assert "cohort=mean_radius" in link
    assert "effects_feature=mean_area" in link

    watch.allow(PROBE)
    colleague = new_page()
    colleague.goto(link)
    page.reload()
    for viewer in (colleague, page):
        settle(viewer, "Effects")
        expect(cohort_bar(viewer)).to_contain_text("70 of 228 rows")
        expect(answer(viewer)).to_contain_text("along mean_area")
        expect(viewer.get_by_role("combobox", name="Feature", exact=True)).to_have_value("mean_area")

    go_to(page, "Residuals")
    go_back_to(page, "Effects")
    expect(cohort_bar(page)).to_contain_text("70 of 228 rows")


def test_a_page_of_the_menu_opens_in_a_tab_of_its_own_with_the_same_rows(
    page: Page, new_page: NewPage, watch: Watch
) -> None:
    watch.allow(PROBE)
    page.goto(f"/?{PATH_OF_DEMO}&cohort=mean_radius+%3E+15")
    settle(page, "Overview")
    address = page.locator(MENU).filter(has_text="Residuals").evaluate("link => link.href")
    other = new_page()
    other.goto(address)
    settle(other, "Residuals")
    expect(cohort_bar(other)).to_contain_text("70 of 228 rows")


def test_on_a_phone_the_menu_closes_when_a_page_is_chosen(browser: Browser, server: Server) -> None:
    agent = "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36"
    with browser.new_context(
        base_url=server.url, viewport={"width": 390, "height": 844}, user_agent=agent, is_mobile=True, has_touch=True
    ) as context:
        page = context.new_page()
        page.goto(f"/?{PATH_OF_DEMO}&cohort=mean_radius+%3E+15")
        settle(page, "Overview")
        page.get_by_test_id("stExpandSidebarButton").click()
        page.get_by_test_id("stSidebarNavLink").filter(has_text="Residuals").click()
        settle(page, "Residuals")
        expect(page.get_by_test_id("stSidebar")).to_have_attribute("data-collapsed", "true")
        expect(cohort_bar(page)).to_contain_text("70 of 228 rows")


def test_a_bar_becomes_the_cohort_until_it_is_cleared_or_another_is_chosen(page: Page) -> None:
    visit_demo(page)
    choose(page, "Compare groups of", "mean_texture")
    bars = page.locator(".barlayer .point path")
    expect(bars).to_have_count(4, timeout=PATIENCE)
    wait_until_idle(page)
    bars.nth(1).click(force=True)  # plotly lays a surface for the mouse over its marks
    expect(cohort_bar(page)).to_contain_text("mean_texture in [16.41, 18.9)")
    wait_until_idle(page)
    page.get_by_role("button", name="Clear", exact=True).click()
    expect(cohort_bar(page)).to_contain_text("All rows")
    wait_until_idle(page)
    expect(cohort_bar(page)).to_contain_text("All rows")
    bars.nth(1).click(force=True)
    expect(cohort_bar(page)).to_contain_text("mean_texture in")
    wait_until_idle(page)
    apply_condition(page, "mean_radius > 15")
    expect(cohort_bar(page)).to_contain_text("70 of 228 rows")
    wait_until_idle(page)
    go_to(page, "Residuals")
    expect(cohort_bar(page)).to_contain_text("70 of 228 rows")


def test_a_row_of_the_worst_ones_becomes_the_cohort(page: Page) -> None:
    visit_demo(page)
    go_to(page, "Residuals")
    row = (answer(page).inner_text().split("row ")[1]).split(":")[0]
    table = page.get_by_test_id("stDataFrame").first
    table.scroll_into_view_if_needed()
    table.click(position={"x": 18, "y": 55})  # the table is a canvas: the box that selects its first row
    expect(cohort_bar(page)).to_contain_text(f"row {row}")
    expect(cohort_bar(page)).to_contain_text("1 of 228 rows")
    go_to(page, "Overview")
    expect(cohort_bar(page)).to_contain_text(f"row {row}")
    expect(page.get_by_role("heading", name="The cohort against the rest")).to_be_visible()


def test_two_people_with_the_same_demo_have_cohorts_of_their_own(new_page: NewPage) -> None:
    first, second = new_page(), new_page()
    for person in (first, second):
        visit_demo(person)
    apply_condition(first, "mean_radius > 15")
    expect(cohort_bar(first)).to_contain_text("70 of 228 rows")
    go_to(second, "Residuals")
    expect(cohort_bar(second)).to_contain_text("All rows")
    apply_condition(second, "mean_radius > 20")
    expect(cohort_bar(second)).to_contain_text("of 228 rows")
    go_to(first, "Residuals")
    expect(cohort_bar(first)).to_contain_text("70 of 228 rows")


def test_a_deep_link_is_the_first_thing_that_a_server_is_asked_for(
    browser: Browser, server: Server, tmp_path: Path
) -> None:
    with serving(tmp_path, server.home) as fresh, browser.new_context(base_url=fresh.url) as context:
        page = context.new_page()
        page.goto(f"/effects?{PATH_OF_DEMO}&effects_feature=mean_area&cohort=mean_radius+%3E+15")
        settle(page, "Effects")
        expect(problems(page)).to_have_count(0)
        expect(answer(page)).to_contain_text("along mean_area", timeout=PATIENCE)
        expect(cohort_bar(page)).to_contain_text("70 of 228 rows")
        assert sidebar_pages(page)[:2] == ["Load", "Overview"]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a table and two models of it."""
    folder = tmp_path_factory.mktemp("uploads")
    rng = np.random.default_rng(0)
    X = pd.DataFrame({name: rng.normal(size=400).astype(np.float32) for name in ("age", "income", "debt")})
    y = (X["age"] - X["debt"] + rng.normal(size=400) > 0).astype(int)
    X.assign(target=y).to_csv(folder / "people.csv", index=False)
    regression = LogisticRegression().fit(X.to_numpy(), y)
    onnx = to_onnx(regression, X.to_numpy()[:1], options={"zipmap": False})
    (folder / "people.onnx").write_bytes(onnx.SerializeToString())
    xgboost.XGBClassifier(n_estimators=20, max_depth=3).fit(X, y).save_model(folder / "people.json")
    return folder


@pytest.mark.parametrize("model", ["people.onnx", "people.json"])
def test_an_uploaded_model_and_table_are_debugged(page: Page, files: Path, model: str) -> None:
    page.goto("/")
    settle(page, "Load")
    upload_both(page, files / model, files / "people.csv")
    expect(page.get_by_role("combobox", name="Target", exact=True)).to_have_value("target", timeout=PATIENCE)
    start_debugging(page)
    expect(answer(page)).to_contain_text("on 400 rows")
    expect(page.get_by_test_id("stSidebar")).to_contain_text(model)
    for name in sidebar_pages(page)[2:]:
        go_to(page, name)
        expect(problems(page)).to_have_count(0)
        expect(answer(page)).to_be_visible()
    expect(heading(page)).to_be_visible()
