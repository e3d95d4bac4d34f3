"""The Chromium that tests and screenshots drive: find it, get it (``python -m tools.chromium``), wait for Streamlit."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

from playwright.sync_api import Browser, Page, Playwright, sync_playwright

FLAGS = (
    "--no-sandbox",  # the sandbox does not start for root or in most containers; only our own pages are opened
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",  # containers have 64 MB of it
)
MENU = '[data-testid="stSidebar"] [data-testid="stPageLink-NavLink"]'  # the links to the pages
Commands = tuple[tuple[str, ...], ...]
DEBIAN: Commands = (
    ("apt-get", "update", "-qq"),
    ("apt-get", "install", "-qq", "-y", "--no-install-recommends", "chromium", "fonts-liberation"),
)
PLAYWRIGHT: Commands = ((sys.executable, "-m", "playwright", "install", "chromium"),)


def find(playwright: Playwright) -> str | None:
    """Return a Chromium's path: that of ``FAULTLINE_CHROMIUM``, the system's, or Playwright's own."""
    named = os.environ.get("FAULTLINE_CHROMIUM")
    if named:
        return shutil.which(named)
    own = playwright.chromium.executable_path
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which(own)


def launch(playwright: Playwright) -> Browser:
    """Start Chromium without a window.

    Raises
    ------
    FileNotFoundError
        There is none.
    """
    path = find(playwright)
    if path is None:
        raise FileNotFoundError("There is no Chromium: run `python -m tools.chromium`, or set FAULTLINE_CHROMIUM.")
    return playwright.chromium.launch(executable_path=path, args=list(FLAGS))


def wait_until_idle(page: Page, timeout: float = 60_000) -> None:
    """Wait until Streamlit has run the page's script and shows everything that it sent.

    Parameters
    ----------
    timeout : float
        In milliseconds.
    """
    busy = (
        '[data-testid="stSkeleton"], [data-testid="stSkeletonElement"], [data-testid="stSpinner"], [data-stale="true"]'
    )
    idle = '[data-testid="stApp"][data-test-script-state="notRunning"][data-test-connection-state="CONNECTED"]'
    page.locator(f"{idle}:not(:has({busy}))").wait_for(timeout=timeout)


def get() -> bool:
    """Get a Chromium where there is none; return whether there is one now."""
    ways = [PLAYWRIGHT]
    if os.geteuid() == 0 and shutil.which("apt-get"):
        ways.insert(0, DEBIAN)
    with sync_playwright() as playwright:
        for commands in ways:
            if find(playwright):
                break
            for command in commands:
                print("Getting a Chromium:", " ".join(command), flush=True)
                environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
                if subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=False).returncode:
                    break
        return find(playwright) is not None


def main() -> int:
    """Get a Chromium, or say that there is none to be had."""
    if get():
        return 0
    print(
        "There is no Chromium for the browser tests, and it could not be installed by apt-get or Playwright: "
        "install one and set FAULTLINE_CHROMIUM to its path.",
        file=sys.stderr,
    )
    return 1


if __name__ == "__main__":
    sys.exit(main())
