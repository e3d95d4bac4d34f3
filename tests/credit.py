"""The credit data of Taiwan with the model of the published debugging notebooks, where the shared folder is."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xgboost

SHARED = Path(os.environ.get("FAULTLINE_SHARED") or Path(__file__).parents[2] / "shared")
SOURCE = SHARED / "data" / "credit_default_taiwan" / "default_of_credit_card_clients.csv"
TARGET = "DEFAULT_NEXT_MONTH"
ROUNDS = 62


def table() -> pd.DataFrame:
    """Return all rows, training and test; skips where there are no data."""
    if not SOURCE.exists():
        pytest.skip(f"the shared data are not here: {SOURCE}")
    return pd.read_csv(SOURCE).rename(columns={"default payment next month": TARGET})


def write(folder: Path) -> tuple[Path, Path]:
    """Train the model as published (section B) and write it and the test rows; skips where there are no data.

    Returns
    -------
    model, table : Path
    """
    data = table()
    train = np.random.RandomState(12345).rand(len(data)) < 0.7
    features = [c for c in data.columns if c not in ("ID", TARGET)]
    signs = tuple(int(np.sign(data[c].corr(data[TARGET]))) for c in features)
    settings = {
        "objective": "binary:logistic", "eta": 0.08, "subsample": 0.9, "colsample_bytree": 0.9, "max_depth": 15,
        "monotone_constraints": signs, "base_score": data.loc[train, TARGET].mean(), "seed": 12345,
    }  # fmt: skip
    rows = xgboost.DMatrix(data.loc[train, features], data.loc[train, TARGET])
    xgboost.train(settings, rows, ROUNDS).save_model(folder / "credit.json")
    data[~train].to_csv(folder / "test.csv", index=False)
    return folder / "credit.json", folder / "test.csv"
