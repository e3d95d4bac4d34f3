"""A stranger's name is shown as it is, whatever Streamlit's markdown would make of it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import ROOT, STOP_SECONDS
from tests.names import FORMATTED
from tools.chromium import wait_until_idle
from tools.ports import free_port

pytestmark = pytest.mark.browser
PLACES = 4
# What text alone never becomes; a badge and bold letters are ours.
FORMATTING = "a, img, b, i, em, del, code, pre, mark, sub, sup, ol, ul, hr, table, blockquote, input, .katex, script"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Serve the names."""
    port = str(free_port())
    command = [sys.executable, "-m", "streamlit", "run", str(Path(__file__).with_name("names_app.py"))]
    options = ["--server.port", port, "--server.address", "127.0.0.1"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    quiet = subprocess.DEVNULL
    with subprocess.Popen([*command, *options], cwd=ROOT, env=environment, stdout=quiet, stderr=quiet) as process:
        try:
            with httpx.Client(transport=httpx.HTTPTransport(retries=8), timeout=60) as client:
                client.get(f"http://127.0.0.1:{port}/_stcore/health").raise_for_status()
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(STOP_SECONDS)


def test_no_name_is_formatted(browser: Browser, address: str) -> None:
    with browser.new_page() as page:
        page.goto(address)
        expect(page.get_by_text("all names are here")).to_be_attached()
        wait_until_idle(page)
        for i, name in enumerate(FORMATTED):
            box = page.locator(f".st-key-name_{i}")
            texts = [text.replace("\u2060", "") for text in box.locator("p").all_text_contents()]
            assert [" ".join(text.split()) for text in texts] == [" ".join(name.split())] * PLACES
            assert box.locator(FORMATTING).count() == 0, name
