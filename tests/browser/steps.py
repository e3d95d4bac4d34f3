"""What a person does in the app, step by step; every step ends when the page shows what it led to."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from tools.chromium import MENU, wait_until_idle

PATIENCE = 120_000  # milliseconds: a page may train a demo's model or start a process for an uploaded one first
CHARTS = '.js-plotly-plot, [data-testid="stVegaLiteChart"] canvas, [data-testid="stVegaLiteChart"] svg, .fl-readout'
# A link to a page makes Streamlit look for itself below that page first, which Chromium writes to the console.
PROBE = "/_stcore/"
NOTES = re.compile(r"^Notes")


def heading(page: Page) -> Locator:
    """Return the page's title."""
    return page.get_by_role("heading", level=1)


def answer(page: Page) -> Locator:
    """Return the line that answers the page's question."""
    return page.get_by_test_id("stMain").locator("p > strong").first


def cohort_bar(page: Page) -> Locator:
    """Return the bar that says which rows are active."""
    return page.locator(".st-key-cohort_bar")


def problems(page: Page) -> Locator:
    """Return the sentences that say what went wrong."""
    return page.get_by_test_id("stAlertContentError")


def settle(page: Page, title: str) -> None:
    """Wait for a page and all that it shows."""
    expect(heading(page)).to_have_text(title, timeout=PATIENCE)
    wait_until_idle(page, PATIENCE)


def open_demo(page: Page, name: str) -> None:
    """Open a demo with a click, from the start page."""
    page.goto("/")
    page.get_by_role("button", name=f"Open {name}").click()
    settle(page, "Overview")


def sidebar_pages(page: Page) -> list[str]:
    """Return the names of the pages in the sidebar."""
    links = page.locator(MENU)
    expect(links.first).to_be_visible()
    return [name.strip() for name in links.all_inner_texts()]


def go_to(page: Page, name: str) -> None:
    """Choose a page in the sidebar."""
    page.locator(MENU).filter(has_text=name).click()
    settle(page, name)


def go_back_to(page: Page, name: str) -> None:
    """Press the browser's Back, once: a page is one step of its history."""
    page.go_back()
    settle(page, name)


def apply_condition(page: Page, condition: str) -> None:
    """Type a condition into the cohort's popover and apply it; the popover is left open."""
    page.get_by_role("button", name="Cohort", exact=True).click()
    page.get_by_role("textbox", name="Condition").fill(condition)
    page.get_by_role("button", name="Apply", exact=True).click()


def unfold(page: Page, text: str) -> None:
    """Open an expander, and wait until it is open: what is clicked while it grows has moved when the mouse comes up."""
    page.get_by_text(text).click()
    page.get_by_test_id("stExpander").filter(has_text=text).evaluate(
        """async (element) => {
            await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
            await Promise.all(element.getAnimations({ subtree: true }).map((animation) => animation.finished));
        }"""
    )


def choose(page: Page, label: str, option: str) -> None:
    """Choose an option of a select box."""
    box = page.get_by_role("combobox", name=label, exact=True)
    box.click()
    box.fill(option)
    page.get_by_role("option", name=option, exact=True).click()


def upload(page: Page, label: str, *files: Path) -> None:
    """Choose files in one of the Load page's uploaders, once it is done with what was chosen before."""
    wait_until_idle(page, PATIENCE)
    uploader = page.get_by_test_id("stFileUploader").filter(has=page.get_by_text(label, exact=True))
    uploader.locator("input[type=file]").set_input_files(list(files))


def upload_both(page: Page, model: Path, table: Path) -> None:
    """Choose a model and, once the page says that it was understood, a test table, as its sentence asks."""
    upload(page, "Model", model)
    expect(page.get_by_text("Now choose the test table.")).to_be_visible(timeout=PATIENCE)
    upload(page, "Test table", table)


def start_debugging(page: Page) -> None:
    """Open what was uploaded."""
    button = page.get_by_role("button", name="Start debugging")
    expect(button).to_be_enabled(timeout=PATIENCE)
    button.click()
    settle(page, "Overview")


def save_cohort(page: Page, condition: str, name: str) -> None:
    """Type a condition, name it and save it."""
    page.get_by_role("button", name="Cohort", exact=True).click()
    page.get_by_role("textbox", name="Condition").fill(condition)
    page.get_by_role("textbox", name="Save under the name").fill(name)
    page.get_by_role("button", name="Apply", exact=True).click()
    expect(cohort_bar(page)).to_contain_text(name, timeout=PATIENCE)
    page.keyboard.press("Escape")
    wait_until_idle(page, PATIENCE)


def write_note(page: Page, text: str) -> None:
    """Write a note on the view that is shown."""
    page.get_by_role("button", name=NOTES).click()
    page.get_by_role("textbox", name="Note on this view").fill(text)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_test_id("stPopoverBody")).to_contain_text(text, timeout=PATIENCE)
    page.keyboard.press("Escape")
    wait_until_idle(page, PATIENCE)


def texts(locator: Locator) -> Sequence[str]:
    """Return the text of every match, without the space around it."""
    return [text.strip() for text in locator.all_inner_texts()]
