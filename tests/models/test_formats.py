from __future__ import annotations

import bz2
import gzip
import io
import lzma
import pickle
import pickletools
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import cloudpickle  # publishes no types
import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from debuggers import errors
from debuggers.models.formats import Format, recognise
from debuggers.models.load import load_model
from tests.models import graphs


class Bomb:
    """Opens a file when it is unpickled."""

    def __init__(self, target: str) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str, str]]:
        return open, (self.target, "w")


def zipped(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "/").replace("_", "."), content)
    return buffer.getvalue()


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("pack", [bytes, zlib.compress, gzip.compress, bz2.compress, lzma.compress])
def test_pickles_of_every_protocol_and_packing_are_not_opened_without_consent(
    protocol: int, pack: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    trace = tmp_path / "trace"
    data = pack(pickle.dumps({"model": Bomb(str(trace))}, protocol))
    with pytest.raises(errors.PickledModel):
        load_model(data, "model.onnx")
    assert not trace.exists()


@pytest.mark.parametrize("compress", [0, 3, ("gzip", 3), ("bz2", 3), ("lzma", 3), ("xz", 3)])
@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_joblib_files_are_recognised(compress: object, protocol: int) -> None:
    fitted = LogisticRegression().fit(np.eye(4), [0, 1, 0, 1])
    buffer = io.BytesIO()
    joblib.dump(fitted, buffer, compress=compress, protocol=protocol)
    assert recognise(buffer.getvalue(), "model.json") is Format.PICKLE


def test_cloudpickle_lz4_and_text_pickles_are_recognised() -> None:
    files = [
        cloudpickle.dumps(lambda x: x + 1),
        pickletools.optimize(pickle.dumps(list(range(20)), 0)),
        b"\x04\x22\x4d\x18" + pickle.dumps([1, 2]),
    ]
    for data in files:
        assert recognise(data, "model.skops") is Format.PICKLE


def test_archives_of_pickles_are_refused() -> None:
    objects = io.BytesIO()
    np.save(objects, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    files = [
        zipped(archive__data_pkl=pickle.dumps([1, 2]), archive__version=b"3"),
        zipped(weights_npy=b"\x93NUMPY"),
        objects.getvalue(),
    ]
    for data in files:
        with pytest.raises(errors.UnreadableModel, match="ONNX"):
            recognise(data, "model.skops")


def test_formats_are_recognised_by_content() -> None:
    assert recognise(b"tree\nversion=v4\n", "x.pkl") is Format.LIGHTGBM
    assert recognise(b"tree\r\nversion=v4\r\n", "x.pkl") is Format.LIGHTGBM
    assert recognise(b"CBM1\x00\x01", "x.csv") is Format.CATBOOST
    assert recognise(b"{L\x00\x00\x00\x00\x00\x00\x00\x07learner{", "x") is Format.XGBOOST_UBJ
    assert recognise(b' {"version": [1, 7], "learner": {}}', "x") is Format.XGBOOST_JSON
    assert recognise(zipped(schema_json=b"{}"), "x") is Format.SKOPS
    assert recognise(graphs.linear([[1.0]]), "x") is Format.ONNX


def tables() -> list[bytes]:
    frame = pd.DataFrame({"city": ["Paris", "London"], "n": [1, 2]})
    parquet, excel = io.BytesIO(), io.BytesIO()
    frame.to_parquet(parquet)
    frame.to_excel(excel)
    text = frame.to_csv(index=False).encode()
    return [text, gzip.compress(text), zipped(table_csv=text), parquet.getvalue(), excel.getvalue()]


def test_tables_pictures_and_nothing_are_no_models() -> None:
    others = [
        b"",
        b"\x89PNG\r\n\x1a\n\x00",
        b"<b>x</b>",
        b"tree",
        b"{}",
        b'{"a": [1, 2]}',
        b"count\n5\n7\n",
        b"\x1f\x8b\x00",
    ]
    for data in [*tables(), *others]:
        with pytest.raises(errors.UnknownModelFormat):
            recognise(data, "model.onnx")


def test_the_binary_format_that_xgboost_dropped_is_named() -> None:
    with pytest.raises(errors.UnreadableModel, match="XGBoost dropped"):
        recognise(b"\x00\x00\x00\x3f\x7e\x00\x00\x00" + b"\x00" * 128 + b"\x0f\x00\x00\x00binary:logistic", "model.bst")
