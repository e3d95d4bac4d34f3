"""The published figures of the credit data, from files that are uploaded in a real browser."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests import credit
from tests.browser.steps import (
    PATIENCE,
    answer,
    choose,
    go_to,
    problems,
    settle,
    sidebar_pages,
    start_debugging,
    upload_both,
)
from tools.chromium import wait_until_idle

pytestmark = pytest.mark.browser


def metric(page: Page, label: str) -> float:
    """Return the number of a card of the scorecard."""
    card = page.get_by_test_id("stMetric").filter(has=page.get_by_text(label, exact=True))
    return float(card.get_by_test_id("stMetricValue").inner_text())


def test_the_app_shows_the_published_figures(page: Page, tmp_path_factory: pytest.TempPathFactory) -> None:
    model, table = credit.write(tmp_path_factory.mktemp("credit"))
    page.goto("/")
    settle(page, "Load")
    upload_both(page, model, table)
    expect(page.get_by_role("combobox", name="Target", exact=True)).to_have_value(credit.TARGET, timeout=PATIENCE)
    choose(page, "Row id", "ID")
    page.get_by_role("spinbutton", name="Decision threshold").fill("0.25")
    page.keyboard.press("Enter")
    expect(page.get_by_text("9,054", exact=True)).to_be_visible(timeout=PATIENCE)
    wait_until_idle(page)
    start_debugging(page)

    expect(answer(page)).to_have_text(re.compile(r"Log loss is 0\.42[567].* on 9,054 rows\."))
    assert metric(page, "Log loss") == pytest.approx(0.426, abs=0.001)
    assert metric(page, "ROC AUC") == pytest.approx(0.781, abs=0.002)

    choose(page, "Compare groups of", "SEX")
    page.get_by_role("radio", name="False-positive rate").click()
    wait_until_idle(page)
    for group, published in (("SEX = 1", 0.190), ("SEX = 2", 0.158)):
        assert shown_bars(page)[group] == pytest.approx(published, abs=0.01)

    go_to(page, "Residuals")
    expect(answer(page)).to_contain_text("row 300: predicted 0.008")
    for name in sidebar_pages(page)[2:]:
        go_to(page, name)
        expect(problems(page)).to_have_count(0)
        expect(answer(page)).to_be_visible()


def shown_bars(page: Page) -> dict[str, float]:
    """Return the bars that the chart of the groups draws, as the browser's plotly has them."""
    named = page.locator(".xtitle", has_text="False-positive rate")
    drawn = page.locator(".js-plotly-plot:has(.barlayer .point)").filter(has=named)
    expect(drawn.locator(".barlayer .point path")).to_have_count(2, timeout=PATIENCE)
    found: dict[str, float] = drawn.evaluate(
        "plot => { const bars = plot.data.find(trace => trace.type === 'bar');"
        " const values = plot.calcdata.find(calc => calc[0].trace.type === 'bar').map(point => point.s);"
        " return Object.fromEntries(bars.y.map((name, i) => [name, values[i]])); }"
    )
    return found
