"""Model files and tables of every format, and random damage to them, for the tests and `benchmarks/mutations.py`."""

from __future__ import annotations

import io
import pickle
import random
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import catboost
import joblib
import lightgbm
import numpy as np
import pandas as pd
import skops.io
import xgboost
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from debuggers import errors
from debuggers.data import options, reading
from debuggers.models.load import load_model
from debuggers.sandbox.client import Limits
from debuggers.task import Task
from tests.models import graphs

RNG = np.random.default_rng(0)
X = pd.DataFrame(RNG.normal(size=(200, 4)), columns=list("abcd"))
Y = (X["a"] > 0).astype(int)
ROWS = X.head(5)
LIMITS = Limits(load=20, predict=10, memory=2 << 30, cpu=10)
WORDS = (b"-1", b"99999999", b"", b"nan", b"1e308", b"\xff\xff\xff\x7f", b"\x00" * 8)


def models() -> dict[str, bytes]:
    """Return a small model in each format."""
    booster = xgboost.train({"objective": "binary:logistic", "nthread": 1}, xgboost.DMatrix(X, Y), 3)
    settings = {"objective": "binary", "verbose": -1, "num_threads": 1}
    packed = io.BytesIO()
    joblib.dump(RandomForestClassifier(3, random_state=0).fit(X, Y), packed, compress=3)
    return {
        "ONNX": graphs.linear([[1.0], [1.0], [1.0], [1.0]], "Sigmoid"),
        "XGBoost JSON": bytes(booster.save_raw("json")),
        "XGBoost UBJ": bytes(booster.save_raw("ubj")),
        "LightGBM": lightgbm.train(settings, lightgbm.Dataset(X, Y), 3).model_to_string().encode(),
        "CatBoost": _catboost(),
        "skops": skops.io.dumps(LogisticRegression().fit(X, Y)),
        "pickle": pickle.dumps(RandomForestClassifier(3, random_state=0).fit(X, Y)),
        "joblib": packed.getvalue(),
    }


def tables() -> dict[str, bytes]:
    """Return a small table in each format."""
    table = X.assign(city=np.where(Y > 0, "Paris", "Łódź"), day=pd.Timestamp("2026-01-01"))
    parquet, excel = io.BytesIO(), io.BytesIO()
    table.to_parquet(parquet)
    table.head(30).to_excel(excel, index=False)
    return {"CSV": table.to_csv(index=False).encode(), "Parquet": parquet.getvalue(), "Excel": excel.getvalue()}


def mutants(data: bytes, count: int, seed: int = 1) -> Iterator[bytes]:
    """Yield damaged copies: bytes changed, bits flipped, numbers replaced, parts lost or doubled, the end cut off."""
    rng = random.Random(seed)
    for _ in range(count):
        out = bytearray(data)
        for _ in range(rng.choice([1, 1, 2, 4, 8])):
            at = rng.randrange(len(out))
            kind = rng.random()
            if kind < 0.4:
                out[at] = rng.randrange(256)
            elif kind < 0.6:
                out[at] ^= 1 << rng.randrange(8)
            elif kind < 0.85:
                out[at : at + 1] = rng.choice(WORDS)
            elif kind < 0.95:
                end = min(len(out), at + rng.randrange(1, 64))
                out[at:end] = out[at:end] * rng.choice([0, 2])
            else:
                del out[max(12, at) :]
            if len(out) < 12:
                break
        yield bytes(out)


def fate_of_model(data: bytes) -> str:
    """Load a damaged model, ask it, and return how that ended: "answers", or the name of the error."""
    try:
        model = load_model(data, "damaged", task=Task.BINARY, limits=LIMITS, consent=True)
        try:
            names = model.signature.features
            answer = model.predict(ROWS if names is None else ROWS.set_axis(list(names), axis=1))
        finally:
            model.close()
    except errors.InputError as error:
        return _checked(error)
    except ValueError:
        if names is not None and len(names) != len(ROWS.columns):  # the damage changed how many inputs there are
            return "answers"
        raise
    assert np.isfinite(answer).all()
    return "answers"


def fate_of_table(data: bytes) -> str:
    """Read a damaged table and return how that ended: "answers", or the name of the error."""
    try:
        found = reading.read_table(data, "damaged", limits=options.Limits(unpacked=1 << 28, memory=4 << 30, seconds=20))
    except errors.InputError as error:
        return _checked(error)
    assert len(found.frame.columns) == len(found.schema.columns)
    return "answers"


def _checked(error: errors.InputError) -> str:
    said = str(error)
    assert "\n" not in said
    assert "Traceback" not in said
    assert len(said) < 1000
    return type(error).__name__


def _catboost() -> bytes:
    fitted = catboost.CatBoostClassifier(iterations=3, verbose=0, allow_writing_files=False, thread_count=1).fit(X, Y)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m.cbm"
        fitted.save_model(str(path))
        return path.read_bytes()


FATES: dict[str, Callable[[bytes], str]] = {
    **dict.fromkeys(("ONNX", "XGBoost JSON", "XGBoost UBJ", "LightGBM", "CatBoost"), fate_of_model),
    **dict.fromkeys(("skops", "pickle", "joblib"), fate_of_model),
    **dict.fromkeys(("CSV", "Parquet", "Excel"), fate_of_table),
}  # fmt: skip
