"""What is kept comes back as it was, and a file that is something else is refused."""

from __future__ import annotations

import json
import zipfile
from io import BytesIO
from typing import Any

import numpy as np
import pandas as pd
import pytest

from debuggers.debugger import Debugger, Severity, all_debuggers
from debuggers.slices import Literal, Op, Slice
from debuggers.task import Task
from debuggers.workspace.codec import Damaged, Unencodable, decode, encode
from tests.subjects import subject
from tests.workspace.same import assert_same

VALUES = {
    "numbers": (1, -2.5, float("inf"), float("-inf"), float("nan"), True, None, 2**70),
    "texts": ["", "年齢", "<script>", '"', "\ud7ff", "a\nb"],
    "nested": {"a": [(1, 2), {"b": frozenset({1})}], (1, "x"): {3}},
    "numpy": (np.float32(0.1), np.int64(2**62), np.bool_(True), np.datetime64("2024-02-29", "us")),
    "arrays": (np.arange(6.0).reshape(2, 3), np.array([True, False]), np.array(["a", None, 1.5], dtype=object)),
    "empty array": np.empty((0, 3)),
    "times": (pd.Timestamp("2024-02-29 12:00"), pd.Timestamp("2024-02-29", tz="Asia/Tokyo"), pd.NaT),
    "enumeration": (Task.BINARY, Severity.HIGH),
    "slice": Slice((Literal("a<b>", Op.IN, ("x", None)),)) if hasattr(Op, "IN") else None,
}
FRAMES = {
    "numbers": pd.DataFrame({"a": [1, 2], "b": [0.5, np.nan]}),
    "words": pd.DataFrame({"x": ["a", None]}),
    "mixed": pd.DataFrame({"x": pd.Series([1, "a", None, 2.5, True, pd.NA], dtype=object)}),
    "categories": pd.DataFrame({"x": pd.Categorical(["b", None, "b"], categories=["c", "b"], ordered=True)}),
    "whole categories": pd.DataFrame({"x": pd.Categorical([3, 1, None], categories=[1, 2, 3])}),
    "dates": pd.DataFrame({"x": pd.to_datetime(["2024-01-01", "NaT"])}),
    "flags": pd.DataFrame({"x": pd.array([True, None], dtype="boolean")}),
    "positions": pd.DataFrame({"x": [1.0, 2.0]}, index=[7, 3]),
    "a name": pd.DataFrame({"x": [1.0]}, index=pd.Index(["r"], name="row")),
    "the same names": pd.DataFrame([[1, 2.0]], columns=["x", "x"]),
    "no rows": pd.DataFrame({"x": pd.Series([], dtype="int64"), "y": pd.Series([], dtype=object)}),
    "no columns": pd.DataFrame(),
    "numbers as names": pd.DataFrame([[1, 2]], columns=[0, 5]),
    "intervals": pd.DataFrame({"x": pd.interval_range(0, 2)}),
}


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES.keys())
def test_a_value_comes_back(value: Any) -> None:
    assert_same(value, decode(encode(value)))


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES.keys())
def test_a_table_comes_back(frame: pd.DataFrame) -> None:
    assert_same(frame, decode(encode(frame)))


@pytest.mark.parametrize("task", list(Task))
@pytest.mark.parametrize("debugger", all_debuggers().values(), ids=lambda d: d.slug)
def test_every_answer_comes_back(debugger: Debugger, task: Task) -> None:
    asked = subject(task, missing=True)
    if debugger.obstacle(asked) is not None:
        pytest.skip("does not apply")
    result = debugger.run(asked)
    assert_same(result, decode(encode(result)))
    assert_same(debugger.params(), decode(encode(debugger.params())))


@pytest.mark.parametrize("value", [object(), int, lambda: 1, pd, np.dtype("f8"), {"deep": [object()]}])
def test_what_cannot_be_kept_is_said(value: object) -> None:
    with pytest.raises(Unencodable):
        encode(value)


def _file(tree: Any) -> bytes:
    out = BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("value.json", json.dumps(tree))
    return out.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"garbage",
        encode([1, 2])[:-8],
        _file({"$": "no such kind", "v": 1}),
        _file({"$": "record", "v": ["subprocess:Popen", {"args": "true"}]}),
        _file({"$": "record", "v": ["debuggers.data.reading:read_table", {}]}),
        _file({"$": "record", "v": ["debuggers.data.reading:subprocess.Popen", {"args": "true"}]}),
        _file({"$": "record", "v": ["debuggers.slices:Slice", {"no such field": 1}]}),
        _file({"$": "enum", "v": ["debuggers.task:Task", "no such task"]}),
        _file({"$": "array", "v": ["<f8", [3], 0]}),
        _file({"$": "array", "v": ["O", [1], 0]}),
    ],
)
def test_a_file_that_is_something_else_is_refused(data: bytes) -> None:
    with pytest.raises(Damaged):
        decode(data)
