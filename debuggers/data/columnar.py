"""Read Parquet, Feather and Arrow files into plain Arrow types.

Their metadata may lie about the size, so batches are counted as they come. What else the metadata says (a pandas index,
extension types) is never acted upon: extension types are read as what they are stored as.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from debuggers.data.names import unique_names
from debuggers.data.options import MISSING_MARKERS, Limits, ReadOptions, megabytes
from debuggers.data.parsed import Parsed, check_shape
from debuggers.data.recognise import Bytes, Format
from debuggers.errors import EmptyTable, TooLarge, UnreadableTable, quoted

_BATCH_ROWS = 1 << 16
Simplified = tuple[pa.ChunkedArray | None, str | None]

_SAVED_INDEX = re.compile(r"__index_level_\d+__")
#: Beyond this a float no longer holds every whole number.
_EXACT = 1 << 53
_INT64 = 1 << 63


def read_columnar(data: Bytes, form: Format, name: str, options: ReadOptions, limits: Limits) -> Parsed:
    """Read Parquet, Feather (1 and 2) or Arrow.

    Raises
    ------
    TooLarge
        More columns, cells or bytes than the limit, whatever the metadata says.
    EmptyTable
        No rows or no columns.
    UnreadableTable
        No column that a table can hold.
    """
    schema, batches = _open(data, form, name, limits)
    check_shape(0, len(schema), name, limits)
    table = _bounded(schema, batches, name, limits)
    if table.num_rows == 0 or table.num_columns == 0:
        raise EmptyTable(name)
    names, notes = unique_names([field.name for field in schema])
    columns: dict[str, Any] = {}
    # These formats know missing values; only what a person adds to the list is looked for.
    markers = [marker for marker in options.missing if marker not in MISSING_MARKERS]
    for column_name, column in zip(names, table.unify_dictionaries().columns, strict=True):
        if _SAVED_INDEX.fullmatch(column_name):
            notes.append("the saved index of a pandas table was left out")
            continue
        simple, note = simplified(column)
        if note:
            notes.append(f"the column {quoted(column_name)} {note}")
        if simple is not None:
            columns[column_name] = _without_markers(simple, markers)
    if not columns:
        raise UnreadableTable(name, "no column holds numbers, text, dates or booleans")
    return Parsed(pa.table(columns), options, (form.value, *notes))


def _open(data: Bytes, form: Format, name: str, limits: Limits) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    source = pa.BufferReader(pa.py_buffer(data))
    if form is Format.PARQUET:
        from pyarrow import parquet

        file = parquet.ParquetFile(source)
        check_shape(file.metadata.num_rows, file.metadata.num_columns, name, limits)
        return file.schema_arrow, file.iter_batches(batch_size=_BATCH_ROWS)
    if form is Format.FEATHER_1:
        from pyarrow import feather

        table = feather.read_table(source)
        return table.schema, iter(table.to_batches())
    if form is Format.ARROW:
        reader = pa.ipc.open_file(source)
        return reader.schema, (reader.get_batch(i) for i in range(reader.num_record_batches))
    stream = pa.ipc.open_stream(source)
    return stream.schema, iter(stream)


def _bounded(schema: pa.Schema, batches: Iterator[pa.RecordBatch], name: str, limits: Limits) -> pa.Table:
    kept, rows, size = [], 0, 0
    for batch in batches:
        batch.validate(full=True)  # bytes from strangers: offsets and indices may point anywhere
        rows += batch.num_rows
        size += sum(_size(column) for column in batch.columns)
        check_shape(rows, len(schema), name, limits)
        if size > limits.unpacked:
            raise TooLarge(name, megabytes(limits.unpacked), "it unpacks to more")
        kept.append(batch)
    return pa.Table.from_batches(kept, schema=kept[0].schema if kept else schema)


def _size(column: pa.Array) -> int:
    """Return a column's bytes; a dictionary is shared between batches, so it does not count."""
    return int(column.indices.nbytes if types.is_dictionary(column.type) else column.nbytes)


def simplified(column: pa.ChunkedArray) -> Simplified:
    """Return a column as number, boolean, text, category or time, or None where it is none of these; and a note.

    Examples
    --------
    >>> from decimal import Decimal
    >>> simplified(pa.chunked_array([[Decimal("1.50"), None]]))[0].to_pylist()
    [1.5, None]
    >>> simplified(pa.chunked_array([[[1, 2]]]))
    (None, 'holds lists or records and was left out')
    """
    for belongs, convert in _CONVERSIONS:
        if belongs(column.type):
            return convert(column)
    return None, f"is of the type {column.type} and was left out"


def _without_markers(column: pa.ChunkedArray, markers: list[str]) -> pa.ChunkedArray:
    kind = column.type
    if types.is_dictionary(kind) and types.is_large_string(kind.value_type):
        return _without_markers(column.cast(kind.value_type), markers).dictionary_encode() if markers else column
    if not markers or not types.is_large_string(kind):
        return column
    return pc.if_else(pc.is_in(column, value_set=pa.array(markers, kind)), None, column)


def _as_is(column: pa.ChunkedArray) -> Simplified:
    return column, None


def _cast_to(kind: pa.DataType) -> Callable[[pa.ChunkedArray], Simplified]:
    return lambda column: (column.cast(kind), None)


def _left_out(_: pa.ChunkedArray) -> Simplified:
    return None, "holds lists or records and was left out"


def _stored(column: pa.ChunkedArray) -> Simplified:
    return simplified(pa.chunked_array([chunk.storage for chunk in column.chunks], column.type.storage_type))


def _decoded_runs(column: pa.ChunkedArray) -> Simplified:
    return simplified(pa.chunked_array([pc.run_end_decode(c) for c in column.chunks], column.type.value_type))


def _whole_numbers(column: pa.ChunkedArray) -> Simplified:
    """Widen to int64, since sums and differences of a stranger's int8 overflow without a word."""
    largest = _largest(column)
    if column.null_count and largest > _EXACT:
        return column.cast(pa.large_string()), "has missing values and whole numbers too large for them: it is text now"
    return (column if largest >= _INT64 else column.cast(pa.int64())), None


def _category(column: pa.ChunkedArray) -> Simplified:
    values = column.type.value_type
    if types.is_string(values):
        return _category(column.cast(pa.dictionary(column.type.index_type, pa.large_string())))
    if types.is_large_string(values) or types.is_integer(values):
        dictionaries = [chunk.dictionary for chunk in column.chunks[:1]]  # unified: all the same
        if all(d.null_count == 0 and len(d.unique()) == len(d) for d in dictionaries):
            return column, None
    return simplified(column.cast(values))


def _time(column: pa.ChunkedArray) -> Simplified:
    kind = column.type
    if types.is_date(kind):
        return column.cast(pa.timestamp("ms")), None
    if types.is_timestamp(kind):
        note = None if kind.tz is None else f"was in the time zone {quoted(kind.tz)}: it is in UTC now"
        return column.cast(pa.timestamp(kind.unit)), note
    if types.is_time(kind):
        return column.cast(pa.large_string()), "holds times of day: it is text now"
    ticks = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}[kind.unit]
    seconds = pc.divide(column.cast(pa.int64()).cast(pa.float64(), safe=False), ticks)
    return seconds, "holds durations: it is in seconds now"


def _text_of_bytes(column: pa.ChunkedArray) -> Simplified:
    try:
        if types.is_fixed_size_binary(column.type):
            column = column.cast(pa.binary())
        return column.cast(pa.large_binary()).cast(pa.large_string()), None
    except pa.ArrowInvalid:  # no text
        return None, "holds binary data and was left out"


def _largest(column: pa.ChunkedArray) -> int:
    bounds = pc.min_max(column).as_py()
    return max((abs(value) for value in bounds.values() if value is not None), default=0)


def _is_bytes(kind: pa.DataType) -> bool:
    return "binary" in str(kind)


#: The first that applies is used: from types made of others to plain ones.
_CONVERSIONS: tuple[tuple[Callable[[pa.DataType], bool], Callable[[pa.ChunkedArray], Simplified]], ...] = (
    (lambda kind: isinstance(kind, pa.BaseExtensionType), _stored),
    (types.is_run_end_encoded, _decoded_runs),
    (types.is_dictionary, _category),
    (types.is_nested, _left_out),
    (types.is_interval, _left_out),
    (types.is_temporal, _time),
    (_is_bytes, _text_of_bytes),
    (types.is_integer, _whole_numbers),
    (types.is_boolean, _as_is),
    (types.is_float16, _cast_to(pa.float32())),
    (types.is_floating, _as_is),
    (types.is_decimal, _cast_to(pa.float64())),
    (types.is_null, _cast_to(pa.float64())),
    (types.is_large_string, _as_is),
    (types.is_string, _cast_to(pa.large_string())),
    (types.is_string_view, _cast_to(pa.large_string())),
)
