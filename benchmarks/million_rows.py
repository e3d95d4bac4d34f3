"""Loading a table of 1,000,000 rows and 12 columns in the browser: until it can be opened, and until the Overview."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pandas as pd
import psutil
import xgboost

from benchmarks.driving import SHARED, Stopwatch, opened_page, served

TABLE = SHARED / "data" / "acs_income_2018" / "acs_income.parquet"
ROWS = 1_000_000


def main() -> None:
    """Print the seconds and the server's memory."""
    if not TABLE.exists():
        print(f"left out: {TABLE.name} is not there")
        return
    with tempfile.TemporaryDirectory() as folder, served() as (url, pid), opened_page() as page:
        model, table = _files(Path(folder))
        page.goto(f"{url}/load")
        inputs = page.locator('[data-testid="stFileUploader"] input[type=file]')
        inputs.nth(0).wait_for(state="attached")
        watch = Stopwatch()
        inputs.nth(0).set_input_files(model)
        page.get_by_text("named inputs").wait_for(timeout=60_000)
        print(f"model read: {watch.read():.1f} s")
        inputs.nth(1).set_input_files(table)
        start = page.get_by_role("button", name="Start debugging")
        start.wait_for(timeout=120_000)
        print(f"table of {ROWS:,} rows can be opened: {watch.read():.1f} s")
        start.click()
        page.get_by_text("ROC AUC").wait_for(timeout=120_000)
        print(f"Overview shown: {watch.read():.1f} s")
        tree = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
        memory = sum(p.memory_info().rss for p in tree) / 2**30
        print(f"memory of server and workers: {memory:.2f} GiB")


def _files(folder: Path) -> tuple[Path, Path]:
    """Return a model and the shared table repeated to a million rows."""
    part = pd.read_parquet(TABLE)
    whole = pd.concat([part] * (ROWS // len(part) + 1), ignore_index=True).head(ROWS)
    whole.to_parquet(folder / "million.parquet")
    features = [c for c in part.columns if c not in {"PINCP", "part"}]
    data = xgboost.DMatrix(part[features], part["PINCP"])
    booster = xgboost.train({"objective": "binary:logistic", "max_depth": 6}, data, 60)
    booster.save_model(folder / "income.json")
    return folder / "income.json", folder / "million.parquet"


if __name__ == "__main__":
    main()
