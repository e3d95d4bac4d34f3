"""The app's side of a worker: start it, ask it within a time limit, end it, start it again after it died."""

from __future__ import annotations

import contextlib
import functools
import os
import socket
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from debuggers import errors
from debuggers.sandbox import arrays, protocol

Floats = npt.NDArray[np.float64]
Array = npt.NDArray[Any]

MAX_OUTPUTS = 10_000  # columns of an answer
PASSED_ON = ("PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX", "LD_LIBRARY_PATH", "LANG", "LC_ALL")


@dataclass(frozen=True)
class Limits:
    """How long a worker may take.

    Parameters
    ----------
    load : float
        Seconds to start and load the model.
    predict : float
        Seconds for one block of rows.
    """

    load: float = 120.0
    predict: float = 60.0


class Worker:
    """One model in a process of its own; safe to be called from several threads.

    The process starts with `load`, ends with `close`, with this object or with the interpreter, and is started again
    by the next call after it ended.

    Parameters
    ----------
    name : str
        The model's name, for messages.
    format, title : str
        The format's key, which chooses the adapter, and its name as a person knows it.
    data : bytes
        The model file.
    options : mapping
        What the adapter needs to know besides, as JSON.
    """

    def __init__(
        self,
        name: str,
        format: str,  # noqa: A002 -- the field's word
        title: str,
        data: bytes,
        *,
        options: Mapping[str, Any],
        limits: Limits,
    ) -> None:
        self._name, self._title, self._data, self._limits = name, title, data, limits
        self._request = {"format": format, "options": dict(options)}
        self._lock = threading.Lock()
        self._process: _Process | None = None

    @property
    def pid(self) -> int | None:
        """Id of the process, while there is one."""
        process = self._process
        return process.pid if process and process.is_alive() else None

    def load(self) -> protocol.Header:
        """Start the process if there is none, and return the signature that it reads in the file, unchecked.

        Raises
        ------
        InputError
            The file cannot be loaded.
        """
        with self._lock:
            return self._running().signature

    def predict(self, blocks: Iterable[pa.RecordBatch], rows: int, *, raw: bool) -> Floats:
        """Return the model's output for `rows` rows that come in blocks, of shape (rows,) or (rows, k).

        The lock is taken per block, so that a single row need not wait for a million others.

        Raises
        ------
        InputError
            The model raised, died, took too long, or answered with another shape.
        """
        out: Floats | None = None
        start = 0
        for block in blocks:
            stop = start + block.num_rows
            with self._lock:
                out = self._predict_block(block, rows, out, slice(start, stop), raw=raw)
            start = stop
        assert out is not None
        return out

    def arrays(
        self,
        op: str,
        options: Mapping[str, Any],
        payload: Sequence[protocol.Bytes] = (),
        *,
        seconds: float | None = None,
    ) -> tuple[protocol.Header, dict[str, Array]]:
        """Ask for an operation whose answer is named arrays, of numbers or of text.

        Parameters
        ----------
        op : str
            One of `debuggers.sandbox.worker.OPERATIONS`.
        options : mapping
            What the operation needs to know, as JSON.
        payload : sequence of bytes, optional
            What it needs besides.
        seconds : float, optional
            Time limit; by default that of predicting.

        Returns
        -------
        header : dict
            The answer's header, unchecked but for its arrays.
        arrays : dict of str to ndarray
            Their types, shapes and lengths are checked and bounded, their values are a stranger's.

        Raises
        ------
        Unavailable
            The model cannot do this, with the reason.
        InputError
            The model raised, died, took too long, or gave no arrays.
        """
        limit = self._limits.predict if seconds is None else seconds
        with self._lock:
            process = self._running()
            until = protocol.Deadline(limit)
            with self._failures(process, op, limit):
                header, size = process.ask({**options, "op": op}, payload, until)
                if "error" in header:
                    raise self._error(header)
                specs = arrays.announced(header, size)
                found = arrays.receive(specs, lambda view: process.receive_into(view, until))
                return header, {**found, **arrays.texts(header)}

    def close(self) -> None:
        """End the process, also under a call in another thread; a later call starts it again."""
        process = self._process
        if process is not None:
            process.end()

    def _predict_block(
        self, block: pa.RecordBatch, rows: int, out: Floats | None, where: slice, *, raw: bool
    ) -> Floats:
        process = self._running()
        until = protocol.Deadline(self._limits.predict)
        with self._failures(process, "predict", self._limits.predict):
            header, size = process.ask({"op": "predict", "raw": raw}, [_stream(block)], until)
            if "error" in header:
                raise self._error(header)
            shape = self._shape(header, size, block.num_rows)
            if out is None:
                out = np.empty((rows, *shape[1:]))
            if out.shape[1:] != shape[1:]:
                raise errors.BadModelOutput(self._name, f"blocks of rows have shapes {out.shape[1:]} and {shape[1:]}")
            process.receive_into(out[where].data.cast("B"), until)
        return out

    def _shape(self, header: protocol.Header, size: int, rows: int) -> tuple[int, ...]:
        specs = arrays.announced(header, size, 8 * rows * MAX_OUTPUTS)
        if [(spec.name, spec.dtype) for spec in specs] != [("values", np.dtype("<f8"))]:
            raise protocol.ProtocolError("an answer without predictions")
        shape = specs[0].shape
        if len(shape) not in (1, 2) or shape[0] != rows or not 1 <= ([*shape, 1])[1] <= MAX_OUTPUTS:
            raise errors.BadModelOutput(self._name, f"it answered {rows:,} rows with an array of shape {shape}")
        return shape

    def _running(self) -> _Process:
        if self._process is None or not self._process.is_alive():
            self._process = self._start()
        return self._process

    def _start(self) -> _Process:
        process = _Process()
        until = protocol.Deadline(self._limits.load)
        with self._failures(process, "load", self._limits.load):
            header, size = process.ask(self._request, [self._data], until)
            if size or not isinstance(header.get("signature"), dict):
                raise self._error(header)
            process.signature = header["signature"]
        return process

    @contextlib.contextmanager
    def _failures(self, process: _Process, during: str, seconds: float) -> Iterator[None]:
        """Turn what may go wrong in an exchange into the error to show; end the process where it cannot go on."""
        try:
            yield
        except (errors.ModelRaised, errors.Unavailable):
            raise
        except BaseException as error:  # an interrupt, too, leaves an exchange half done
            process.end()
            match error:
                case TimeoutError():
                    raise errors.WorkerTimeout(self._name, during, seconds) from error
                case EOFError() | OSError():
                    raise errors.WorkerDied(self._name, during) from error
                case protocol.ProtocolError():
                    raise errors.BadModelOutput(self._name, f"its process answered with {error}") from error
            raise

    def _error(self, header: protocol.Header) -> errors.InputError:
        reason = errors.one_line(header.get("reason", "no reason given"))
        match header.get("error"):
            case "raised":
                return errors.ModelRaised(self._name, reason)
            case "unavailable":
                return errors.Unavailable(self._name, reason)
            case "untrusted":
                return errors.UntrustedTypes(self._name, tuple(map(errors.one_line, header.get("types", ()))))
            case "task":
                return errors.TaskMismatch(self._name, str(header.get("task")), str(header.get("outputs")))
            case _:
                return errors.UnreadableModel(self._name, self._title, reason)


class _Process:
    """A running worker and the socket to it."""

    def __init__(self) -> None:
        self.signature: protocol.Header = {}
        self._requests = 0
        self._socket, theirs = socket.socketpair()
        with theirs:
            self._popen = _spawner(os.getpid()).submit(_spawn, theirs.fileno()).result()
        self.end = weakref.finalize(self, _end, os.getpid(), self._popen, self._socket)

    @property
    def pid(self) -> int:
        return self._popen.pid

    def is_alive(self) -> bool:
        return self._popen.poll() is None and self.end.alive

    def ask(
        self, header: Mapping[str, Any], payload: Sequence[protocol.Bytes], until: protocol.Deadline
    ) -> tuple[protocol.Header, int]:
        self._requests += 1
        protocol.send(self._socket, {**header, "id": self._requests}, payload, until)
        answer, size = protocol.receive_header(self._socket, until)
        if answer.get("id") != self._requests:
            raise protocol.ProtocolError("the answer to another question")
        return answer, size

    def receive_into(self, view: memoryview, until: protocol.Deadline) -> None:
        protocol.receive_into(self._socket, view, until)


@functools.cache
def _spawner(pid: int) -> Executor:  # noqa: ARG001 -- one for each process: threads do not survive a fork
    """Return the one thread that starts workers.

    A worker asks the kernel to be killed when its parent dies, and to the kernel the parent is the *thread* that
    started it; a thread of the web server that ends would take its workers along.
    """
    return ThreadPoolExecutor(1, thread_name_prefix="worker-spawner")


def _spawn(fd: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-P", "-s", "-m", "debuggers.sandbox.worker", str(fd), str(os.getpid())]
    nothing = subprocess.DEVNULL
    return subprocess.Popen(  # noqa: S603 -- our own interpreter and module
        command, stdin=nothing, stdout=nothing, stderr=nothing, pass_fds=[fd], cwd="/", env=_environment()
    )


def _environment() -> dict[str, str]:
    """Return all that a worker inherits: no secret, a thread per core, none that spins or reports."""
    return {
        **{name: os.environ[name] for name in PASSED_ON if name in os.environ},
        "PATH": os.defpath,
        "HOME": "/dev/null",  # nothing can be written below it
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "OMP_NUM_THREADS": str(len(os.sched_getaffinity(0))),
        "OMP_WAIT_POLICY": "PASSIVE",
        "JOBLIB_MULTIPROCESSING": "0",
        "ORT_DISABLE_TELEMETRY": "1",  # onnxruntime otherwise reports each session to its maker
    }


def _end(owner: int, popen: subprocess.Popen[bytes], connection: socket.socket) -> None:
    if os.getpid() != owner:  # a fork of the app must not end the app's workers
        return
    popen.kill()
    popen.wait()
    connection.close()


def _stream(block: pa.RecordBatch) -> memoryview:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, block.schema) as writer:
        writer.write_batch(block)
    return memoryview(sink.getvalue())
