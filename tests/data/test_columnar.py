"""Parquet, Feather and Arrow: what each type becomes."""

from __future__ import annotations

import datetime as dt
import io
import json
import pickle
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import feather, parquet

from debuggers.data.columnar import read_columnar, simplified
from debuggers.data.options import Limits, ReadOptions
from debuggers.data.parsed import Parsed
from debuggers.data.reading import read_table
from debuggers.data.recognise import recognise
from debuggers.errors import EmptyTable, TooLarge, UnreadableTable

UTC = dt.UTC


def parquet_bytes(table: pa.Table, **options: Any) -> bytes:
    target = io.BytesIO()
    parquet.write_table(table, target, **options)
    return target.getvalue()


def arrow_bytes(table: pa.Table) -> bytes:
    target = io.BytesIO()
    with pa.ipc.new_file(target, table.schema) as writer:
        writer.write_table(table)
    return target.getvalue()


def stream_bytes(table: pa.Table) -> bytes:
    target = io.BytesIO()
    with pa.ipc.new_stream(target, table.schema) as writer:
        writer.write_table(table)
    return target.getvalue()


def feather_1_bytes(table: pa.Table) -> bytes:
    target = io.BytesIO()
    with pytest.warns(DeprecationWarning, match="Feather V1"):
        feather.write_feather(table, target, version=1)
    return target.getvalue()


def read(data: bytes, limits: Limits | None = None, **options: Any) -> Parsed:
    form = recognise(memoryview(data))
    assert form is not None
    return read_columnar(memoryview(data), form, "t", ReadOptions(**options), limits or Limits())


@pytest.mark.parametrize("write", [parquet_bytes, arrow_bytes, stream_bytes])
def test_each_format_reads_the_same(write: Any) -> None:
    table = pa.table({"a": [1, None], "b": ["x", None], "c": [True, False], "d": [1.5, float("inf")]})
    assert read(write(table)).table.to_pydict() == table.to_pydict()


@pytest.mark.filterwarnings("ignore:Feather V1:DeprecationWarning")
def test_feather_version_1_still_reads() -> None:
    table = pa.table({"a": [1, 2], "b": ["x", None]})
    assert read(feather_1_bytes(table)).table.to_pydict() == table.to_pydict()


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        ([1, None], pa.int8(), [1, None]),
        ([2**63, 1], pa.uint64(), [2**63, 1]),
        ([2**60, None], pa.int64(), [str(2**60), None]),
        ([Decimal("1.50")], pa.decimal128(5, 2), [1.5]),
        ([None], pa.null(), [None]),
        ([1.5], pa.float16(), [1.5]),
        (["a"], pa.string_view(), ["a"]),
        ([b"a", None], pa.binary(), ["a", None]),
        ([b"ab"], pa.binary(2), ["ab"]),
        ([b"\xff\xfe"], pa.binary(), None),
        ([dt.date(2024, 2, 29)], pa.date32(), [dt.datetime(2024, 2, 29)]),  # noqa: DTZ001  # no zone is the point
        ([dt.datetime(2024, 1, 1, 1, tzinfo=UTC)], pa.timestamp("us", "Asia/Tokyo"), [dt.datetime(2024, 1, 1, 1)]),  # noqa: DTZ001
        ([dt.time(1, 2)], pa.time32("s"), ["01:02:00"]),
        ([dt.timedelta(seconds=90)], pa.duration("ms"), [90.0]),
        ([[1]], pa.list_(pa.int64()), None),
        ([{"a": 1}], pa.struct({"a": pa.int64()}), None),
    ],
)
def test_each_type_becomes_a_plain_one_or_is_left_out(values: list[Any], kind: pa.DataType, expected: Any) -> None:
    simple, note = simplified(pa.chunked_array([values], kind))
    assert (None if simple is None else simple.to_pylist()) == expected
    assert simple is not None or note


def test_dictionaries_run_ends_and_extensions_are_read_as_what_they_hold() -> None:
    words = pa.array(["a", "b", "a"])
    category, _ = simplified(pa.chunked_array([words.dictionary_encode()]))
    assert category is not None
    assert pa.types.is_dictionary(category.type)
    doubled = pa.DictionaryArray.from_arrays(pa.array([0, 1, 2]), pa.array(["a", "a", None]))
    runs = pa.RunEndEncodedArray.from_arrays([2, 3], ["a", "b"])
    identifiers = pa.ExtensionArray.from_storage(pa.json_(), words)
    for array, expected in ((doubled, ["a", "a", None]), (runs, ["a", "a", "b"]), (identifiers, ["a", "b", "a"])):
        simple, _ = simplified(pa.chunked_array([array]))
        assert simple is not None
        assert simple.to_pylist() == expected
        assert not pa.types.is_dictionary(simple.type)


def test_columns_that_are_left_out_are_named() -> None:
    parsed = read(parquet_bytes(pa.table({"a": [1], "b": [[1, 2]]})))
    assert parsed.table.column_names == ["a"]
    assert any("“b” holds lists" in note for note in parsed.notes)
    with pytest.raises(UnreadableTable):
        read(parquet_bytes(pa.table({"b": [[1, 2]]})))


def test_a_saved_pandas_index_is_no_column() -> None:
    target = io.BytesIO()
    pd.DataFrame({"a": [1, 2]}, index=[5, 7]).to_parquet(target)
    parsed = read(target.getvalue())
    assert parsed.table.column_names == ["a"]


def test_duplicate_names_are_made_unique() -> None:
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"])
    assert read(parquet_bytes(table)).table.to_pydict() == {"a": [1], "a (2)": [2]}


def test_markers_that_a_person_adds_count_in_typed_files_too() -> None:
    table = pa.table({"a": ["?", "NA"], "b": pa.array(["?", "x"]).dictionary_encode()})
    parsed = read(parquet_bytes(table), missing=("?",))
    assert parsed.table.to_pydict() == {"a": [None, "NA"], "b": [None, "x"]}
    assert read(parquet_bytes(table)).table.column("a").to_pylist() == ["?", "NA"]


def test_no_rows_or_no_columns_is_an_empty_table() -> None:
    for table in (pa.table({"a": pa.array([], pa.int64())}), pa.table({})):
        with pytest.raises(EmptyTable):
            read(arrow_bytes(table))


def test_what_comes_out_is_bounded_whatever_the_metadata_says() -> None:
    expanding = parquet_bytes(pa.table({"a": ["x" * 10_000] * 5_000}), use_dictionary=True)
    assert len(expanding) < 50_000
    metadata = parquet.ParquetFile(io.BytesIO(expanding)).metadata
    assert metadata.row_group(0).total_byte_size < 100_000
    with pytest.raises(TooLarge):
        read(expanding, Limits(unpacked=10_000_000))
    with pytest.raises(TooLarge):
        read(parquet_bytes(pa.table({"a": [1] * 100})), Limits(cells=99))


def test_metadata_is_never_run(tmp_path: Path) -> None:
    witness = tmp_path / "ran"

    class Payload:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (witness,))

    program = pickle.dumps(Payload())
    pickle.loads(program)
    assert witness.exists()  # the payload works
    witness.unlink()
    names = (b"arrow.py_extension_type", b"pandas.period", b"pandas.interval")
    fields = [
        pa.field(f"x{i}", pa.int64(), metadata={b"ARROW:extension:name": name, b"ARROW:extension:metadata": program})
        for i, name in enumerate(names)
    ]
    index = {"index_columns": ["x0"], "columns": [{"name": "x1", "pandas_type": "object", "numpy_type": "evil[x]"}]}
    schema = pa.schema(fields, metadata={b"pandas": json.dumps(index).encode()})
    table = pa.table([[1, 2]] * len(fields), schema=schema)
    for data in (parquet_bytes(table), arrow_bytes(table)):
        frame = read_table(data, "t").frame
        assert frame.to_dict("list") == {f"x{i}": [1, 2] for i in range(len(fields))}
    assert not witness.exists()


def test_indices_that_point_outside_are_refused() -> None:
    broken = pa.DictionaryArray.from_arrays(pa.array([7]), pa.array(["a"]), safe=False)
    with pytest.raises(pa.ArrowException):
        read(arrow_bytes(pa.table({"a": broken})))
