"""Switching pages on a subject whose answers are computed: from the click to the new page's heading and chart."""

from __future__ import annotations

from playwright.sync_api import Page

from benchmarks.driving import Stopwatch, opened_page, served, spread
from tools.chromium import wait_until_idle

ROUNDS = 12


def main() -> None:
    """Print, for each page, how long switching to it takes."""
    with served() as (url, _), opened_page() as page:
        page.goto(f"{url}/overview?demo=credit")
        wait_until_idle(page, timeout=120_000)
        names = [n.strip() for n in page.get_by_test_id("stSidebarNavLink").all_inner_texts() if n.strip() != "Load"]
        for name in names:
            _switch(page, name)
        times: dict[str, list[float]] = {name: [] for name in names}
        for _ in range(ROUNDS):
            for name in names:
                times[name].append(_switch(page, name))
        for name in names:
            spread(f"switch to {name}", times[name])
        spread("switch to any page", [t for each in times.values() for t in each])


def _switch(page: Page, name: str) -> float:
    link = page.get_by_test_id("stSidebarNavLink").filter(has_text=name)
    watch = Stopwatch()
    link.click()
    page.get_by_role("heading", name=name, exact=True, level=1).wait_for()
    page.locator(".js-plotly-plot .main-svg, [data-testid='stImage'], [data-testid='stVegaLiteChart']").first.wait_for()
    seconds = watch.read()
    wait_until_idle(page)
    return seconds


if __name__ == "__main__":
    main()
