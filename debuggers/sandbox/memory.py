"""Memory that the app writes and a worker reads: tables reach a worker without going through a socket.

Several slots, so that the app can write the next block of rows while the worker computes on the one before. A worker
gets them open for reading only.
"""

from __future__ import annotations

import mmap
import os
import weakref
from collections.abc import Sequence

import pyarrow as pa

SLOTS = 2


class Slots:
    """The app's side: writes batches."""

    def __init__(self) -> None:
        self._files = [os.memfd_create("faultline") for _ in range(SLOTS)]
        self._maps: list[mmap.mmap | None] = [None] * SLOTS
        self.close = weakref.finalize(self, _close, self._files)

    def open_for_reading(self) -> list[int]:
        """Return new descriptors of the slots through which nothing can be written."""
        return [os.open(f"/proc/self/fd/{file}", os.O_RDONLY | os.O_CLOEXEC) for file in self._files]

    def write(self, slot: int, batch: pa.RecordBatch) -> int:
        """Write a batch as an Arrow stream into a slot, which grows as needed, and return its bytes."""
        counter = pa.MockOutputStream()
        _write(counter, batch)
        size = int(counter.size())
        with pa.FixedSizeBufferWriter(pa.py_buffer(self._room(slot, size))) as sink:
            _write(sink, batch)
        return size

    def _room(self, slot: int, size: int) -> mmap.mmap:
        found = self._maps[slot]
        if found is None or len(found) < size:
            room = -(-size // mmap.PAGESIZE) * mmap.PAGESIZE
            os.ftruncate(self._files[slot], room)
            found = self._maps[slot] = mmap.mmap(self._files[slot], room)
        return found


class View:
    """The worker's side: reads what was written."""

    def __init__(self, files: Sequence[int]) -> None:
        self._files = list(files)
        self._maps: list[mmap.mmap | None] = [None] * len(files)
        self._copy = bytearray()

    def read(self, slot: int, size: int) -> memoryview:
        """Return a copy of the bytes in a slot, which the next call overwrites.

        A copy, since some libraries want to write to what they are given; into memory that is there already, since to
        get new memory from the kernel takes three times as long.
        """
        found = self._maps[slot]
        if found is None or len(found) < size:
            room = os.fstat(self._files[slot]).st_size
            found = self._maps[slot] = mmap.mmap(self._files[slot], room, access=mmap.ACCESS_READ)
        if len(self._copy) < size:
            self._copy = bytearray(size)
        held = memoryview(self._copy)[:size]
        held[:] = memoryview(found)[:size]
        return held


def _write(sink: pa.NativeFile, batch: pa.RecordBatch) -> None:
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)


def _close(files: Sequence[int]) -> None:
    for file in files:
        os.close(file)
