"""What-if on the Taiwan credit model (23 features): from a slider's release to the new output on screen."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import xgboost
from playwright.sync_api import Page

from benchmarks.driving import SHARED, opened_page, served, spread
from tools.chromium import MENU, wait_until_idle

TABLE = SHARED / "data" / "credit_default_taiwan" / "default_of_credit_card_clients.csv"
TARGET, FEATURES = "DEFAULT_NEXT_MONTH", 23
REPETITIONS, WARM_UP = 50, 5
SLIDER = "PAY_0"

# Moves the slider by a key and waits, frame by frame, until the figure is another one, then until a strip is.
RELEASE = """label => new Promise(resolve => {
    const slider = [...document.querySelectorAll('.st-key-what_if_cells input[type=range]')]
        .find(input => input.closest('[data-testid=stSlider]').textContent.includes(label));
    slider.focus({preventScroll: true});
    const output = () => document.querySelector('.fl-big').textContent;
    const strips = () => [...document.querySelectorAll('.fl-strip')].map(e => e.innerHTML).join();
    const before = {output: output(), strips: strips()};
    document.addEventListener('keydown', () => {
        const start = performance.now();
        const seen = {};
        const look = () => {
            if (!seen.output && output() !== before.output) seen.output = performance.now() - start;
            if (!seen.strips && strips() !== before.strips) seen.strips = performance.now() - start;
            if (seen.output && seen.strips) { window.faultlineSeen = seen; return; }
            requestAnimationFrame(look);
        };
        look();
    }, {once: true, capture: true});
    window.faultlineSeen = null;
    resolve();
})"""


def main() -> None:
    """Print the median and the 95th percentile of the times."""
    if not TABLE.exists():
        print(f"skipped: {TABLE} is not there (FAULTLINE_SHARED names its folder)")
        return
    with tempfile.TemporaryDirectory() as folder, served() as (url, _), opened_page() as page:
        model, table = _files(Path(folder))
        _open(page, url, model, table)
        times: dict[str, list[float]] = {"output": [], "strips": []}
        for i in range(WARM_UP + REPETITIONS):
            seen = _release(page, i)
            for name, milliseconds in seen.items():
                times[name].append(milliseconds / 1000)
        spread("slider release to the new output on screen", times["output"][WARM_UP:])
        spread("slider release to the new strips on screen", times["strips"][WARM_UP:])


def _files(folder: Path) -> tuple[Path, Path]:
    """Train the published model, and write it and its test table."""
    table = pd.read_csv(TABLE).rename(columns={"default payment next month": TARGET})
    legacy = np.random.RandomState(12345)
    is_train = legacy.uniform(size=len(table)) < 0.7
    train, test = table[is_train], table[~is_train]
    features = [c for c in table.columns if c not in {"ID", TARGET}]
    assert len(features) == FEATURES
    signs = tuple(int(np.sign(table[c].corr(table[TARGET]))) for c in features)
    params = {
        "objective": "binary:logistic", "eta": 0.08, "subsample": 0.9, "colsample_bytree": 0.9, "max_depth": 15,
        "monotone_constraints": signs, "base_score": float(train[TARGET].mean()), "seed": 12345,
    }  # fmt: skip
    model = xgboost.train(params, xgboost.DMatrix(train[features], train[TARGET]), 62)
    model.save_model(folder / "credit.json")
    test.to_csv(folder / "test.csv", index=False)
    return folder / "credit.json", folder / "test.csv"


def _open(page: Page, url: str, model: Path, table: Path) -> None:
    """Upload model and table on the Load page, and go to What-if."""
    page.goto(f"{url}/load")
    wait_until_idle(page)
    uploads = page.locator('[data-testid="stFileUploader"] input[type=file]')
    for i, file in enumerate((model, table)):
        uploads.nth(i).set_input_files(file)
        wait_until_idle(page)
    page.get_by_role("button", name="Start debugging").click()
    page.get_by_role("heading", name="Overview", exact=True).wait_for()
    wait_until_idle(page)
    page.locator(MENU).filter(has_text="What-if").click()
    page.locator(".fl-big").wait_for()
    wait_until_idle(page)


def _release(page: Page, i: int) -> dict[str, float]:
    """Move the slider one step, up and down in turn, and return the milliseconds until output and strips changed."""
    page.evaluate(RELEASE, SLIDER)
    page.keyboard.press("ArrowRight" if i % 2 == 0 else "ArrowLeft")
    for _ in range(200):
        page.wait_for_timeout(25)
        seen: dict[str, float] | None = page.evaluate("() => window.faultlineSeen")
        if seen is not None:
            wait_until_idle(page)
            return seen
    raise TimeoutError("the output did not change")


if __name__ == "__main__":
    main()
