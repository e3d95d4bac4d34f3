"""Hostile models: nothing outside the jail changes, one sentence says what happened, and other models go on."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import lzma
import os
import signal
import socket
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
import pytest

from debuggers import errors
from debuggers.models.load import JailedModel, load_model
from debuggers.sandbox import jail, memory
from debuggers.sandbox.client import Limits
from debuggers.task import Task
from tests.models import graphs
from tests.sandbox import hostile
from tests.sandbox.hostile import on_load, on_predict

pytestmark = pytest.mark.skipif(not jail.support().is_full, reason=f"no jail here: {jail.support().reason}")
LIMITS = Limits(load=30, predict=2, memory=1 << 30, cpu=2)
ROW = pd.DataFrame({"x": [1.0]})
SECRET = "the-secret-of-the-app"


@dataclass
class Outside:
    """What an attacker would like to change or to reach, and an innocent model."""

    folder: Path
    innocent: JailedModel
    servers: list[socket.socket]
    signals: list[int]

    @property
    def target(self) -> dict[str, object]:
        """What attacks are told."""
        tcp, unix = self.servers[0].getsockname(), self.servers[1].getsockname()
        return {"folder": str(self.folder), "app": os.getpid(), "port": tcp[1], "path": unix}

    def picture(self) -> list[tuple[object, ...]]:
        """Return all that can be seen of the folder."""
        seen: list[tuple[object, ...]] = []
        for path in sorted([self.folder, *self.folder.rglob("*")]):
            about = path.lstat()
            content = path.read_bytes() if path.is_file() else b""
            extra = os.listxattr(path)
            seen.append((path, about.st_mode, about.st_uid, about.st_mtime_ns, about.st_nlink, content, extra))
        return seen

    def check(self) -> None:
        """Check that nobody came, and that the innocent model answers."""
        for server in self.servers:
            with pytest.raises(BlockingIOError):
                server.accept()
        assert self.signals == []
        assert self.innocent.predict(ROW).tolist() == [2.0]


@pytest.fixture(scope="module")
def innocent() -> Iterator[JailedModel]:
    model = load_model(graphs.linear([[2.0]]), "innocent.onnx", task=Task.REGRESSION)
    yield model
    model.close()


@pytest.fixture
def outside(tmp_path: Path, innocent: JailedModel, monkeypatch: pytest.MonkeyPatch) -> Iterator[Outside]:
    monkeypatch.setenv("SECRET_OF_THE_APP", SECRET)
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "victim").write_text("precious")
    tcp, unix, abstract = (
        socket.create_server(("127.0.0.1", 0)),
        socket.socket(socket.AF_UNIX),
        socket.socket(socket.AF_UNIX),
    )
    name = f"/tmp/faultline-{os.getpid()}-{tmp_path.name}"[:90]
    unix.bind(name)
    abstract.bind("\0" + name)
    received: list[int] = []
    wanted = (signal.SIGUSR1, signal.SIGTERM, signal.SIGIO)
    before = {number: signal.signal(number, lambda n, _: received.append(n)) for number in wanted}
    for server in (tcp, unix, abstract):
        server.listen() if server is not tcp else None
        server.setblocking(False)
    found = Outside(folder, innocent, [tcp, unix, abstract], received)
    picture, pid = found.picture(), innocent.pid
    yield found
    assert found.picture() == picture
    found.check()
    assert innocent.pid == pid
    for number, handler in before.items():
        signal.signal(number, handler)
    for server in found.servers:
        server.close()
    Path(name).unlink()


def sentence(data: bytes, *, task: Task | None = Task.REGRESSION, limits: Limits = LIMITS) -> str:
    """Return what is said of a model that is loaded and asked once."""
    with pytest.raises(errors.InputError) as caught:
        load_model(data, "model.pkl", task=task, limits=limits, consent=True).predict(ROW)
    said = str(caught.value)
    assert "\n" not in said
    assert len(said) < 700
    assert "Traceback" not in said
    assert SECRET not in said
    return said


def matches(said: str, pattern: str) -> None:
    __tracebackhide__ = True
    import re

    assert re.search(pattern, said), said


@pytest.mark.parametrize("name", hostile.ATTACKS)
def test_an_attack_while_loading_is_refused(name: str, outside: Outside) -> None:
    matches(sentence(on_load(hostile.ATTACKS[name], **outside.target)), hostile.DENIED)


def test_every_attack_while_predicting_is_refused(outside: Outside) -> None:
    code = f"scope, done = {outside.target!r}, []\nexec({hostile.PREFACE!r}, scope)\n"
    for attack in hostile.ATTACKS.values():
        code += f"try:\n    exec({attack!r}, scope)\n    done.append({attack!r})\nexcept OSError: pass\n"
    model = load_model(on_predict(code + "assert not done, done"), task=Task.REGRESSION, limits=LIMITS, consent=True)
    assert model.predict(ROW).tolist() == [2.0]
    model.close()


@pytest.mark.parametrize("name", hostile.EXHAUSTION)
def test_what_is_bounded_is_bounded(name: str, outside: Outside) -> None:
    code, says = hostile.EXHAUSTION[name]
    limits = Limits(load=1, memory=1 << 30, cpu=60) if name == "time" else replace(LIMITS, cpu=1)
    matches(sentence(on_load(code, **outside.target), limits=limits), says)


@pytest.mark.parametrize("name", hostile.ENDS)
def test_an_end_is_one_sentence(name: str, outside: Outside) -> None:
    code, says = hostile.ENDS[name]
    matches(sentence(on_load(code)), says)
    matches(sentence(on_predict(code)), says)


@pytest.mark.parametrize("name", hostile.ANSWERS)
def test_an_answer_that_is_none_is_refused(name: str, outside: Outside) -> None:
    code, says = hostile.ANSWERS[name]
    limits = Limits(load=30, predict=0.5, memory=2 << 30, cpu=2)
    matches(sentence(on_predict(code), limits=limits), says)


def test_a_worker_that_will_not_go_is_ended(outside: Outside) -> None:
    code = """
import atexit, time
def hang(*_):
    while True: time.sleep(1)
atexit.register(hang)
for number in range(1, 64):
    if number not in (9, 19, 32, 33): signal.signal(number, hang)
threading.Thread(target=hang).start()
"""
    model = load_model(on_predict(code), task=Task.REGRESSION, limits=LIMITS, consent=True)
    assert model.predict(ROW).tolist() == [2.0]
    pid = model.pid
    model.close()
    assert pid is not None
    assert not psutil.pid_exists(pid)


def test_a_worker_inherits_no_descriptor_and_no_environment(outside: Outside) -> None:
    code = "raise ValueError(sorted(int(f) for f in os.listdir('/proc/self/fd'))[:-1], sorted(os.environ))"
    said = sentence(on_load(code))
    listed = said.partition("ValueError: ([")[2].partition("]")[0].split(", ")
    assert len(listed) == 4 + memory.SLOTS, said  # the standard three, which lead nowhere, the socket, and input
    assert "SECRET" not in said


@pytest.mark.parametrize("pack", [zlib.compress, gzip.compress, bz2.compress, lzma.compress])
def test_packed_attacks_are_attacks(pack: Any, outside: Outside) -> None:
    data = pack(on_load(hostile.WRITING["write"], **outside.target))
    matches(sentence(data), hostile.DENIED)


def test_a_bomb_of_zeros_meets_the_limit(outside: Outside) -> None:
    body = zlib.compressobj(1)
    data = body.compress(on_load("pass")[:-1] + b"\x8e" + (3 << 30).to_bytes(8, "little"))
    zeros = bytes(1 << 24)
    data += b"".join(body.compress(zeros) for _ in range(80)) + body.flush()
    matches(sentence(data), "MemoryError|ended its process")


@pytest.mark.parametrize("name", hostile.shapes("pass"))
def test_the_public_shapes_of_bypasses_are_programs_in_the_jail(name: str, outside: Outside) -> None:
    data = hostile.shapes(f"open({str(outside.folder / 'new')!r}, 'w')")[name]
    with pytest.raises(errors.ConsentNeeded):
        load_model(data, "weights.onnx")
    matches(sentence(data), hostile.DENIED)


def test_disguises_are_seen_through(outside: Outside) -> None:
    attack = on_load(hostile.WRITING["write"], **outside.target)
    for name in ("model.onnx", "model.json", "model.txt", "model.cbm", "table.csv"):
        with pytest.raises(errors.PickledModel):
            load_model(attack, name)
    for front in (b"CBM1", b"tree\nversion=v4\n", b'{"learner": {', b"\x08\x07\x12", b"PK\x03\x04"):
        sentence_of_data = front + attack
        with pytest.raises(errors.InputError):
            load_model(sentence_of_data, "model", task=Task.REGRESSION, limits=LIMITS).predict(ROW)


def test_a_skops_file_that_names_a_function_is_not_constructed(outside: Outside) -> None:
    schema = (
        '{"__class__": "system", "__module__": "posix", "__loader__": "TypeNode", "__id__": 1, "protocol": 2,'
        ' "content": {"__class__": "str", "__module__": "builtins", "__loader__": "JsonNode", "content": "\\"x\\"",'
        ' "is_json": true, "__id__": 2}, "_skops_version": "0.16.0"}'
    )
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("schema.json", schema)
    with pytest.raises(errors.UntrustedTypes, match="posix"):
        load_model(buffer.getvalue(), "model.skops")


def test_a_worker_does_not_outlive_its_limit_of_processor_time_between_calls(outside: Outside) -> None:
    code = """
def burn():
    while True: pass
threading.Thread(target=burn, daemon=True).start()
"""
    model = load_model(on_predict(code), task=Task.REGRESSION, limits=Limits(predict=30, cpu=1), consent=True)
    model.predict(ROW)
    pid = model.pid
    assert pid is not None
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(pid).wait(timeout=60)
    assert model.pid is None
    assert model.predict(ROW).tolist() == [2.0]
    model.close()
