"""The app comes up in a real browser, and only from its own server."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import NewPage, Watch
from tools.chromium import wait_until_idle

pytestmark = pytest.mark.browser


def test_the_start_page_opens_with_its_policy_and_without_a_console_error(page: Page) -> None:
    response = page.goto("/")
    assert response is not None
    policy = response.headers["content-security-policy"]
    assert "img-src 'self' data: blob:" in policy
    assert "unsafe-eval" not in policy.replace("wasm-unsafe-eval", "")
    wait_until_idle(page)
    expect(page.get_by_test_id("stMain")).to_contain_text("Faultline")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_follows_the_colour_scheme_on_a_phone(new_page: NewPage, scheme: str) -> None:
    page = new_page(width=390, height=844, scheme=scheme)
    page.goto("/")
    wait_until_idle(page)
    background = page.get_by_test_id("stApp").evaluate("app => getComputedStyle(app).backgroundColor")
    assert background == {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 23, 26)"}[scheme]
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_the_policy_stops_an_image_of_another_host_and_the_watch_sees_it(page: Page, watch: Watch) -> None:
    page.goto("/")
    wait_until_idle(page)
    with page.expect_console_message(lambda message: "Content Security Policy" in message.text):
        page.evaluate("document.body.append(Object.assign(new Image(), {src: 'http://192.0.2.1/x.png'}))")
    assert any("192.0.2.1" in problem for problem in watch.problems())
    watch.allow("192.0.2.1")
