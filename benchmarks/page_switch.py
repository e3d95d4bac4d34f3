"""Switching pages on a subject whose answers are computed: from the click to the new page's heading and chart."""

from __future__ import annotations

from playwright.sync_api import Page

from benchmarks.driving import opened_page, served, spread
from tools.chromium import MENU, wait_until_idle

ROUNDS = 12


def main() -> None:
    """Print, for each page, how long switching to it takes."""
    with served() as (url, _), opened_page() as page:
        page.goto(f"{url}/overview?demo=credit")
        wait_until_idle(page, timeout=120_000)
        names = [n.strip() for n in page.locator(MENU).all_inner_texts() if n.strip() != "Load"]
        for name in names:
            _switch(page, name)
        times: dict[str, list[float]] = {name: [] for name in names}
        for _ in range(ROUNDS):
            for name in names:
                times[name].append(_switch(page, name))
        for name in names:
            spread(f"switch to {name}", times[name])
        spread("switch to any page", [t for each in times.values() for t in each])


# Timed inside the page, frame by frame: a driver's own click waits for animations before and after.
SWITCH = """
([menu, name]) => new Promise(done => {
    const links = [...document.querySelectorAll(menu)]
    const link = links.find(a => a.innerText.trim() === name)
    const start = performance.now()
    const look = () => {
        const heading = document.querySelector('[data-testid="stMain"] h1')
        const chart = document.querySelector('.js-plotly-plot .main-svg, [data-testid="stImage"] img, .fl-strip')
        if (heading && heading.innerText.trim() === name && chart) done(performance.now() - start)
        else requestAnimationFrame(look)
    }
    link.click()
    requestAnimationFrame(look)
})
"""


def _switch(page: Page, name: str) -> float:
    milliseconds: float = page.evaluate(SWITCH, [MENU, name])
    wait_until_idle(page)
    return milliseconds / 1000


if __name__ == "__main__":
    main()
