"""Delimited text: what is sniffed, what a cell means."""

from __future__ import annotations

import csv
import io
import math
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from debuggers.data.names import unique_names
from debuggers.data.options import DELIMITERS, MISSING_MARKERS, Limits, ReadOptions
from debuggers.data.parsed import Parsed
from debuggers.data.recognise import looks_like
from debuggers.data.text import read_text
from debuggers.errors import EmptyTable, TooLarge, UnreadableTable


def read(text: str | bytes, **options: Any) -> Parsed:
    data = text.encode() if isinstance(text, str) else text
    return read_text(memoryview(data), "t.csv", ReadOptions(**options), Limits())


def column(text: str, **options: Any) -> list[Any]:
    cells: list[Any] = read(text, **options).table.column(0).to_pylist()
    return cells


def written(rows: list[list[str]], delimiter: str) -> str:
    target = io.StringIO()
    csv.writer(target, delimiter=delimiter, lineterminator="\n").writerows(rows)
    return target.getvalue()


@pytest.mark.parametrize("delimiter", DELIMITERS)
def test_the_delimiter_is_found(delimiter: str) -> None:
    parsed = read(f"a{delimiter}b\n1{delimiter}x\n2{delimiter}y\n")
    assert parsed.options.delimiter == delimiter
    assert parsed.table.to_pydict() == {"a": [1, 2], "b": ["x", "y"]}


def test_a_comma_within_text_is_no_delimiter() -> None:
    assert read("a;b\nx, y;1\nz;2\n").table.to_pydict() == {"a": ["x, y", "z"], "b": [1, 2]}


def test_one_column_of_decimal_commas_stays_one_column() -> None:
    assert read("x\n1,5\n2,25\n").table.to_pydict() == {"x": [1.5, 2.25]}


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["1,5", "2,25"], [1.5, 2.25]),
        (["1.234,5", "1,0"], [1234.5, 1.0]),
        (["1,234.5", "1.0"], [1234.5, 1.0]),
        (["1,234,567", "12"], [1234567, 12]),
        (["1.5", "2"], [1.5, 2.0]),
        (["12.05.2024", "1,5"], ["12.05.2024", "1,5"]),
    ],
)
def test_decimal_and_thousands_separators_are_found(cells: list[str], values: list[Any]) -> None:
    assert column("x;y\n" + "".join(f"{cell};a\n" for cell in cells)) == values


def test_what_is_said_overrules_what_is_found() -> None:
    assert column("x;y\n1,234;a\n", decimal=".", thousands=",") == [1234]
    assert column("x;y\n1,234;a\n") == [1.234]
    assert column("x;y\n1,234;a\n", decimal=".", thousands="") == ["1,234"]


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["007", "12"], ["007", "12"]),
        (["0", "12"], [0, 12]),
        (["-0.5", "0.25"], [-0.5, 0.25]),
        (["0x1F", "2"], ["0x1F", "2"]),
        (["1e5", "2"], [1e5, 2.0]),
        (["+5", "-3"], [5.0, -3.0]),
        ([" 5", "6 "], [5, 6]),
        (["12345678901234567890", "1"], ["12345678901234567890", "1"]),
        (["9223372036854775807", "1"], [9223372036854775807, 1]),
        (["inf", "-Infinity"], [math.inf, -math.inf]),
        (["true", "FALSE"], [True, False]),
        (["true", "1"], ["true", "1"]),
        (["yes", "no"], ["yes", "no"]),
        (["1", "x"], ["1", "x"]),
        (["1", "NA"], [1, None]),
        (["1", '"NaN"'], [1, None]),
        (["", "n/a"], [None, None]),
        (["True", ""], [True, None]),
        (["=1+1", "@x"], ["=1+1", "@x"]),
        (['5" pipe', "x"], ['5" pipe', "x"]),
    ],
)
def test_a_column_is_typed_as_a_whole(cells: list[str], values: list[Any]) -> None:
    assert column("x,y\n" + "".join(f"{cell},a\n" for cell in cells)) == values


def test_a_value_past_the_first_block_still_decides_the_type() -> None:
    rows = 1_500_000
    table = read("x,y\n" + "12345,1\n" * rows + "late,1\n").table
    assert table.schema.field("x").type == pa.large_string()
    assert table.num_rows == rows + 1


def test_missing_markers_can_be_chosen() -> None:
    assert column("x,y\n1,a\n?,b\n", missing=("?",)) == [1, None]
    assert column("x,y\na,a\nNA,b\n", missing=("?",)) == ["a", "NA"]


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("utf-8-sig", "größe,ort\n1,Köln\n"),
        ("utf-16", "größe,ort\n1,Köln\n"),
        ("utf-16-le", "size,town\n1,Rome\n2,Oslo\n"),
        ("utf-32", "größe,ort\n1,Köln\n"),
        ("cp1252", "größe,ort\n1,Köln\n2,München €\n"),
        ("gb18030", "年龄,收入\n三十,五万\n四十,六万\n"),
        ("cp1251", "имя,город\nИван,Москва\nПётр,Казань\n"),
        ("cp1250", "imię,miasto\nŁukasz,Łódź\nGrażyna,Kraków\n"),
    ],
)
def test_the_encoding_is_found(encoding: str, text: str) -> None:
    expected = [line.split(",") for line in text.splitlines()]
    parsed = read(text.encode(encoding))
    assert parsed.options.encoding == encoding
    assert parsed.table.column_names == expected[0]
    assert parsed.table.column(1).to_pylist() == [row[1] for row in expected[1:]]


def test_an_accent_beyond_the_sample_is_still_found() -> None:
    text = "a,b\n" + "1,x\n" * 200_000 + "2,Zoé\n"
    parsed = read(text.encode("cp1252"))
    assert parsed.options.encoding == "cp1252"
    assert parsed.table.column(1)[-1].as_py() == "Zoé"


def test_an_encoding_that_does_not_fit_is_one_sentence() -> None:
    with pytest.raises(UnreadableTable, match="not utf-8"):
        read("größe\n1\n".encode("cp1252"), encoding="utf-8-sig")


def test_a_table_without_a_header_gets_names() -> None:
    assert read("1,2\n3,4\n", header=False).table.to_pydict() == {"column 1": [1, 3], "column 2": [2, 4]}


def test_a_header_of_numbers_is_doubted() -> None:
    assert any("only numbers" in note for note in read("1,2\n3,4\n").notes)
    assert not any("only numbers" in note for note in read("a,2\n3,4\n").notes)


def test_a_line_with_too_many_cells_is_named_or_left_out() -> None:
    text = "a,b\n1,2\n3,4,5\n6,7\n8,9\n"
    with pytest.raises(UnreadableTable, match="line 3 has 3 cells where the first has 2"):
        read(text)
    parsed = read(text, skip_bad_lines=True)
    assert parsed.table.to_pydict() == {"a": [1, 6, 8], "b": [2, 7, 9]}
    assert any("1 lines" in note for note in parsed.notes)


@pytest.mark.parametrize("text", ["a,b\n", "a", "\n\n\n", "\n" * 400_000])
def test_a_header_alone_is_an_empty_table(text: str) -> None:
    with pytest.raises(EmptyTable):
        read(text)


def test_too_many_columns_or_cells_are_refused() -> None:
    limits = Limits(columns=3, cells=4)
    for text in ("a,b,c,d\n1,2,3,4\n", "a,b\n1,2\n3,4\n5,6\n"):
        with pytest.raises(TooLarge):
            read_text(memoryview(text.encode()), "t.csv", ReadOptions(), limits)


def test_a_header_longer_than_the_sample_is_read_whole() -> None:
    names = [f"a rather long name for the column {i}" for i in range(10_000)]
    table = read(",".join(names) + "\n" + ",".join("1" for _ in names) + "\n").table
    assert table.column_names == names


def test_a_cell_may_be_long_but_not_endless() -> None:
    assert read('a,b\n"' + "x" * 200_000 + '",1\n').table.num_rows == 1
    with pytest.raises(UnreadableTable, match="longer than 8 MB; check the quotes"):
        read('a,b\n"' + "x" * 20_000_000 + '",1\n')


NAMES = st.text(
    st.characters(exclude_categories=("Cc", "Cs"), exclude_characters="\ufeff") | st.sampled_from('\n",;\t| ')
)


@given(st.lists(NAMES, min_size=1, max_size=6), st.sampled_from(DELIMITERS))
def test_odd_names_come_back_as_they_were(names: list[str], delimiter: str) -> None:
    text = written([names, ["1"] * len(names)], delimiter)
    if looks_like(memoryview(text.encode())) or not any(names):
        return  # a first name such as “<?xml” is indeed another file; an empty line is no header
    table = read(text, delimiter=delimiter).table
    assert len(set(table.column_names)) == len(names)
    for given_name, name in zip(names, table.column_names, strict=True):
        if names.count(given_name) == 1 and given_name.strip():
            assert name == given_name


@given(st.lists(NAMES, max_size=8))
def test_unique_names_are_unique_and_keep_the_first(names: list[str]) -> None:
    unique, _ = unique_names(names)
    assert len(set(unique)) == len(names)
    assert all(name.strip() for name in unique)
    for name in filter(str.strip, names):
        assert unique[names.index(name)] == name


def test_a_made_up_name_never_takes_another_columns() -> None:
    assert unique_names(["a", "a", "a (2)"])[0] == ["a", "a (3)", "a (2)"]
    assert unique_names(["", "column 1"])[0] == ["column 1 (2)", "column 1"]


@given(
    st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=8),
    st.sampled_from([(",", "."), (";", ","), ("\t", ","), ("|", "."), (";", ".")]),
)
def test_numbers_come_back_exactly(values: list[float], signs: tuple[str, str]) -> None:
    delimiter, decimal = signs
    rows = [["x", "y"], *([repr(value).replace(".", decimal), "a"] for value in values)]
    assert column(written(rows, delimiter)) == values


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=8), st.sampled_from(DELIMITERS))
def test_whole_numbers_come_back_exactly(values: list[int], delimiter: str) -> None:
    assert column(written([["x", "y"], *([str(value), "a"] for value in values)], delimiter)) == values


@given(st.lists(st.from_regex(r"\A[0-9]{1,6}\Z"), min_size=1, max_size=6))
def test_digits_with_a_leading_zero_stay_text(cells: list[str]) -> None:
    leading = any(len(cell) > 1 and cell.startswith("0") for cell in cells)
    expected: list[Any] = cells if leading else [int(cell) for cell in cells]
    assert column(written([["x", "y"], *([cell, "a"] for cell in cells)], ",")) == expected


@given(st.lists(st.text(st.characters(exclude_categories=("Cc", "Cs"))), max_size=6), st.sampled_from(DELIMITERS))
def test_text_comes_back_as_it_was(cells: list[str], delimiter: str) -> None:
    text = written([["x", "y"], ["word", "a"], *([cell, "a"] for cell in cells)], delimiter)
    expected = ["word", *(None if cell in MISSING_MARKERS else cell for cell in cells)]
    assert column(text, delimiter=delimiter) == expected
