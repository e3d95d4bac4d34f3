"""Reading a table in a process of its own: formats, archives, bad input, limits."""

from __future__ import annotations

import datetime as dt
import gzip
import io
import json
import os
import pickle
import random
import zipfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from debuggers.data.options import Limits, ReadOptions
from debuggers.data.reading import Table, read_table
from debuggers.data.schema import Kind
from debuggers.errors import EmptyTable, InputError, TooLarge, UnknownPart, UnreadableTable, UnusableOption
from debuggers.sandbox import process

CSV = b"age,job\n31,a\n47,b\n"
FRAME = {"age": [31, 47], "job": ["a", "b"]}
STRANGE_NAMES = ["__proto__", 'a"b', "<b>x</b>", "年龄", " age ", "two\nlines", "![x](http://x)", "=1+1", "../x", "age"]


def zipped(files: dict[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return target.getvalue()


def excel(sheets: Mapping[str, Sequence[Sequence[Any]]]) -> bytes:
    workbook = openpyxl.Workbook()
    workbook.remove(workbook.worksheets[0])
    for title, rows in sheets.items():
        sheet = workbook.create_sheet(title)
        for number, row in enumerate(rows, 1):
            for position, value in enumerate(row, 1):
                cell = sheet.cell(number, position, value)
                if isinstance(value, str):
                    cell.data_type = "s"  # text that starts with “=” is text
    target = io.BytesIO()
    workbook.save(target)
    return target.getvalue()


def parquet_bytes(columns: dict[str, Any]) -> bytes:
    target = io.BytesIO()
    parquet.write_table(pa.table(columns), target)
    return target.getvalue()


def expanding_parquet(width: int, rows: int) -> bytes:
    """Return a small file of one text that is repeated, which a dictionary stores once."""
    target = io.BytesIO()
    words = pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), pa.array(["x" * width]))
    parquet.write_table(pa.table({"a": words}), target, store_schema=False)
    return target.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        CSV,
        gzip.compress(CSV),
        zipped({"t.csv": CSV}),
        zipped({"t.csv.gz": gzip.compress(CSV)}),
        zipped({"t.parquet": parquet_bytes(FRAME)}),
        parquet_bytes(FRAME),
        excel({"t": [["age", "job"], [31, "a"], [47, "b"]]}),
    ],
    ids=["csv", "gzip", "zip", "gzip in zip", "parquet in zip", "parquet", "excel"],
)
def test_content_decides_whatever_the_name(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "table.png"
    file.write_bytes(content)
    for source in (content, file):
        table = read_table(source, "table.png")
        assert table.frame.to_dict("list") == FRAME
        assert isinstance(table.frame.index, pd.RangeIndex)
        assert [column.kind for column in table.schema.columns] == [Kind.INTEGER, Kind.CATEGORY]


def test_strange_names_are_kept_in_every_format() -> None:
    values = list(range(len(STRANGE_NAMES)))
    text = pd.DataFrame([values], columns=STRANGE_NAMES).to_csv(index=False).encode()
    columns = {name: [value] for name, value in zip(STRANGE_NAMES, values, strict=True)}
    for content in (text, parquet_bytes(columns), excel({"t": [STRANGE_NAMES, values]})):
        table = read_table(content, "t")
        assert list(table.frame.columns) == STRANGE_NAMES
        assert table.frame.iloc[0].tolist() == values


def test_duplicate_and_empty_names_are_made_unique_with_a_note() -> None:
    table = read_table(b"age,age,,job\n1,2,3,a\n", "t.csv")
    assert list(table.frame.columns) == ["age", "age (2)", "column 3", "job"]
    assert sum("is now" in note for note in table.notes) == 2


def test_dtypes_are_the_same_from_every_format() -> None:
    day = dt.datetime(2024, 2, 29)  # noqa: DTZ001  # no zone is the point
    text = b"b,m,d,i\ntrue,true,2024-02-29,1\nfalse,,,\n"
    columns = {"b": [True, False], "m": [True, None], "d": [day, None], "i": [1, None]}
    sheet: list[list[Any]] = [list(columns), [True, True, day, 1], [False, None, None, None]]
    for content in (text, parquet_bytes(columns), excel({"t": sheet})):
        table = read_table(content, "t")
        assert [str(dtype).split("[")[0] for dtype in table.frame.dtypes] == [
            "bool",
            "boolean",
            "datetime64",
            "float64",
        ]
        assert [column.kind for column in table.schema.columns] == [
            Kind.BOOLEAN, Kind.BOOLEAN, Kind.DATE, Kind.INTEGER,
        ]  # fmt: skip
        assert table.frame["d"].iloc[0] == day
        assert table.frame["m"].isna().tolist() == [False, True]


def test_small_whole_numbers_are_widened_so_that_sums_do_not_overflow() -> None:
    table = read_table(parquet_bytes({"x": pa.array([100, 100], pa.int8())}), "t")
    assert table.frame["x"].dtype == np.int64


def test_infinite_empty_and_marked_columns_are_noted() -> None:
    table = read_table(b"x,y,z\n1.5,,?\ninf,,a\n-inf,,b\n", "t.csv")
    notes = "\n".join(table.notes)
    assert "2 infinite values in “x”" in notes
    assert "all values are missing in “y”" in notes
    assert "“?” is a value of “z”" in notes
    assert table.schema["x"].infinite == 2
    assert (table.schema["x"].minimum, table.schema["x"].maximum) == (1.5, 1.5)


def test_one_row_and_one_column_are_a_table() -> None:
    assert read_table(b"x\n1\n", "t.csv").frame.to_dict("list") == {"x": [1]}


def test_a_sheet_is_chosen_and_the_others_are_named() -> None:
    content = excel({"first": [["a"], [1]], "second": [["b"], ["007"], [None], ["NA"], ["x"]]})
    table = read_table(content, "t.xlsx")
    assert table.sheets == ("first", "second")
    assert table.options.sheet == "first"
    assert any("2 sheets" in note for note in table.notes)
    second = read_table(content, "t.xlsx", ReadOptions(sheet="second"))
    assert second.frame["b"].isna().tolist() == [False, True, False]
    assert second.frame["b"].iloc[0] == "007"
    with pytest.raises(UnknownPart, match="no sheet “third”; choose one of “first”, “second”"):
        read_table(content, "t.xlsx", ReadOptions(sheet="third"))


def test_an_excel_column_of_mixed_values_becomes_text_with_a_note() -> None:
    table = read_table(excel({"t": [["a", None], [1, 2.5], ["x", 3]]}), "t.xlsx")
    assert table.frame.to_dict("list") == {"a": ["1", "x"], "column 2": [2.5, 3.0]}
    assert any("mixes text" in note for note in table.notes)


def test_a_file_of_an_archive_is_chosen() -> None:
    files = {"a.csv": CSV, "b.csv": b"x\n" + b"1\n" * 100, "__MACOSX/b.csv": b"?" * 10_000, ".hidden": b"!" * 10_000}
    table = read_table(zipped(files), "t.zip")
    assert table.members == ("a.csv", "b.csv")
    assert table.options.member == "b.csv"
    assert any("2 files" in note for note in table.notes)
    assert len(read_table(zipped(files), "t.zip", ReadOptions(member="a.csv")).frame) == 2
    with pytest.raises(UnknownPart):
        read_table(zipped(files), "t.zip", ReadOptions(member="c.csv"))


OTHERS: dict[str, tuple[bytes, str]] = {
    "png": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "PNG image"),
    "pdf": (b"%PDF-1.7\n1 0 obj\n", "PDF document"),
    "pickle": (pickle.dumps({"a": [1, 2]}), "pickle"),
    "old excel": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "save it as .xlsx"),
    "random": (random.Random(0).randbytes(5_000), "binary"),
    "zeros": (bytes(5_000), "binary"),
    "html": (b"<!DOCTYPE html><p>No such file</p>", "web page"),
    "json": (b'{"a": [1, 2]}', "JSON"),
    "numpy in zip": (zipped({"a.npy": b"\x93NUMPY" + bytes(100)}), "NumPy array"),
    "truncated parquet": (parquet_bytes(FRAME)[:-40], "damaged"),
    "truncated gzip": (gzip.compress(CSV * 1000)[:-40], "damaged"),
    "truncated zip": (zipped({"t.csv": CSV * 1000})[:-40], "damaged"),
    "truncated excel": (excel({"t": [["a"], [1]]})[:-400], "damaged"),
    "binary excel": (zipped({"xl/workbook.bin": b"x" * 10}), "binary Excel"),
}


@pytest.mark.parametrize(("content", "reason"), OTHERS.values(), ids=OTHERS)
def test_another_file_is_refused_by_what_it_is(content: bytes, reason: str) -> None:
    with pytest.raises(UnreadableTable, match=reason) as caught:
        read_table(content, "table.csv")
    assert "“table.csv”" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [b"", gzip.compress(b""), zipped({}), zipped({"t.csv": b""}), b"a,b\n", b"\xef\xbb\xbf", parquet_bytes({"a": []}),
     excel({"t": []}), excel({"t": [["a"]]})],
    ids=["file", "gzip", "zip", "file in zip", "header", "mark", "parquet", "sheet", "header of a sheet"],
)  # fmt: skip
def test_an_empty_table_is_said_to_be_empty(content: bytes) -> None:
    with pytest.raises(EmptyTable):
        read_table(content, "t")


def test_a_path_that_is_no_file_is_one_sentence(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "none", tmp_path, tmp_path / "pipe"):
        with pytest.raises(UnreadableTable):
            read_table(path, path.name)


def test_a_file_over_the_limit_is_refused_before_it_is_read(tmp_path: Path) -> None:
    file = tmp_path / "sparse.csv"
    with file.open("wb") as target:
        target.truncate(2 << 30)
    with pytest.raises(TooLarge, match="2,048 MB; the limit is 1,024 MB"):
        read_table(file, "sparse.csv")


ZEROS = b"a,b\n" + b"0,0\n" * 2_000_000
SMALL = Limits(unpacked=1 << 20)


@pytest.mark.parametrize(
    "bomb",
    [
        gzip.compress(ZEROS),
        zipped({"t.csv": ZEROS}),
        zipped({"t.zip": zipped({"t.csv": ZEROS})}),
        zipped({"xl/workbook.xml": b"<workbook/>", "xl/sharedStrings.xml": ZEROS}),
        expanding_parquet(100_000, 2_000),
    ],
    ids=["gzip", "zip", "nested zip", "excel", "parquet"],
)
def test_a_bomb_is_stopped_at_the_limit(bomb: bytes) -> None:
    assert len(bomb) < 1 << 19
    with pytest.raises(TooLarge):
        read_table(bomb, "bomb", limits=SMALL)


def test_archives_within_archives_end_somewhere() -> None:
    content = CSV
    for _ in range(3):
        content = gzip.compress(content)
    with pytest.raises(UnreadableTable, match="more than 2 times"):
        read_table(content, "t.gz")


def test_too_much_memory_or_time_ends_the_parser_and_not_us() -> None:
    with pytest.raises(TooLarge, match="memory"):
        read_table(expanding_parquet(1_000_000, 2_000), "wide", limits=Limits(memory=1 << 30))
    with pytest.raises(TooLarge, match="longer"):
        read_table(CSV, "slow", limits=Limits(seconds=0.001))


def test_a_parser_that_dies_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    start = process.start

    def start_and_kill(*args: Any) -> process.Process:
        found = start(*args)
        found.kill()
        return found

    monkeypatch.setattr(process, "start", start_and_kill)
    with pytest.raises(UnreadableTable, match="ended without an answer"):
        read_table(CSV, "t.csv")


@pytest.mark.parametrize(
    "options",
    [{"delimiter": ""}, {"delimiter": "ab"}, {"delimiter": '"'}, {"delimiter": "é"}, {"decimal": ";"},
     {"encoding": "zip"}, {"thousands": "1"}, {"decimal": ",", "thousands": ","}],
)  # fmt: skip
def test_an_option_that_cannot_be_meant_is_refused(options: dict[str, str]) -> None:
    with pytest.raises(UnusableOption):
        ReadOptions(**options)  # type: ignore[arg-type]


def test_limits_come_from_the_environment() -> None:
    assert Limits.from_environment({}) == Limits()
    assert Limits.from_environment({"FAULTLINE_MAX_CELLS": "7"}).cells == 7
    for text in ("0", "-1", "many", "1.5"):
        with pytest.raises(UnusableOption):
            Limits.from_environment({"FAULTLINE_MAX_CELLS": text})


SOUND = {
    "parquet": parquet_bytes({"a": list(range(50)), "b": ["x", "y"] * 25, "c": [0.5, None] * 25}),
    "excel": excel({"t": [["a", "b"], *([i, "x"] for i in range(20))]}),
    "csv": b"a,b,c\n" + b"".join(b"%d,word,%d.5\n" % (i, i) for i in range(50)),
}


def damaged(content: bytes, rng: random.Random) -> bytes:
    data = bytearray(content)
    kind = rng.randrange(3)
    if kind == 0:
        return bytes(data[: rng.randrange(1, len(data))])
    if kind == 1:
        start = rng.randrange(len(data))
        data[start : start + rng.randrange(1, 20)] = rng.randbytes(rng.randrange(20))
        return bytes(data)
    for _ in range(rng.randrange(1, 10)):
        data[rng.randrange(len(data))] = rng.randrange(256)
    return bytes(data)


@pytest.mark.parametrize(("form", "count"), [("parquet", 60), ("excel", 30), ("csv", 30)])
def test_a_damaged_file_is_a_table_or_one_sentence(form: str, count: int) -> None:
    rng = random.Random(1)
    mutants = [damaged(SOUND[form], rng) for _ in range(count)]

    def read(mutant: bytes) -> Table | InputError:
        try:
            return read_table(mutant, "damaged", limits=Limits(unpacked=1 << 28, memory=4 << 30))
        except InputError as error:
            return error

    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(read, mutants))
    assert any(isinstance(outcome, InputError) for outcome in outcomes)
    for outcome in outcomes:
        if isinstance(outcome, Table):
            assert len(outcome.frame) > 0
        else:
            assert "\n" not in str(outcome)


def shared_tables() -> list[tuple[Path, dict[str, Any]]]:
    folder = Path(os.environ.get("FAULTLINE_SHARED", Path(__file__).parents[2].parent / "shared")) / "data"
    return [
        (meta.parent / about["file"], about)
        for meta in sorted(folder.glob("*/meta.json"))
        for about in json.loads(meta.read_text())["files"]
        if "rows" in about
    ]


def test_real_tables_have_the_shape_and_names_that_their_description_says() -> None:
    tables = shared_tables()
    if not tables:
        pytest.skip("the shared data folder is missing")
    for file, about in tables:
        table = read_table(file, file.name)
        assert table.frame.shape == (about["rows"], about["columns"]), file
        assert list(table.frame.columns) == about["column_names"], file
