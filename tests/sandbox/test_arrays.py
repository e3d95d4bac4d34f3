from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from debuggers import errors
from debuggers.models.load import load_model
from debuggers.sandbox import arrays
from debuggers.sandbox.protocol import ProtocolError
from debuggers.task import Task
from tests.models import graphs


def through(given: dict[str, Any]) -> dict[str, Any]:
    header, parts = arrays.pack(given)
    data = b"".join(bytes(part) for part in parts)
    place = 0

    def fill(view: memoryview) -> None:
        nonlocal place
        view[:] = data[place : place + len(view)]
        place += len(view)

    return {**arrays.receive(arrays.announced(header, len(data)), fill), **arrays.texts(header)}


def test_arrays_arrive_as_they_were_sent() -> None:
    given = {
        "a": np.arange(6.0).reshape(2, 3)[:, ::2],
        "b": np.array([1, 2], ">i4"),
        "c": np.empty((0, 3), np.float32),
        "d": np.array([True, False]),
        "e": np.array(5, np.uint16),
        "f": np.array(["x", "a longer one"]),
    }
    found = through(given)
    assert found.keys() == given.keys()
    for name, array in given.items():
        np.testing.assert_array_equal(found[name], array, strict=False)
        assert found[name].shape == array.shape


def test_a_byte_that_is_no_boolean_becomes_one() -> None:
    spec = arrays.announced({"arrays": [["a", "|b1", [2]]]}, 2)
    found = arrays.receive(spec, lambda view: view.__setitem__(slice(None), b"\x00\x07"))
    assert found["a"].tolist() == [False, True]
    assert found["a"].view(np.uint8).tolist() == [0, 1]


@pytest.mark.parametrize(
    ("listed", "size"),
    [
        (None, 0),
        ([["a", "|O8", [1]]], 8),
        ([["a", "<f8", [1]], ["a", "<f8", [1]]], 16),
        ([["../a", "<f8", [1]]], 8),
        ([["a", "<f8", [2**40, 2**40]]], 0),
        ([["a", "<f8", [2**30, 2**30, 0]]], 8),
        ([["a", "<f8", [1, 1, 1, 1, 1]]], 8),
        ([["a", "<f8", [True]]], 8),
        ([["a", "<f8", [2**28]]], 8 << 28),
        ([["a", "<f8"]], 8),
        ([[f"a{i}", "|u1", []] for i in range(65)], 65),
    ],
)
def test_what_is_no_array_of_ours_is_refused(listed: object, size: int) -> None:
    with pytest.raises(ProtocolError):
        arrays.announced({"arrays": listed}, size)


@pytest.mark.parametrize("found", [[], {"a": "text"}, {"a": [1]}, {"A B": ["x"]}, {f"a{i}": [] for i in range(65)}])
def test_what_is_no_text_is_refused(found: object) -> None:
    with pytest.raises(ProtocolError):
        arrays.texts({"texts": found})


def test_a_model_that_hands_nothing_over_says_so_and_stays_alive() -> None:
    model = load_model(graphs.linear([[2.0]]), "double.onnx", task=Task.REGRESSION)
    pid = model.pid
    for kind in ("trees", "secrets"):
        with pytest.raises(errors.Unavailable, match=f"hand over no {kind}|0 ensembles of trees"):
            model.structure(kind)
    assert model.pid == pid
    model.close()
