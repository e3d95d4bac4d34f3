"""Values of ours as a file, and back: results, findings, roles and schemas, with their tables as Arrow.

Nothing is pickled. A file can name only dataclasses and enumerations of this engine, and holds data, no code.
"""

from __future__ import annotations

import dataclasses
import importlib
import io
import json
import math
import zipfile
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pyarrow as pa

HOME = "debuggers."
KIND, VALUE = "$", "v"
COLLECTIONS: dict[str, Any] = {"tuple": tuple, "set": set, "frozenset": frozenset}


class Unencodable(TypeError):
    """A value of a type that this module does not know."""


class Damaged(ValueError):
    """Bytes that are no file of this module's."""


def encode(value: object) -> bytes:
    """Return a value as bytes.

    Parameters
    ----------
    value : object
        Of plain types, lists, tuples, sets, mappings, numpy arrays and scalars, data frames, time stamps, enumerations
        and dataclasses of this engine, in any nesting.

    Raises
    ------
    Unencodable
        There is something else in it.

    Examples
    --------
    >>> decode(encode({"scores": np.array([0.5, np.nan]), "by": ("age", None)}))
    {'scores': array([0.5, nan]), 'by': ('age', None)}
    """
    writer = _Writer()
    tree = writer.write(value)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("value.json", json.dumps(tree, allow_nan=False))
        for i, part in enumerate(writer.parts):
            archive.writestr(f"{i}.bin", part)
    return out.getvalue()


def decode(data: bytes) -> Any:
    """Return the value of `encode`'s bytes.

    Raises
    ------
    Damaged
        They are something else, or of another version of the classes that they name.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            tree = json.loads(archive.read("value.json"))
            return _Reader(archive).read(tree)
    except (
        zipfile.BadZipFile,
        KeyError,
        ValueError,
        TypeError,
        AttributeError,
        ImportError,
        pa.ArrowException,
    ) as error:
        raise Damaged(f"{type(error).__name__}: {error}") from error


class _Writer:
    """Turns a value into a tree for JSON and the parts beside it."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []

    def write(self, value: Any) -> Any:
        if value is None or (isinstance(value, str | bool | int) and not isinstance(value, Enum)):
            return value
        if value is pd.NA or value is pd.NaT:
            return _tag("none", str(value))
        for types, writer in self._WRITERS:
            if isinstance(value, types):
                return writer(self, value)
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            fields = {f.name: self.write(getattr(value, f.name)) for f in dataclasses.fields(value) if f.init}
            return _tag("record", [_path(type(value)), fields])
        raise Unencodable(f"no way to keep a {type(value).__module__}.{type(value).__qualname__}")

    def _enum(self, value: Enum) -> dict[str, Any]:
        return _tag("enum", [_path(type(value)), value.value])

    def _scalar(self, value: np.generic) -> dict[str, Any]:
        return _tag("scalar", self.write(np.asarray(value)[None]))

    def _float(self, value: float) -> Any:
        return value if math.isfinite(value) else _tag("float", repr(value))

    def _time(self, value: pd.Timestamp) -> dict[str, Any]:
        return _tag("time", [value.isoformat(), value.unit])

    def _list(self, value: list[Any]) -> list[Any]:
        return [self.write(v) for v in value]

    def _collection(self, value: tuple[Any, ...] | set[Any] | frozenset[Any]) -> dict[str, Any]:
        kind = next(name for name, cls in COLLECTIONS.items() if isinstance(value, cls))
        return _tag(kind, [self.write(v) for v in value])

    def _mapping(self, value: Mapping[Any, Any]) -> dict[str, Any]:
        return _tag("dict", [[self.write(k), self.write(v)] for k, v in value.items()])

    def _part(self, data: bytes) -> int:
        self.parts.append(data)
        return len(self.parts) - 1

    def _array(self, array: np.ndarray[Any, Any]) -> dict[str, Any]:
        if array.dtype == object:
            return _tag("objects", [list(array.shape), [self.write(v) for v in array.ravel()]])
        if array.dtype.kind not in "biufcmMSU":
            raise Unencodable(f"no way to keep an array of {array.dtype}")
        data = np.ascontiguousarray(array).tobytes()
        return _tag("array", [array.dtype.str, list(array.shape), self._part(data)])

    def _frame(self, frame: pd.DataFrame) -> dict[str, Any]:
        """Return columns that Arrow gives back as they were as one part, the others value by value."""
        plain, others = [], {}
        for i in range(frame.shape[1]):
            column = frame.iloc[:, i]
            if column.dtype == object:
                others[str(i)] = [str(column.dtype), [self.write(v) for v in column.array]]
            else:
                plain.append(i)
        part = frame.iloc[:, plain].reset_index(drop=True).set_axis([str(i) for i in plain], axis=1)
        sink = pa.BufferOutputStream()
        table = pa.Table.from_pandas(part, preserve_index=False)
        with pa.ipc.new_stream(sink, table.schema) as stream:
            stream.write_table(table)
        index: Any = None if isinstance(frame.index, pd.RangeIndex) else self.write(frame.index.to_numpy())
        steps = frame.index if isinstance(frame.index, pd.RangeIndex) else range(0)
        return {
            "columns": [self.write(c) for c in frame.columns],
            "range": [steps.start, steps.stop, steps.step],
            "index": index,
            "index_name": self.write(frame.index.name),
            "part": self._part(sink.getvalue().to_pybytes()),
            "others": others,
        }

    def _table(self, frame: pd.DataFrame) -> dict[str, Any]:
        return _tag("frame", self._frame(frame))

    _WRITERS: ClassVar[tuple[tuple[Any, Callable[[_Writer, Any], Any]], ...]] = (
        (Enum, _enum),
        (np.generic, _scalar),  # before float, which numpy's is one of
        (float, _float),
        (pd.Timestamp, _time),
        (list, _list),
        (tuple(COLLECTIONS.values()), _collection),
        (Mapping, _mapping),
        (np.ndarray, _array),
        (pd.DataFrame, _table),
    )


class _Reader:
    """Turns the tree back into the value."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive

    def read(self, tree: Any) -> Any:
        if isinstance(tree, list):
            return [self.read(v) for v in tree]
        if not isinstance(tree, dict):
            return tree
        return self._READERS[tree[KIND]](self, tree[VALUE])

    def _enum(self, value: list[Any]) -> Any:
        return _class(value[0], Enum)(value[1])

    def _record(self, value: list[Any]) -> Any:
        return _class(value[0], None)(**{name: self.read(v) for name, v in value[1].items()})

    def _dict(self, value: list[Any]) -> dict[Any, Any]:
        return {self.read(k): self.read(v) for k, v in value}

    def _array(self, value: list[Any]) -> np.ndarray[Any, Any]:
        dtype, shape, part = value
        return np.frombuffer(self._bytes(part), dtype=np.dtype(dtype)).reshape(shape).copy()

    def _collection(self, kind: str, value: list[Any]) -> Any:
        return COLLECTIONS[kind](self.read(v) for v in value)

    def _bytes(self, part: int) -> bytes:
        return self._archive.read(f"{int(part)}.bin")

    def _objects(self, shape: list[int], values: list[Any]) -> np.ndarray[Any, Any]:
        flat = np.empty(len(values), dtype=object)
        flat[:] = [self.read(v) for v in values]
        return flat.reshape(shape)

    def _frame(self, value: dict[str, Any]) -> pd.DataFrame:
        plain = pa.ipc.open_stream(self._bytes(value["part"])).read_all().to_pandas()
        index = pd.RangeIndex(*value["range"]) if value["index"] is None else pd.Index(self.read(value["index"]))
        columns = {int(name): plain[name] for name in plain.columns}
        for i, (dtype, cells) in value["others"].items():
            columns[int(i)] = pd.Series(self._objects([len(cells)], cells), dtype=dtype)
        names = [self.read(c) for c in value["columns"]]
        frame = pd.DataFrame({i: columns[i] for i in range(len(names))}, index=None if names else index)
        frame.columns = pd.Index(names) if names else pd.Index([])
        frame.index = index.rename(self.read(value["index_name"]))
        return frame

    _READERS: ClassVar[dict[str, Callable[[_Reader, Any], Any]]] = {
        "enum": _enum,
        "record": _record,
        "dict": _dict,
        "array": _array,
        "frame": _frame,
        "scalar": lambda self, value: self.read(value)[0],
        "float": lambda _, value: float(value),
        "none": lambda _, value: {"<NA>": pd.NA, "NaT": pd.NaT}[value],
        "time": lambda _, value: pd.Timestamp(value[0]).as_unit(value[1]),
        "objects": lambda self, value: self._objects(*value),
        "tuple": lambda self, value: self._collection("tuple", value),
        "set": lambda self, value: self._collection("set", value),
        "frozenset": lambda self, value: self._collection("frozenset", value),
    }


def _tag(kind: str, value: Any) -> dict[str, Any]:
    return {KIND: kind, VALUE: value}


def _path(cls: type) -> str:
    if not cls.__module__.startswith(HOME):
        raise Unencodable(f"no way to keep a {cls.__module__}.{cls.__qualname__}")
    return f"{cls.__module__}:{cls.__qualname__}"


def _class(path: str, base: type | None) -> Any:
    """Return a dataclass or an enumeration of this engine."""
    module, _, name = path.partition(":")
    if not module.startswith(HOME):
        raise ValueError(f"{path!r} is no class of this engine")
    found: Any = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    fits = isinstance(found, type) and (issubclass(found, base) if base else dataclasses.is_dataclass(found))
    if not fits:
        raise ValueError(f"{path!r} is no class of this engine")
    return found
