"""Pictures of every page, light and dark, wide and narrow: ``python -m tools.screenshots [--base-url URL]``."""

from __future__ import annotations

import argparse
import itertools
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal
from urllib.parse import urljoin, urlsplit

from playwright.sync_api import Browser, sync_playwright

from tools.chromium import MENU, launch, wait_until_idle

ROOT = Path(__file__).parents[1]
SIZES = {"1440": (1440, 900), "390": (390, 844)}
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


@contextmanager
def served() -> Iterator[str]:
    """Serve Faultline on a free port for as long as the pictures take; yield its address."""
    command = [sys.executable, "-m", "serve", "--port", "0"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            line = server.stdout.readline()
            address = re.search(r"http://\S+", line)
            if address is None:
                raise SystemExit("The server did not start; its reason stands above.")
            yield address[0]
        finally:
            server.terminate()


def find_pages(browser: Browser, base_url: str, query: str) -> list[str]:
    """Return the paths that the navigation in the sidebar links to, the first page first."""
    with browser.new_page(viewport={"width": 1440, "height": 900}) as page:
        page.goto(f"{base_url}/?{query}")
        wait_until_idle(page)
        links = page.locator(MENU).evaluate_all("all => all.map(a => a.href)")
    return list(dict.fromkeys(["/", *(urlsplit(link).path for link in links)]))


def picture(
    browser: Browser, address: str, size: tuple[int, int], scheme: Literal["light", "dark"], wait_text: str | None
) -> bytes:
    """Return a PNG of a page that has finished, of its full height."""
    width, height = size
    with browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme) as page:
        page.goto(address)
        wait_until_idle(page)
        if wait_text:
            page.get_by_text(wait_text).first.wait_for()
        # Streamlit scrolls a box inside the page: make the window as high as what is in it.
        content = page.locator('[data-testid="stMain"]').evaluate("box => box.scrollHeight")
        page.set_viewport_size({"width": width, "height": min(max(height, content), 6000)})
        wait_until_idle(page)
        return page.screenshot(animations="disabled")


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line and write the pictures."""
    parser = argparse.ArgumentParser(prog="python -m tools.screenshots", description=__doc__)
    parser.add_argument("--base-url", help="a server that runs; without it one is started")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "screenshots")
    parser.add_argument("--pages", nargs="*", metavar="PATH", help="such as / /what-if; default: all in the sidebar")
    parser.add_argument("--query", default="demo=credit", help="what to load (default: %(default)s)")
    parser.add_argument("--wait-text", help="a text that has to be on the page before its picture is taken")
    chosen = parser.parse_args(arguments)
    if chosen.base_url is None:
        with served() as base_url:
            take(base_url, chosen)
    else:
        take(chosen.base_url.rstrip("/"), chosen)


def take(base_url: str, chosen: argparse.Namespace) -> None:
    """Take all pictures of a server."""
    chosen.out.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright, launch(playwright) as browser:
        pages = chosen.pages or find_pages(browser, base_url, chosen.query)
        for path, (label, size), scheme in itertools.product(pages, SIZES.items(), SCHEMES):
            name = f"{path.strip('/').replace('/', '-') or 'start'}-{label}-{scheme}.png"
            address = urljoin(base_url + "/", path.lstrip("/")) + f"?{chosen.query}"
            (chosen.out / name).write_bytes(picture(browser, address, size, scheme, chosen.wait_text))
            print(chosen.out / name, flush=True)


if __name__ == "__main__":
    main()
