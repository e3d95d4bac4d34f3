"""The worker that holds one model: it loads the bytes that come from its socket, and answers until that closes."""

from __future__ import annotations

import ctypes
import multiprocessing.context
import os
import re
import socket
import sys
import threading
import types
from collections.abc import Mapping, Sequence
from typing import Any

from debuggers.models import adapter as adapters
from debuggers.models import threads
from debuggers.sandbox import arrays, memory, protocol

MAX_REASON = 200
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of the C library's allocator
_KEPT = 32 << 20  # bytes; what a block of rows needs at once


def serve(connection: socket.socket, files: Sequence[int]) -> None:
    """Load a model and answer requests about it until the socket closes.

    Parameters
    ----------
    files : sequence of int
        Descriptors of the memory through which blocks of rows come; without, they come through the socket.
    """
    _keep_freed_memory()
    _use_all_cores()
    sys.modules["__main__"] = types.ModuleType("__main__")  # where a pickle looks for the classes of its script
    view = memory.View(files)
    model: adapters.Adapter | None = None
    while True:
        header, payload = protocol.receive(connection)
        answer: protocol.Header
        parts: Sequence[protocol.Bytes] = ()
        try:
            if model is None:
                model = adapters.load(header["format"], bytes(payload), header["options"])
                answer = {"signature": model.describe().as_json()}
            elif header["op"] == "refit":
                model = _refitted(model, header, payload)
                answer = {"signature": model.describe().as_json(), "arrays": []}
            else:
                data = view.read(header["slot"], header["size"]) if "slot" in header else payload
                answer, parts = arrays.pack(OPERATIONS[header["op"]](model, header, data))
        except BaseException as error:  # noqa: BLE001 -- whatever a model or its library raises is an answer
            answer = _failure(error, loading=model is None)
        protocol.send(connection, {**answer, "id": header["id"]}, parts)


def _thread_lock(_: object) -> Any:
    return threading.Lock()


def _keep_freed_memory() -> None:
    """Use the memory of one block for the next, instead of asking the kernel for it again: a fourth of the time."""
    if sys.platform.startswith("linux"):
        libc = ctypes.CDLL(None)
        if hasattr(libc, "mallopt"):
            libc.mallopt(_MMAP_THRESHOLD, _KEPT)
            libc.mallopt(_TRIM_THRESHOLD, 2 * _KEPT)


def _use_all_cores() -> None:
    """Let linear algebra use threads again, which the zygote does without, and joblib threads instead of processes."""
    if "joblib" in sys.modules:
        sys.modules["joblib"].parallel_config(backend="threading")
        # A pool of threads asks for a lock between processes, which is a file; there are no other processes here.
        multiprocessing.context.BaseContext.Lock = _thread_lock  # type: ignore[method-assign, assignment]
    if "threadpoolctl" in sys.modules:
        cores = int(os.environ.get("OMP_NUM_THREADS", "1"))
        sys.modules["threadpoolctl"].threadpool_limits(cores, user_api="blas")


def _predict(model: adapters.Adapter, options: protocol.Header, payload: protocol.Bytes) -> Mapping[str, arrays.Array]:
    import numpy as np
    import pyarrow as pa

    batch = pa.ipc.open_stream(pa.py_buffer(payload)).read_next_batch()
    with threads.joblib_of(batch.num_rows):
        return {"values": np.asarray(model.predict(batch, raw=options["raw"]), dtype="<f8")}


def _structure(model: adapters.Adapter, options: protocol.Header, _: protocol.Bytes) -> Mapping[str, arrays.Array]:
    return adapters.structure(model, options["kind"])


def _refitted(model: adapters.Adapter, options: protocol.Header, payload: bytearray) -> adapters.Adapter:
    """Return the model fitted anew on a batch whose last columns are the target and, if it says so, the weights."""
    import pyarrow as pa

    batch = pa.ipc.open_stream(pa.py_buffer(payload)).read_next_batch()
    width = batch.num_columns - (2 if options["weighted"] else 1)
    weights = batch.column(width + 1).to_numpy() if options["weighted"] else None
    return adapters.refit(model, batch.select(list(range(width))), batch.column(width), weights)


def _encode(model: adapters.Adapter, _: protocol.Header, payload: protocol.Bytes) -> Mapping[str, arrays.Array]:
    import numpy as np
    import pyarrow as pa

    if not hasattr(model, "encoded"):
        raise adapters.Unavailable("models of this format do not say what their trees take")
    batch = pa.ipc.open_stream(pa.py_buffer(payload)).read_next_batch()
    return {"values": np.asarray(model.encoded(batch), dtype="<f8")}


#: What a loaded model can be asked: each takes the request's header and payload and returns named arrays.
OPERATIONS = {"predict": _predict, "structure": _structure, "encode": _encode}


def _failure(error: BaseException, *, loading: bool) -> dict[str, Any]:
    if isinstance(error, adapters.Untrusted):
        return {"error": "untrusted", "types": list(error.types)}
    if isinstance(error, adapters.WrongTask):
        return {"error": "task", "task": error.task, "outputs": error.outputs}
    if isinstance(error, adapters.OtherVersion):
        return {"error": "version", "reason": error.found, "remedy": error.remedy}
    if isinstance(error, adapters.Unavailable):
        return {"error": "unavailable", "reason": reason(error)}
    return {"error": "unreadable" if loading else "raised", "reason": reason(error)}


def reason(error: BaseException) -> str:
    r"""Return what went wrong in one line of bounded length.

    Examples
    --------
    >>> reason(ValueError("[12:00:01] /src/tree.cc:12: Check failed: x\nStack trace: ..."))
    'ValueError: Check failed: x'
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = re.sub(r"^\[[\d:]+\] \S+:\d+:\s*", "", lines[0]) if lines else ""
    if not isinstance(error, adapters.ColumnError | adapters.Refused | adapters.Unavailable):
        text = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return text if len(text) <= MAX_REASON else text[: MAX_REASON - 1] + "…"
