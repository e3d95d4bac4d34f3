"""Typed parameters of a debugger: declared once, checked on construction, drawn and parsed from the declaration."""

from __future__ import annotations

import dataclasses
import json
import sys
import types
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self, Union, get_args, get_origin, get_type_hints

from debuggers.errors import BadParameter


@dataclass(frozen=True)
class Range:
    """A number between two bounds, ends included; a share is shown in percent."""

    low: float
    high: float
    help: str = ""
    step: float | None = None
    label: str = ""
    share: bool = False

    @property
    def expected(self) -> str:
        """What a value has to be, for messages."""
        return f"a number from {self.low:g} to {self.high:g}"

    def allows(self, value: object) -> bool:
        """Whether `value` lies within the bounds."""
        return isinstance(value, int | float) and not isinstance(value, bool) and self.low <= value <= self.high


@dataclass(frozen=True)
class Choice:
    """One of a few named options."""

    options: tuple[str, ...]
    help: str = ""
    label: str = ""

    @property
    def expected(self) -> str:
        """What a value has to be, for messages."""
        return f"one of {', '.join(self.options)}"

    def allows(self, value: object) -> bool:
        """Whether `value` is one of the options."""
        return value in self.options


@dataclass(frozen=True)
class Flag:
    """Yes or no."""

    help: str = ""
    label: str = ""
    expected: str = "true or false"

    def allows(self, value: object) -> bool:
        """Whether `value` is a boolean."""
        return isinstance(value, bool)


@dataclass(frozen=True)
class Feature:
    """A column of the subject's test table; which ones are on offer depends on the subject.

    Parameters
    ----------
    among : {"features", "columns"}
        The model's features, or every column of the table.
    nothing : str
        What None is called on screen.
    """

    help: str = ""
    among: Literal["features", "columns"] = "features"
    label: str = ""
    nothing: str = "none"
    expected: str = "the name of a column"

    def allows(self, value: object) -> bool:
        """Whether `value` can be a name; `check_names` compares it with a subject's columns."""
        return isinstance(value, str)


@dataclass(frozen=True)
class Row:
    """The position of a row in the test table."""

    help: str = ""
    label: str = ""
    expected: str = "the position of a row in the test table"

    def allows(self, value: object) -> bool:
        """Whether `value` is a position."""
        return isinstance(value, int) and not isinstance(value, bool) and value >= 0


@dataclass(frozen=True)
class Edits:
    """Values to put in place of a row's own: a JSON object from feature to number, text, true, false or null (missing).

    Text, so that links and the command line can carry it; whether the features exist is checked against a subject.

    Examples
    --------
    >>> Edits().read('{"age": 30, "job": null}')
    {'age': 30, 'job': None}
    >>> Edits().allows('{"age": [1]}')
    False
    """

    help: str = ""
    label: str = ""
    expected: str = 'a JSON object such as {"age": 30, "job": null}, with finite numbers'

    def read(self, text: str) -> dict[str, Any]:
        """Return the object that `text` holds; ValueError where it holds none."""
        values = json.loads(text)
        if not isinstance(values, dict) or not all(_is_plain(v) for v in values.values()):
            raise ValueError(self.expected)
        return values

    def allows(self, value: object) -> bool:
        """Whether `value` is the text of such an object."""
        try:
            return isinstance(value, str) and self.read(value) is not None
        except (ValueError, RecursionError):
            return False


def _is_plain(value: object) -> bool:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return -sys.float_info.max <= value <= sys.float_info.max
    return value is None or isinstance(value, str | bool)


Spec = Range | Choice | Flag | Feature | Row | Edits


@dataclass(frozen=True)
class Declared:
    """One parameter of a `Params` class: its name, type, whether None is allowed, default, and spec."""

    name: str
    type: type
    optional: bool
    default: Any
    spec: Spec


@dataclass(frozen=True)
class Params:
    """Base of all parameter classes: subclasses annotate each field with one spec.

    A spec's `label` is what the widget is called where the parameter's name would say too little.

    Raises
    ------
    BadParameter
        A value outside its spec.

    Examples
    --------
    >>> @dataclass(frozen=True)
    ... class TreeParams(Params):
    ...     depth: Annotated[int, Range(1, 6, help="Levels of the tree")] = 3
    >>> TreeParams.parse({"depth": "4"})
    TreeParams(depth=4)
    """

    def __post_init__(self) -> None:
        for declared in self.declared():
            value = getattr(self, declared.name)
            if value is None and declared.optional:
                continue
            if not declared.spec.allows(value) or (declared.type is int and not isinstance(value, int)):
                raise BadParameter(declared.name, value, declared.spec.expected)

    @classmethod
    def declared(cls) -> tuple[Declared, ...]:
        """Return the declared parameters in order."""
        hints = get_type_hints(cls, include_extras=True)
        return tuple(_declared(field, hints[field.name]) for field in dataclasses.fields(cls))

    @classmethod
    def parse(cls, texts: Mapping[str, str]) -> Self:
        """Build from texts, as a command line or a URL gives them; a name that is not declared is an error."""
        known = {d.name: d for d in cls.declared()}
        for name, text in texts.items():
            if name not in known:
                raise BadParameter(name, text, f"one of the parameters {', '.join(known) or '(none)'}")
        return cls(**{name: _parse(known[name], text) for name, text in texts.items()})

    def check_names(self, features: Iterable[str], columns: Iterable[str]) -> None:
        """Raise `BadParameter` where a `Feature` names no column of the subject."""
        names = {"features": tuple(features), "columns": tuple(columns)}
        for declared in self.declared():
            value = getattr(self, declared.name)
            if isinstance(declared.spec, Feature) and value is not None and value not in names[declared.spec.among]:
                raise BadParameter(declared.name, value, f"a column among the table's {declared.spec.among}")

    def as_dict(self) -> dict[str, Any]:
        """Return names and values."""
        return dataclasses.asdict(self)

    def changed(self) -> dict[str, Any]:
        """Return only what differs from the defaults, for links and for the equivalent Python call."""
        return {d.name: getattr(self, d.name) for d in self.declared() if getattr(self, d.name) != d.default}


def _declared(field: dataclasses.Field[Any], hint: Any) -> Declared:
    optional = False
    specs: list[Spec] = []
    while get_origin(hint) in (Annotated, Union, types.UnionType):
        args = get_args(hint)
        if get_origin(hint) is Annotated:
            specs += [a for a in args[1:] if isinstance(a, Spec)]
            hint = args[0]
        else:
            optional = type(None) in args
            hint = next(a for a in args if a is not type(None))
    if len(specs) != 1:
        message = f"parameter {field.name} needs exactly one spec in its annotation"
        raise TypeError(message)
    return Declared(field.name, hint, optional, field.default, specs[0])


def _parse(declared: Declared, text: str) -> Any:
    if declared.optional and text == "":
        return None
    if declared.type is bool:
        words = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
        if text.lower() not in words:
            raise BadParameter(declared.name, text, declared.spec.expected)
        return words[text.lower()]
    try:
        return declared.type(text)
    except ValueError:
        raise BadParameter(declared.name, text, declared.spec.expected) from None
