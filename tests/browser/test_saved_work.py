"""Saved work in a real browser: it survives the server's death, is its browser's own, and goes when it is deleted."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xgboost
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Server, serving
from tests.browser.steps import (
    NOTES,
    PATIENCE,
    cohort_bar,
    go_to,
    open_demo,
    save_cohort,
    settle,
    start_debugging,
    unfold,
    upload_both,
    write_note,
)
from tools.chromium import wait_until_idle

pytestmark = pytest.mark.browser
NOTE = "Rich <b>people</b> $default$ less"


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"age": rng.integers(18, 80, 400), "wage": rng.normal(30, 5, 400)})
    y = (X["age"] > 50).astype(int)
    noisy = np.where(rng.random(400) < 0.2, 1 - y, y)
    xgboost.XGBClassifier(n_estimators=5, max_depth=2, n_jobs=1).fit(X, y).save_model(tmp_path / "model.json")
    X.assign(y=noisy).to_csv(tmp_path / "test.csv", index=False)
    return tmp_path / "model.json", tmp_path / "test.csv"


@contextmanager
def visiting(browser: Browser, server: Server) -> Iterator[Page]:
    """Yield a page with cookies of its own, as another person has."""
    context = browser.new_context(base_url=server.url, viewport={"width": 1440, "height": 900})
    yield context.new_page()
    context.close()


def open_own(page: Page, files: tuple[Path, Path]) -> None:
    page.goto("/")
    settle(page, "Load")
    upload_both(page, *files)
    start_debugging(page)


def test_what_the_screen_calls_saved_survives_a_kill(
    browser: Browser, tmp_path: Path, files: tuple[Path, Path]
) -> None:
    home = tmp_path / "home"
    with serving(tmp_path, home) as server, visiting(browser, server) as page:
        open_own(page, files)
        expect(page.get_by_test_id("stSidebar")).to_contain_text("Saved. Deleted on")
        save_cohort(page, "wage > 30", "rich")
        write_note(page, NOTE)
        link = page.url
        server.kill()
        with serving(tmp_path, home, port=int(server.url.rpartition(":")[2])):
            page.goto(link)
            settle(page, "Overview")
            expect(cohort_bar(page)).to_contain_text("of 400 rows")
            page.get_by_role("button", name=NOTES).click()
            expect(page.get_by_test_id("stPopoverBody")).to_contain_text(NOTE)
            page.keyboard.press("Escape")
            page.get_by_role("button", name="Cohort", exact=True).click()
            expect(page.get_by_role("button", name="rich", exact=True)).to_be_visible()
            page.keyboard.press("Escape")

            with visiting(browser, server) as other:
                other.goto("/load")
                settle(other, "Load")
                expect(other.get_by_text("Go on with saved work")).to_have_count(0)
                other.goto(link)
                settle(other, "Overview")  # the link is the key

            go_to(page, "Load")
            page.get_by_role("button", name="Delete", exact=True).click()
            page.get_by_role("button", name="Delete for good").click()
            expect(page.get_by_text("Go on with saved work")).to_have_count(0)
            page.goto(link)
            expect(page.get_by_text("the server no longer holds")).to_be_visible(timeout=PATIENCE)
    with sqlite3.connect(home / "workspace" / "workspace.sqlite3") as connection:
        assert connection.execute("SELECT count(*) FROM subject").fetchone()[0] == 0
    connection.close()
    assert not any(path.is_file() for path in (home / "workspace" / "files").iterdir())


def test_a_note_leads_back_to_its_view_and_a_dismissal_can_be_taken_back(
    browser: Browser, tmp_path: Path, files: tuple[Path, Path]
) -> None:
    with serving(tmp_path, tmp_path / "home") as server, visiting(browser, server) as page:
        open_demo(page, "credit default")
        dismiss = page.get_by_role("button", name="Dismiss", exact=True)
        expect(dismiss.first).to_be_visible(timeout=PATIENCE)
        wait_until_idle(page, PATIENCE)
        before = dismiss.count()
        dismiss.first.click()
        page.get_by_role("textbox", name="Why it is no problem").fill("known")
        page.get_by_test_id("stPopoverBody").get_by_role("button", name="Dismiss").click()
        expect(page.get_by_text("1 dismissed")).to_be_visible(timeout=PATIENCE)
        page.reload()
        settle(page, "Overview")
        unfold(page, "1 dismissed")
        page.get_by_role("button", name="Restore").click()
        expect(page.get_by_text("1 dismissed")).to_have_count(0, timeout=PATIENCE)
        assert dismiss.count() == before

        go_to(page, "Effects")
        write_note(page, NOTE)
        go_to(page, "Residuals")
        page.get_by_role("button", name=NOTES).click()
        page.get_by_test_id("stPopoverBody").get_by_role("button", name="Show").click()
        settle(page, "Effects")

        with visiting(browser, server) as other:
            open_demo(other, "credit default")
            expect(other.get_by_role("button", name="Notes", exact=True)).to_be_visible()
