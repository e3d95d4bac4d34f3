"""Files that people upload by mistake or to do harm, and good ones beside them."""

from __future__ import annotations

import io
import pickle
import zipfile
from collections.abc import Callable
from functools import cache

import numpy as np
import pandas as pd
from onnx import helper
from xgboost import XGBRegressor

from tests.models import graphs

UNPACKED_MB = 20  # limit under which the bomb is tried


@cache
def people() -> pd.DataFrame:
    """Return two features, the truth `y` and a column of predictions."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"a": rng.normal(size=60), "b": rng.normal(size=60)})
    return table.assign(y=table["a"] + 2 * table["b"] + rng.normal(size=60), p=table["a"] + 2 * table["b"])


def csv(table: pd.DataFrame) -> bytes:
    return table.to_csv(index=False).encode()


def good_table() -> bytes:
    return csv(people().drop(columns="p"))


def good_model() -> bytes:
    """Return ``a + 2 b`` as ONNX, which names no features and no task."""
    return graphs.linear([[1.0], [2.0]])


def bomb() -> bytes:
    """Return a zip of a few kilobytes that unpacks to more than `UNPACKED_MB`."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("people.csv", b"a,b,y,p\n" + b"0,0,0,0\n" * (UNPACKED_MB << 18))
    return packed.getvalue()


# By name: the file, and what the sentence about it says.
TABLES: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty.csv": (lambda: b"", "has no rows"),
    "header.csv": (lambda: b"a,b,y,p\n", "has no rows"),
    "picture.csv": (lambda: b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 9, "it is a PNG image"),
    "bomb.zip": (bomb, "too large"),
    "untargeted.csv": (lambda: csv(people().drop(columns="y")), "no target column “y”"),
    "targets missing.csv": (lambda: csv(people().assign(y=np.nan)), "only missing values"),
    "targets infinite.csv": (lambda: csv(people().assign(y=np.inf)), "numbers are expected"),
    "predictions infinite.csv": (lambda: csv(people().assign(p=np.inf)), "missing, infinite or unknown"),
    "predictions text.csv": (lambda: csv(people().assign(p="high")), "missing, infinite or unknown"),
}


def _broken(op: str, **attributes: object) -> bytes:
    nodes = [helper.make_node("MatMul", ["x", "w"], ["m"]), helper.make_node(op, ["m"], ["out"], **attributes)]
    shapes = [graphs.floats("x", None, 2)], [graphs.floats("out", None, 1)]
    return graphs.model(nodes, *shapes, w=np.array([[1], [2]], np.float32))


def raising() -> bytes:
    """Return a model that loads and then finds its rows to be of a shape that it cannot have."""
    nodes = [helper.make_node("Reshape", ["x", "shape"], ["out"])]
    inputs, outputs = [graphs.floats("x", None, 2)], [graphs.floats("out", None, 1)]
    return graphs.model(nodes, inputs, outputs, shape=np.array([-1, 7], np.int64))


def other_features() -> bytes:
    X = people()[["a"]].rename(columns={"a": "height"}).assign(weight=1.0)
    return bytes(XGBRegressor(n_estimators=2).fit(X, people()["y"]).get_booster().save_raw("json"))


MODELS: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty.onnx": (lambda: b"", "not a model that can be read"),
    "notes.onnx": (lambda: b"buy milk", "not a model that can be read"),
    "cut.onnx": (lambda: good_model()[: len(good_model()) // 2], "cannot be loaded as ONNX"),
    "pickle.onnx": (lambda: pickle.dumps({"weights": [1, 2]}), "is a pickle"),
    "raising.onnx": (raising, "raised an error on this table"),
    "nan.onnx": (lambda: _broken("Log"), "not finite"),
    "short.onnx": (lambda: _broken("ReduceMean", axes=[0]), "with an array of shape"),
    "other features.json": (other_features, "“height”, “weight”"),
}
