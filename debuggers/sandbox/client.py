"""The app's side of a worker: start it, ask it within limits, end it, start it again after it died."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from debuggers import errors
from debuggers.models.adapter import libraries
from debuggers.sandbox import arrays, jail, process, protocol, quotas
from debuggers.sandbox.connection import Connection
from debuggers.sandbox.protocol import Deadline, Header

Floats = npt.NDArray[np.float64]
Array = npt.NDArray[Any]

MAX_OUTPUTS = 10_000  # columns of an answer
_PLAIN_ERRORS = {"raised": errors.ModelRaised, "unavailable": errors.Unavailable, "jail": errors.NoJail}


def _worker_memory() -> int:
    text = os.environ.get("FAULTLINE_WORKER_MEMORY_MB", "").strip()
    return quotas.positive("FAULTLINE_WORKER_MEMORY_MB", text) << 20 if text else quotas.machine_memory() * 3 // 4


@dataclass(frozen=True)
class Limits:
    """What one worker may take.

    Parameters
    ----------
    load : float
        Seconds to start and load the model.
    predict : float
        Seconds for one block of rows.
    refit : float
        Seconds to fit the model anew.
    memory : int
        Bytes of data; by default three quarters of the machine's, or ``FAULTLINE_WORKER_MEMORY_MB``.
    cpu : int
        Seconds of processor time of one process. A worker that used half of it is replaced between two calls.
    """

    load: float = 120.0
    predict: float = 60.0
    refit: float = 300.0
    memory: int = field(default_factory=_worker_memory)
    cpu: int = 3600


@dataclass(frozen=True)
class Request:
    """An operation, what it needs to know as JSON, and the bytes that it works on."""

    op: str
    options: Mapping[str, Any]
    payload: Sequence[protocol.Bytes] = ()
    seconds: float | None = None


def warm(formats: Iterable[str]) -> None:
    """Have the libraries of these formats imported, so that the first models need not wait for them; takes seconds.

    Parameters
    ----------
    formats : iterable of str
        Values of `debuggers.models.formats.Format`.
    """
    for name in formats:
        family, modules, without = libraries(name, b"")
        process.warm(process.Start(family, modules, without, jail.Bounds(0, 0), required=False))


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
    required : bool
        Whether it must not run without the whole jail.
    owner : str
        Whose it is, for the quotas.
    then : Request, optional
        What to do with the loaded model before anything else is asked.
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
        required: bool = False,
        owner: str = "",
        then: Request | None = None,
    ) -> None:
        self.name, self.format, self.title, self.data = name, format, title, data
        self.options, self.limits, self.required, self.owner, self.then = dict(options), limits, required, owner, then
        self.last_used = time.monotonic()
        family, modules, without = libraries(format, data)
        bounds = jail.Bounds(limits.memory, limits.cpu)
        self._how = process.Start(family, modules, without, bounds, required)
        self._lock = threading.Lock()
        self._process: Connection | None = None

    def but(self, then: Request) -> Worker:
        """Return a worker for the same file that does something with the model after loading it."""
        return Worker(
            self.name, self.format, self.title, self.data, options=self.options, limits=self.limits,
            required=self.required, owner=self.owner, then=then,
        )  # fmt: skip

    @property
    def pid(self) -> int | None:
        """Id of the process, while there is one."""
        found = self._process
        return found.pid if found and found.is_alive() else None

    @property
    def memory(self) -> int:
        """Resident bytes of the process beyond what it shares with its zygote, 0 without one."""
        found = self._process
        return found.memory() if found else 0

    def is_running(self) -> bool:
        """Whether there is a process."""
        return self.pid is not None

    def rest(self) -> bool:
        """End the process if nobody is using it, and return whether it did; the next call starts it again."""
        if not self._lock.acquire(blocking=False):
            return False
        try:
            self.close()
        finally:
            self._lock.release()
        return True

    def load(self) -> Header:
        """Start the process if there is none, and return the signature that it reads in the file, unchecked.

        Raises
        ------
        InputError
            The file cannot be loaded, or there is no room for another worker.
        """
        with self._turn():
            return self._running().signature

    def predict(self, blocks: Iterable[pa.RecordBatch], rows: int, *, raw: bool) -> Floats:
        """Return the model's output for `rows` rows that come in blocks, of shape (rows,) or (rows, k).

        The lock is taken per block, so that a single row need not wait for a million others. While the worker computes
        on a block, the next one is made.

        Raises
        ------
        InputError
            The model raised, died, took too long, or answered with another shape.
        """
        out: Floats | None = None
        start = 0
        remaining = iter(blocks)
        block = next(remaining, None)
        while block is not None:
            stop = start + block.num_rows
            with self._turn():
                found = self._running()
                until = Deadline(self.limits.predict)
                with self._failures(found, "predict", self.limits.predict):
                    found.send_block({"op": "predict", "raw": raw}, block, until)
                    following = next(remaining, None)
                    out = self._receive_block(found, slice(start, stop), rows, out, until)
            start, block = stop, following
        assert out is not None
        return out

    def arrays(
        self,
        op: str,
        options: Mapping[str, Any],
        payload: Sequence[protocol.Bytes] = (),
        *,
        seconds: float | None = None,
    ) -> tuple[Header, dict[str, Array]]:
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
        with self._turn():
            return self._exchange(self._running(), Request(op, options, payload, seconds))

    def close(self) -> None:
        """End the process, also under a call in another thread; a later call starts it again."""
        found = self._process
        if found is not None:
            found.end()

    @contextlib.contextmanager
    def _turn(self) -> Iterator[None]:
        with quotas.pool().turn(self.owner, self._lock, self.name):
            self.last_used = time.monotonic()
            yield
            self.last_used = time.monotonic()

    def _exchange(self, found: Connection, request: Request) -> tuple[Header, dict[str, Array]]:
        limit = self.limits.predict if request.seconds is None else request.seconds
        until = Deadline(limit)
        with self._failures(found, request.op, limit):
            header, size = found.ask({**request.options, "op": request.op}, request.payload, until)
            if "error" in header:
                raise self._error(header)
            specs = arrays.announced(header, size)
            answer = arrays.receive(specs, lambda view: found.receive_into(view, until))
            return header, {**answer, **arrays.texts(header)}

    def _receive_block(self, found: Connection, where: slice, rows: int, out: Floats | None, until: Deadline) -> Floats:
        header, size = found.answer(until)
        if "error" in header:
            raise self._error(header)
        shape = self._shape(header, size, where.stop - where.start)
        if out is None:
            out = np.empty((rows, *shape[1:]))
        if out.shape[1:] != shape[1:]:
            raise errors.BadModelOutput(self.name, f"blocks of rows have shapes {out.shape[1:]} and {shape[1:]}")
        found.receive_into(out[where].data.cast("B"), until)
        return out

    def _shape(self, header: Header, size: int, rows: int) -> tuple[int, ...]:
        specs = arrays.announced(header, size, 8 * rows * MAX_OUTPUTS)
        if [(spec.name, spec.dtype) for spec in specs] != [("values", np.dtype("<f8"))]:
            raise protocol.ProtocolError("an answer without predictions")
        shape = specs[0].shape
        if len(shape) not in (1, 2) or shape[0] != rows or not 1 <= ([*shape, 1])[1] <= MAX_OUTPUTS:
            raise errors.BadModelOutput(self.name, f"it answered {rows:,} rows with an array of shape {shape}")
        return shape

    def _running(self) -> Connection:
        found = self._process
        if found is not None and found.is_alive() and found.cpu() > self.limits.cpu / 2:
            found.end()
        if found is None or not found.is_alive():
            quotas.pool().admit(self, self.name)
            found = self._process = self._start()
        return found

    def _start(self) -> Connection:
        until = Deadline(self.limits.load)
        try:
            found = Connection(self._how, until)
        except TimeoutError as error:
            raise errors.WorkerTimeout(self.name, "load", self.limits.load) from error
        except (EOFError, OSError) as error:
            raise errors.NoWorker(self.name, errors.one_line(error)) from error
        with self._failures(found, "load", self.limits.load):
            header, size = found.ask({"format": self.format, "options": self.options}, [self.data], until)
            if size or not isinstance(header.get("signature"), dict):
                raise self._error(header)
            found.signature = header["signature"]
        if self.then is not None:
            header, _ = self._exchange(found, self.then)
            if isinstance(header.get("signature"), dict):
                found.signature = header["signature"]
        return found

    @contextlib.contextmanager
    def _failures(self, found: Connection, during: str, seconds: float) -> Iterator[None]:
        """Turn what may go wrong in an exchange into the error to show; end the process where it cannot go on."""
        try:
            yield
        except (errors.ModelRaised, errors.Unavailable):
            raise
        except BaseException as error:  # an interrupt, too, leaves an exchange half done
            found.end()
            match error:
                case TimeoutError():
                    raise errors.WorkerTimeout(self.name, during, seconds) from error
                case EOFError() | OSError():
                    raise errors.WorkerDied(self.name, during) from error
                case protocol.ProtocolError():
                    raise errors.BadModelOutput(self.name, f"its process answered with {error}") from error
            raise

    def _error(self, header: Header) -> errors.InputError:
        reason = errors.one_line(header.get("reason", "no reason given"))
        match header.get("error"):
            case "raised" | "unavailable" | "jail" as kind:
                return _PLAIN_ERRORS[kind](self.name, reason)
            case "untrusted":
                return errors.UntrustedTypes(self.name, tuple(map(errors.one_line, header.get("types", ()))))
            case "task":
                task, outputs = (errors.one_line(header.get(key)) for key in ("task", "outputs"))
                return errors.TaskMismatch(self.name, task, outputs)
            case "version":
                remedy = errors.one_line(header.get("remedy", ""))
                return errors.OtherVersion(self.name, self.title, reason, remedy)
            case _:
                return errors.UnreadableModel(self.name, self.title, reason)
