"""Damaged files end in an error of one sentence, whatever they do to the process that reads them."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import catboost
import lightgbm
import numpy as np
import pandas as pd
import pytest
import skops.io
import xgboost
from sklearn.linear_model import LogisticRegression

from debuggers import errors
from debuggers.models import load as loading
from debuggers.models.load import load_model
from debuggers.sandbox.client import Limits
from tests.models import graphs

LIMITS = Limits(load=60, predict=10)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(200, 4)), columns=list("abcd"))
    y = (X["a"] > 0).astype(int)
    booster = xgboost.train({"objective": "binary:logistic", "nthread": 1}, xgboost.DMatrix(X, y), 3)
    settings = {"objective": "binary", "verbose": -1, "num_threads": 1}
    text = lightgbm.train(settings, lightgbm.Dataset(X, y), 3).model_to_string()
    path = tmp_path_factory.mktemp("models") / "m.cbm"
    cat = catboost.CatBoostClassifier(iterations=3, verbose=0, allow_writing_files=False, thread_count=1)
    cat.fit(X, y).save_model(str(path))
    return {
        "onnx": graphs.linear([[1.0], [1.0], [1.0], [1.0]], "Sigmoid"),
        "json": bytes(booster.save_raw("json")),
        "ubj": bytes(booster.save_raw("ubj")),
        "txt": text.encode(),
        "cbm": path.read_bytes(),
        "skops": skops.io.dumps(LogisticRegression().fit(X, y)),
    }


@pytest.mark.parametrize("kind", ["onnx", "json", "ubj", "cbm", "skops"])
def test_half_a_file_is_unreadable(kind: str, files: dict[str, bytes]) -> None:
    with pytest.raises((errors.UnreadableModel, errors.WorkerDied)) as caught:
        load_model(files[kind][: len(files[kind]) // 2], f"half.{kind}", limits=LIMITS)
    assert "\n" not in str(caught.value)


def lines(text: bytes, key: bytes, change: Callable[[bytes], bytes]) -> bytes:
    return b"\n".join(key + change(x[len(key) :]) if x.startswith(key) else x for x in text.split(b"\n"))


def test_a_lightgbm_file_that_kills_its_reader_is_an_error(files: dict[str, bytes]) -> None:
    wild = lines(files["txt"], b"left_child=", lambda v: b" ".join(b"99999999" for _ in v.split()))
    row = pd.DataFrame(np.zeros((1, 4)), columns=list("abcd"))
    with pytest.raises(errors.WorkerDied, match="wild"):
        load_model(wild, "wild.txt", limits=LIMITS).predict(row)


def mutated(data: bytes, seed: int) -> bytes:
    rng = random.Random(seed)
    out = bytearray(data)
    for _ in range(rng.choice([1, 2, 4, 8])):
        at = rng.randrange(len(out))
        out[at : at + 1] = rng.choice([b"-1", b"99999999", b"", b"nan", b"1e308", bytes([rng.randrange(256)])])
    return bytes(out)


@pytest.mark.parametrize("seed", range(8))
def test_a_lightgbm_file_with_random_damage_answers_or_is_an_error(seed: int, files: dict[str, bytes]) -> None:
    row = pd.DataFrame(np.zeros((3, 4)))
    try:
        model = load_model(mutated(files["txt"], seed), limits=LIMITS)
        if model.signature.features:
            row = row.set_axis(list(model.signature.features), axis=1)
        answer = model.predict(row)
        model.close()
    except errors.InputError as error:
        assert "\n" not in str(error)  # noqa: PT017 -- either of both ends is right
    else:
        assert np.isfinite(answer).all()


def test_a_worker_that_forges_its_signature_is_refused() -> None:
    good: dict[str, Any] = {
        "task": "binary", "classes": ["0", "1"], "features": None, "n_features": 4, "categories": {}, "categorical": [],
        "handles_missing": None,
    }  # fmt: skip
    forged: list[dict[str, Any]] = [
        {},
        {"task": "x"},
        {"classes": "01"},
        {"n_features": -1},
        {"categories": []},
        {"features": [1]},
        {"features": ["a" * 20_000]},
        {"classes": ["a"] * 200_000},
        {"categories": {"a": [[]]}},
        {"handles_missing": "no"},
    ]
    assert loading._signature(good, "ONNX", 1, "m").classes == ("0", "1")
    for change in forged:
        with pytest.raises(errors.UnreadableModel):
            loading._signature({**good, **change} if change else {}, "ONNX", 1, "m")


def test_the_app_never_loads_a_model_library(files: dict[str, bytes], tmp_path: Path) -> None:
    for kind, data in files.items():
        if kind in ("ubj", "skops"):  # these go the same way, and skops starts slowly
            continue
        (tmp_path / f"model.{kind}").write_bytes(data)
    code = """
import sys
from pathlib import Path
from typing import Any
import numpy as np, pandas as pd
from debuggers import errors
from debuggers.models.formats import Format
from debuggers.models.load import load_model
X = pd.DataFrame(np.eye(4), columns=list("abcd"))
shapes = []
for path in sorted(Path(sys.argv[1]).iterdir()):
    model = load_model(path)
    shapes.append(model.predict(X).shape)
    model.close()
libraries = {"xgboost", "lightgbm", "catboost", "onnxruntime", "onnx", "skops", "sklearn", "scipy", "joblib"}
print(set(shapes), len(shapes), libraries & set(sys.modules))
"""
    root = Path(loading.__file__).parents[2]
    command = [sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "{(4, 2)} 4 set()"
