"""Parameters are checked where they are made, and read from texts as the command line and links give them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import pytest

from debuggers.errors import BadParameter
from debuggers.params import Choice, Feature, Flag, Params, Range, Row


@dataclass(frozen=True)
class Example(Params):
    """One parameter of every kind."""

    depth: Annotated[int, Range(1, 6, "Levels")] = 3
    share: Annotated[float, Range(0, 1, "Share")] = 0.5
    kind: Annotated[str, Choice(("plain", "deviance"), "Kind")] = "plain"
    deep: Annotated[bool, Flag("Deep")] = False
    feature: Annotated[str | None, Feature("Feature")] = None
    column: Annotated[str | None, Feature("Column", among="columns")] = None
    row: Annotated[int | None, Row("Row")] = None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("depth", 0), ("depth", 7), ("depth", 2.5), ("depth", True), ("depth", None), ("depth", "3"),
        ("share", -0.1), ("share", float("nan")), ("share", float("inf")), ("kind", "other"), ("kind", None),
        ("deep", 1), ("deep", "yes"), ("feature", 3), ("row", -1), ("row", 1.0), ("row", True),
    ],
)  # fmt: skip
def test_a_value_outside_its_range_is_refused(name: str, value: Any) -> None:
    with pytest.raises(BadParameter) as caught:
        Example(**{name: value})
    assert caught.value.parameter == name


@pytest.mark.parametrize(
    ("texts", "changed"),
    [
        ({}, {}),
        ({"depth": "4", "share": "0.25"}, {"depth": 4, "share": 0.25}),
        ({"share": "1"}, {"share": 1.0}),
        ({"deep": "true"}, {"deep": True}),
        ({"deep": "No"}, {}),
        ({"feature": "<b>x</b>", "row": "0"}, {"feature": "<b>x</b>", "row": 0}),
        ({"feature": ""}, {}),
    ],
)
def test_texts_are_read_as_their_type(texts: dict[str, str], changed: dict[str, Any]) -> None:
    params = Example.parse(texts)
    assert params.changed() == changed
    assert Example(**params.as_dict()) == params


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("depth", "three"), ("depth", "2.5"), ("depth", ""), ("depth", "7"), ("share", "nan"), ("deep", "perhaps"),
        ("row", "-1"), ("other", "1"),
    ],
)  # fmt: skip
def test_a_text_that_is_no_value_is_refused(name: str, text: str) -> None:
    with pytest.raises(BadParameter) as caught:
        Example.parse({name: text})
    assert (caught.value.parameter, str(caught.value.value)) == (name, text)


def test_names_are_checked_against_the_subject() -> None:
    Example(feature="age", column="id").check_names(["age"], ["age", "id"])
    for wrong in (Example(feature="id"), Example(column="sex")):
        with pytest.raises(BadParameter):
            wrong.check_names(["age"], ["age", "id"])


def test_a_parameter_needs_exactly_one_spec() -> None:
    @dataclass(frozen=True)
    class Bare(Params):
        depth: int = 3

    with pytest.raises(TypeError, match="exactly one spec"):
        Bare()
