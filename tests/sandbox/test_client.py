"""How workers live and die; ONNX graphs serve as models, since they start fastest and can be made to do anything."""

from __future__ import annotations

import gc
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
import pytest
from onnx import TensorProto, helper

from debuggers import errors
from debuggers.models.load import JailedModel, load_model
from debuggers.sandbox import client, jail, process, protocol
from debuggers.sandbox.client import Limits
from debuggers.task import Task
from tests.models import graphs

ROW = pd.DataFrame({"x": [1.0]})


@pytest.fixture(scope="module")
def double() -> Iterator[JailedModel]:
    model = load_model(graphs.linear([[2.0]]), "double.onnx", task=Task.REGRESSION)
    yield model
    model.close()


def reap(model: JailedModel) -> None:
    pid = model.pid
    assert pid is not None
    process = psutil.Process(pid)
    os.kill(pid, signal.SIGKILL)
    psutil.wait_procs([process])


def test_a_worker_killed_between_calls_is_started_again(double: JailedModel) -> None:
    before = double.pid
    reap(double)
    assert double.pid is None
    assert double.predict(ROW).tolist() == [2.0]
    assert double.pid != before


def test_no_rows_are_no_predictions(double: JailedModel) -> None:
    assert double.predict(ROW.iloc[:0]).shape == (0,)


def test_a_closed_model_answers_again(double: JailedModel) -> None:
    double.close()
    assert double.pid is None
    assert double.predict(ROW).tolist() == [2.0]


def test_a_worker_killed_during_a_call_is_one_error(double: JailedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    double.predict(ROW)

    def send_then_kill(*args: Any) -> None:
        reap(double)

    with monkeypatch.context() as patch:
        patch.setattr(protocol, "send", send_then_kill)
        with pytest.raises(errors.WorkerDied, match="predict"):
            double.predict(ROW)
    assert double.predict(ROW).tolist() == [2.0]


def test_a_model_that_does_not_answer_is_ended() -> None:
    model = load_model(graphs.endless(), "endless.onnx", task=Task.REGRESSION, limits=Limits(predict=0.2))
    pid = model.pid
    with pytest.raises(errors.WorkerTimeout, match="endless"):
        model.predict(ROW)
    assert pid is not None
    assert not psutil.pid_exists(pid)


def test_closing_ends_a_call_in_another_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    model = load_model(graphs.endless(), "endless.onnx", task=Task.REGRESSION)
    asked, caught = threading.Event(), []
    send = protocol.send

    def send_and_tell(*args: Any) -> None:
        send(*args)
        asked.set()

    def call() -> None:
        try:
            model.predict(ROW)
        except errors.InputError as error:
            caught.append(error)

    monkeypatch.setattr(protocol, "send", send_and_tell)
    thread = threading.Thread(target=call)
    thread.start()
    assert asked.wait(60)
    model.close()
    thread.join(60)
    assert [type(error) for error in caught] == [errors.WorkerDied]


def test_a_forgotten_model_takes_its_process_along() -> None:
    model = load_model(graphs.linear([[2.0]]), task=Task.REGRESSION)
    pid = model.pid
    del model
    gc.collect()
    assert pid is not None
    assert not psutil.pid_exists(pid)


def test_several_threads_get_their_own_answers(double: JailedModel) -> None:
    wrong: list[int] = []

    def call(i: int) -> None:
        found = double.predict(pd.DataFrame({"x": np.arange(i, i + 500.0)}))
        if not np.array_equal(found, 2 * np.arange(i, i + 500.0)):
            wrong.append(i)

    threads = [threading.Thread(target=call, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_worker_outlives_the_thread_that_loaded_it() -> None:
    found: list[JailedModel] = []
    thread = threading.Thread(target=lambda: found.append(load_model(graphs.linear([[2.0]]), task=Task.REGRESSION)))
    thread.start()
    thread.join()
    pid = found[0].pid
    found[0].predict(ROW)
    assert found[0].pid == pid
    found[0].close()


def test_a_worker_ends_with_its_parent(tmp_path: Path) -> None:
    path = tmp_path / "endless.onnx"
    path.write_bytes(graphs.endless())
    code = f"""
import os, signal, sys, threading
import pandas as pd
from pathlib import Path
from debuggers.models.load import load_model
from debuggers.sandbox import client
from debuggers.task import Task
model = load_model(Path({str(path)!r}), task=Task.REGRESSION)
print(model.pid, flush=True)
client.protocol.receive_header = lambda *a: os.kill(os.getpid(), signal.SIGKILL)
model.predict(pd.DataFrame({{"x": [1.0]}}))
"""
    root = Path(client.__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL
    worker = int(done.stdout)
    if psutil.pid_exists(worker):  # killed by the kernel; whoever adopted it may still have to reap it
        process = psutil.Process(worker)
        _, alive = psutil.wait_procs([process], timeout=60)
        assert not alive or process.status() == psutil.STATUS_ZOMBIE


@pytest.mark.skipif(not process.has_zygotes(), reason="workers are no forks on this system")
def test_the_worker_inherits_no_secret_and_no_file(
    double: JailedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The worker itself lets nobody look, so this asks the zygote that it is a copy of.
    monkeypatch.setenv("SECRET_TOKEN", "hush")
    with (tmp_path / "open").open("w"):
        zygote = process.Zygote()
        found = psutil.Process(zygote.pid)
        zygote.load(process.Start("native", ("onnxruntime",), (), jail.Bounds(0, 0), required=False))
        assert "SECRET_TOKEN" not in found.environ()
        assert found.environ()["ORT_DISABLE_TELEMETRY"] == "1"  # onnxruntime reports to its maker otherwise
        assert [file.path for file in found.open_files()] == []
        assert found.cwd() == "/"
        assert [c for c in found.net_connections() if c.family != socket.AF_UNIX] == []
        zygote.end()


def broken(op: str, **attributes: Any) -> bytes:
    return graphs.model(
        [helper.make_node(op, ["x"], ["y"], **attributes)], [graphs.floats("x", None, 1)], [graphs.floats("y", None, 1)]
    )


def claims(scale: float) -> bytes:
    """Return a classifier whose probabilities of two classes are x and 1 - x, times `scale`."""
    nodes = [
        helper.make_node("Constant", [], ["one"], value_float=1.0),
        helper.make_node("Constant", [], ["scale"], value_float=scale),
        helper.make_node("Sigmoid", ["x"], ["p"]),
        helper.make_node("Sub", ["one", "p"], ["q"]),
        helper.make_node("Concat", ["q", "p"], ["both"], axis=1),
        helper.make_node("Mul", ["both", "scale"], ["probabilities"]),
        helper.make_node("ArgMax", ["probabilities"], ["label"], axis=1, keepdims=0),
    ]
    label = helper.make_tensor_value_info("label", TensorProto.INT64, [None])
    outputs = [label, graphs.floats("probabilities", None, None)]
    return graphs.model(nodes, [graphs.floats("x", None, 1)], outputs)


@pytest.mark.parametrize(
    ("graph", "task", "error", "says"),
    [
        (broken("Log"), Task.REGRESSION, errors.BadModelOutput, "1 of 2 values are not finite"),
        (broken("ReduceMean", axes=[0]), Task.REGRESSION, errors.BadModelOutput, "2 rows with an array of shape"),
        (claims(0.5), Task.BINARY, errors.BadModelOutput, "sum to 0.5"),
        (claims(-1.0), Task.BINARY, errors.BadModelOutput, "range from -"),
    ],
)
def test_output_that_is_no_prediction_is_refused(graph: bytes, task: Task | None, error: type, says: str) -> None:
    model = load_model(graph, "broken.onnx", task=task)
    with pytest.raises(error, match=says):
        model.predict(pd.DataFrame({"x": [1.0, -1.0]}))
    model.close()


def test_a_model_that_raises_is_one_line_and_stays_alive() -> None:
    reshape = helper.make_node("Reshape", ["x", "shape"], ["y"])
    graph = graphs.model(
        [reshape], [graphs.floats("x", None, 1)], [graphs.floats("y", None, 1)], shape=np.array([3, 1], np.int64)
    )
    model = load_model(graph, task=Task.REGRESSION)
    pid = model.pid
    with pytest.raises(errors.ModelRaised) as caught:
        model.predict(ROW)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600
    assert model.predict(pd.DataFrame({"x": [1.0, 2.0, 3.0]})).tolist() == [1.0, 2.0, 3.0]
    assert model.pid == pid
    model.close()


@pytest.mark.parametrize(
    ("answer", "size"),
    [
        ({"arrays": "many"}, 8),
        ({"arrays": [["values", "<f8", [1, 1.5]]]}, 8),
        ({"arrays": [["values", "<f8", [1]]]}, 8_000_000_000),
        ({"arrays": [["values", "<i8", [1]]]}, 8),
        ({"arrays": [["other", "<f8", [1]]]}, 8),
        ({"id": 0, "arrays": [["values", "<f8", [1]]]}, 8),
        ({"arrays": [["values", "<f8", [1, 99_999]]]}, 8 * 99_999),
        ({"arrays": [["values", "<f8", [-1]]]}, 8),
        ({"arrays": []}, 0),
        ({}, 0),
    ],
)
def test_an_answer_off_the_protocol_ends_the_worker(
    answer: dict[str, Any], size: int, double: JailedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    double.predict(ROW)
    receive = protocol.receive_header

    def forged(*args: Any) -> tuple[dict[str, Any], int]:
        return {"id": receive(*args)[0]["id"], "arrays": None, **answer}, size

    with monkeypatch.context() as patch:
        patch.setattr(protocol, "receive_header", forged)
        with pytest.raises(errors.BadModelOutput):
            double.predict(ROW)
    assert double.pid is None
    assert double.predict(ROW).tolist() == [2.0]
