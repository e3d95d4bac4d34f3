"""The zygote: it forks, it dies, it is replaced, and nothing outlives the app."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest
import skops.io
from sklearn.ensemble import HistGradientBoostingClassifier

from debuggers import errors
from debuggers.models.formats import Format
from debuggers.models.load import JailedModel, load_model
from debuggers.sandbox import client, jail, process, protocol
from debuggers.task import Task
from tests.models import graphs

ROW = pd.DataFrame({"x": [1.0]})
pytestmark = pytest.mark.skipif(not process.has_zygotes(), reason="workers are no forks on this system")


@pytest.fixture
def double() -> Iterator[JailedModel]:
    model = load_model(graphs.linear([[2.0]]), "double.onnx", task=Task.REGRESSION)
    yield model
    model.close()


def ended(pid: int) -> None:
    """Wait until a process is gone, or waits for a parent that never reaps."""
    if psutil.pid_exists(pid):
        found = psutil.Process(pid)
        _, alive = psutil.wait_procs([found], timeout=60)
        assert not alive or found.status() == psutil.STATUS_ZOMBIE


def kill(pid: int) -> None:
    found = psutil.Process(pid)
    os.kill(pid, signal.SIGKILL)
    psutil.wait_procs([found])


def test_a_worker_is_a_fork_of_its_zygote(double: JailedModel) -> None:
    assert psutil.Process(double.pid).ppid() == process.zygote("native").pid


def test_a_zygote_has_one_thread_whatever_it_imported(double: JailedModel) -> None:
    client.warm(Format)
    mentioned = ("interpret.glassbox", "statsmodels.api", "xgboost", "lightgbm", "catboost")
    process.warm(process.Start("python", mentioned, (), jail.Bounds(0, 0), required=False))
    for family in ("native", "python"):
        assert psutil.Process(process.zygote(family).pid).num_threads() == 1


def test_openmp_works_in_forked_workers() -> None:
    X = pd.DataFrame(np.random.default_rng(0).random((20_000, 5)), columns=list("abcde"))
    fitted = HistGradientBoostingClassifier(max_iter=5).fit(X, X["a"] > 0.5)
    data = skops.io.dumps(fitted)
    first, second = load_model(data), load_model(data)
    for model in (first, second, first):
        np.testing.assert_array_equal(model.predict(X), fitted.predict_proba(X))
    assert first.pid is not None
    threads = psutil.Process(first.pid).num_threads()
    assert threads >= min(2, process.cores())
    first.close()
    second.close()


def test_a_killed_zygote_is_replaced_by_the_next_call(double: JailedModel) -> None:
    before, worker = process.zygote("native").pid, double.pid
    assert worker is not None
    kill(before)
    ended(worker)  # nobody is left to look after it
    assert double.predict(ROW).tolist() == [2.0]
    assert process.zygote("native").pid != before


def test_a_zygote_killed_between_two_requests_is_no_error(double: JailedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    zygote = process.zygote("native")
    double.close()
    kill(zygote.pid)
    monkeypatch.setattr(process.Zygote, "is_alive", lambda z: z.end.alive)  # as if it died a moment later
    assert double.predict(ROW).tolist() == [2.0]


def test_a_zygote_killed_during_a_call_is_one_sentence(double: JailedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    double.predict(ROW)
    worker = double.pid
    assert worker is not None

    def send_then_kill(*args: object) -> None:
        kill(process.zygote("native").pid)
        ended(worker)

    with monkeypatch.context() as patch:
        patch.setattr(protocol, "send", send_then_kill)
        with pytest.raises(errors.WorkerDied, match="predict"):
            double.predict(ROW)
    assert double.predict(ROW).tolist() == [2.0]


def test_a_process_that_cannot_be_started_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(11, "no more processes")

    monkeypatch.setattr(process, "start", fail)
    with pytest.raises(errors.NoWorker, match="no more processes"):
        load_model(graphs.linear([[2.0]]), task=Task.REGRESSION)


def test_nothing_outlives_an_app_that_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "double.onnx"
    path.write_bytes(graphs.linear([[2.0]]))
    code = f"""
import os, signal
from pathlib import Path
from debuggers.models.load import load_model
from debuggers.sandbox import process
from debuggers.task import Task
model = load_model(Path({str(path)!r}), task=Task.REGRESSION)
print(model.pid, process.zygote("native").pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    root = Path(client.__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL
    for pid in map(int, done.stdout.split()):
        ended(pid)


def test_without_zygotes_a_worker_is_a_process_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "has_zygotes", lambda: False)
    model = load_model(graphs.linear([[2.0]]), task=Task.REGRESSION)
    pid = model.pid
    assert psutil.Process(pid).ppid() == os.getpid()
    assert model.predict(ROW).tolist() == [2.0]
    model.close()
    assert pid is not None
    assert not psutil.pid_exists(pid)
    assert model.predict(ROW).tolist() == [2.0]
    model.close()


def test_threads_may_start_workers_at_the_same_time() -> None:
    models: list[JailedModel] = []

    def start() -> None:
        models.append(load_model(graphs.linear([[2.0]]), task=Task.REGRESSION))

    threads = [threading.Thread(target=start) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [model.predict(ROW).tolist() for model in models] == [[2.0]] * 6
    assert len({model.pid for model in models}) == 6
    for model in models:
        model.close()
