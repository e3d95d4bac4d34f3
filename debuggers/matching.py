"""From files to a subject: match a model's inputs with a table's columns, and the target with the model's classes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from debuggers.data.schema import Schema, infer_schema
from debuggers.errors import (
    BadModelOutput,
    BadTarget,
    FeatureCountMismatch,
    FeatureMismatch,
    InputError,
    MissingColumn,
    NoPredictions,
)
from debuggers.labels import encode, label_order
from debuggers.models.model import Model
from debuggers.recorded import recorded_scores
from debuggers.subject import Bound, Dataset, Subject, table_fingerprint
from debuggers.task import Task

Floats = npt.NDArray[np.float64]
TRIAL_ROWS = 20
MAX_CLASSES = 200
# A numeric target with at most this many whole values is taken for classes where neither file nor person says.
FEW_VALUES = 10


@dataclass(frozen=True)
class Roles:
    """What the person says that files cannot: which column is what, and how to read the model's output.

    Parameters
    ----------
    target : str or None
    predictions : tuple of str
        Columns that hold predictions, for a subject without a model: one value, one probability of the positive class,
        one decided label, or one probability per class.
    task : Task or None
        None: from the model file, else from the target.
    classes : tuple of str or None
        Labels in the order of the model's outputs; None: from the file, else from the target.
    sensitive, ignore : tuple of str
    row_id : str or None
    matches : mapping of str to str
        The model's input to the table's column, where the names differ.
    threshold : float
    """

    target: str | None = None
    predictions: tuple[str, ...] = ()
    task: Task | None = None
    classes: tuple[str, ...] | None = None
    sensitive: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    row_id: str | None = None
    matches: Mapping[str, str] = field(default_factory=dict)
    threshold: float = 0.5

    @property
    def reserved(self) -> tuple[str, ...]:
        """Columns that no model reads unless it names them."""
        named = (self.target, self.row_id, *self.predictions, *self.ignore)
        return tuple(c for c in named if c is not None)


@dataclass(frozen=True)
class Match:
    """Which column feeds which input of a model.

    Parameters
    ----------
    pairs : tuple of (input, column or None)
        None where no column fits.
    unused : tuple of str
        Columns that the model does not read.
    by : {"name", "similar name", "position"}
        How they were found.
    """

    pairs: tuple[tuple[str, str | None], ...]
    unused: tuple[str, ...]
    by: str

    @property
    def missing(self) -> tuple[str, ...]:
        """Inputs without a column."""
        return tuple(name for name, column in self.pairs if column is None)

    @property
    def renamed(self) -> tuple[tuple[str, str], ...]:
        """Inputs whose column has another name."""
        return tuple((name, column) for name, column in self.pairs if column is not None and name != column)


@dataclass(frozen=True, eq=False)
class Understanding:
    """What was understood of the files, before anything is computed.

    Parameters
    ----------
    problems : tuple of InputError
        What stands in the way; empty if `subject` is there.
    notes : tuple of str
        What was assumed or set aside.
    match : Match or None
    task : Task or None
    classes : tuple of str
    subject : Subject or None
    """

    problems: tuple[InputError, ...]
    notes: tuple[str, ...]
    match: Match | None
    task: Task | None
    classes: tuple[str, ...]
    subject: Subject | None


def match_features(model: Model, columns: Iterable[str], roles: Roles) -> Match:
    """Find a column for each input of `model`: by the person's word, by name, by similar name, or by position.

    Raises
    ------
    FeatureCountMismatch
        The model names no inputs and the table has another number of columns.
    """
    columns = tuple(columns)
    names, free = model.signature.features, tuple(c for c in columns if c not in roles.reserved)
    anonymous = names is None or (not set(names) & set(columns) and all(_ANONYMOUS.fullmatch(n) for n in names))
    if anonymous and not roles.matches:
        count = model.signature.n_features or (len(names) if names else len(free))
        if count != len(free):
            raise FeatureCountMismatch(model.name, count, free)
        return Match(tuple(zip(names or free, free, strict=True)), (), "position")
    similar = _by_simple_name(columns)
    pairs = []
    for name in names or tuple(roles.matches):
        exact = roles.matches.get(name, name)
        pairs.append((name, exact if exact in columns else similar.get(_simple(name))))
    used = {column for _, column in pairs}
    by = "name" if all(name == column for name, column in pairs if column is not None) else "similar name"
    return Match(tuple(pairs), tuple(c for c in free if c not in used), by)


_ANONYMOUS = re.compile(r"(f|x|Column_|column_|feature_?|input_?)\d+")


def _simple(name: str) -> str:
    return re.sub(r"\W+|_+", "", name).casefold()


def _by_simple_name(columns: Iterable[str]) -> dict[str, str | None]:
    """Map simplified names to columns; a simplified name that two columns share maps to None."""
    found: dict[str, str | None] = {}
    for column in columns:
        key = _simple(column)
        found[key] = None if key in found or not key else column
    return found


def understand(
    name: str,
    test: pd.DataFrame,
    roles: Roles,
    *,
    model: Model | None = None,
    train: pd.DataFrame | None = None,
    benchmark: Model | None = None,
    schema: Schema | None = None,
) -> Understanding:
    """Match files and roles into a subject, naming every problem on the way.

    Parameters
    ----------
    name : str
        What the subject is called on screen.
    test : DataFrame
        Every column of the test table.
    roles : Roles
    model, benchmark : Model, optional
    train : DataFrame, optional
    schema : Schema, optional
        Inferred where it is not given.
    """
    return _Builder(name, test, roles, model, train, benchmark, schema or infer_schema(test)).build()


def make_subject(name: str, test: pd.DataFrame, roles: Roles, **files: object) -> Subject:
    """Return the subject, or raise the first problem; takes what `understand` takes."""
    understanding = understand(name, test, roles, **files)  # type: ignore[arg-type]
    if understanding.problems:
        raise understanding.problems[0]
    assert understanding.subject is not None
    return understanding.subject


@dataclass
class _Builder:
    """The steps of `understand`, sharing the problems and notes that they collect."""

    name: str
    test: pd.DataFrame
    roles: Roles
    model: Model | None
    train: pd.DataFrame | None
    benchmark: Model | None
    schema: Schema
    problems: list[InputError] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    match: Match | None = None
    task: Task | None = None
    classes: tuple[str, ...] = ()

    def build(self) -> Understanding:
        subject = None
        try:
            self._check_columns()
            self.match = self._matched(self.model) if self.model is not None else None
            self.task = self._task()
            self.classes = self._classes()
            if not self.problems:
                subject = self._subject()
        except InputError as problem:
            self.problems.append(problem)
        return Understanding(
            tuple(self.problems),
            tuple(self.notes),
            self.match,
            self.task,
            self.classes,
            None if self.problems else subject,
        )

    def _check_columns(self) -> None:
        columns = tuple(str(c) for c in self.test.columns)
        wanted = [("target", self.roles.target), ("row id", self.roles.row_id)]
        wanted += [("prediction", c) for c in self.roles.predictions]
        wanted += [("sensitive", c) for c in self.roles.sensitive]
        for role, column in wanted:
            if column is not None and column not in columns:
                self.problems.append(MissingColumn(column, role, columns))
        if self.model is None and not self.roles.predictions:
            self.problems.append(NoPredictions(self.name))
        if self.problems:
            raise self.problems.pop()

    def _matched(self, model: Model) -> Match:
        match = match_features(model, self.test.columns, self.roles)
        if match.missing:
            self.problems.append(FeatureMismatch(match.missing, match.unused))
        if match.by == "position":
            self.notes.append(f"{model.name} names no inputs: columns were matched in the order of the table.")
        elif match.renamed:
            pairs = ", ".join(f"{name} ← {column}" for name, column in match.renamed[:3])
            self.notes.append(f"{len(match.renamed)} inputs were matched with columns of another name: {pairs}.")
        return match

    def _task(self) -> Task:
        if self.roles.task is not None:
            return self.roles.task
        if self.model is not None and self.model.signature.task is not None:
            return self.model.signature.task
        return self._task_of_target()

    def _task_of_target(self) -> Task:
        column = self.roles.target or self.roles.predictions[0] if self.roles.predictions else self.roles.target
        if column is None:
            return Task.REGRESSION
        values = self.test[column].dropna()
        distinct = values.nunique()
        numeric = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
        if numeric and (distinct > FEW_VALUES or not np.all(np.mod(values, 1) == 0)):
            task = Task.REGRESSION
        else:
            task = Task.BINARY if distinct <= 2 else Task.MULTICLASS
        self.notes.append(f"The task was taken from the values of {column}: {task}.")
        return task

    def _classes(self) -> tuple[str, ...]:
        if self.task is Task.REGRESSION:
            return ()
        if self.roles.classes is not None:
            return self.roles.classes
        given = self.model.signature.classes if self.model is not None else None
        if given is not None and not self._is_renumbered(given):
            return given
        found = self._classes_of_target()
        if self.task is Task.BINARY:
            self.notes.append(f"The positive class is {found[1]}: the file does not name its classes.")
        elif given is not None:
            self.notes.append(
                f"The model's classes 0 to {len(given) - 1} were taken for {', '.join(found[:6])}, in order."
            )
        return found

    def _is_renumbered(self, given: tuple[str, ...]) -> bool:
        """Whether a model knows its classes only as 0, 1, 2, ... and the target calls as many by other names."""
        if given != tuple(str(i) for i in range(len(given))) or self.roles.target is None:
            return False
        found = set(label_order(self.test[self.roles.target]))
        return len(found) == len(given) and not found <= {*given, "True", "False"}

    def _classes_of_target(self) -> tuple[str, ...]:
        target = self.roles.target
        found = () if target is None else label_order(self.test[target])
        if len(found) > MAX_CLASSES:
            raise BadTarget(str(target), f"it has {len(found):,} different values; a classifier may have {MAX_CLASSES}")
        if self.task is Task.MULTICLASS:
            return found
        if set(found) <= {"0", "1"}:
            return ("0", "1")
        if len(found) > 2:
            raise BadTarget(str(target), f"a binary model needs two classes and it has {len(found)} values")
        return found if len(found) == 2 else (f"not {found[0]}", found[0]) if found else ("0", "1")

    def _subject(self) -> Subject:
        assert self.task is not None
        bound = None if self.model is None or self.match is None else self._bind(self.model, self.match)
        test = self._dataset("test table", self.test, bound)
        recorded = None
        if bound is None:
            recorded, note = recorded_scores(test.table[list(self.roles.predictions)], self.task, self.classes)
            self.notes += [note] if note else []
        subject = Subject(
            name=self.name,
            task=self.task,
            test=test,
            model=bound,
            recorded=recorded,
            train=self._train(bound),
            benchmark=self._benchmark(),
            classes=self.classes,
            sensitive=self.roles.sensitive,
            threshold=self.roles.threshold,
            predictions=self.roles.predictions,
        )
        if bound is not None:
            bound.predict(test.table.head(TRIAL_ROWS))
        return replace(subject, notes=tuple(self.notes))

    def _bind(self, model: Model, match: Match) -> Bound:
        inputs = tuple(name for name, _ in match.pairs)
        columns = tuple(column for _, column in match.pairs if column is not None)
        if self.task is Task.REGRESSION:
            return Bound(model, columns, inputs)
        width = model.predict(self.test[list(columns)].head(2).set_axis(list(inputs), axis=1)).shape
        outputs = width[1] if len(width) == 2 else 1
        if self.task is Task.MULTICLASS and model.signature.classes is None and self.roles.classes is None:
            self.classes = self._numbered(outputs)
        if outputs != len(self.classes):
            reason = f"it gives {outputs} probabilities for {len(self.classes)} classes; name them on the Load page"
            raise BadModelOutput(model.name, reason)
        own = model.signature.classes
        named = own is not None and set(own) == set(self.classes)
        order = tuple(own.index(c) if own is not None and named else i for i, c in enumerate(self.classes))
        return Bound(model, columns, inputs, order)

    def _numbered(self, outputs: int) -> tuple[str, ...]:
        """Name the outputs of a model that does not: as the target's labels if they fit, else 0, 1, 2, ..."""
        numbers = tuple(str(i) for i in range(outputs))
        return self.classes if len(self.classes) == outputs and not set(self.classes) <= set(numbers) else numbers

    def _dataset(self, role: str, table: pd.DataFrame, bound: Bound | None) -> Dataset:
        table = table.reset_index(drop=True)
        y = None
        if self.roles.target is not None:
            y, kept = self._truth(role, table[self.roles.target])
            table = table[kept]
        features = bound.columns if bound is not None else self._free_columns()
        schema = self.schema if role == "test table" else infer_schema(table)
        return Dataset(role, table, features, self.roles.target, y, schema, table_fingerprint(table))

    def _free_columns(self) -> tuple[str, ...]:
        return tuple(str(c) for c in self.test.columns if c not in self.roles.reserved)

    def _truth(self, role: str, column: pd.Series) -> tuple[Floats, npt.NDArray[np.bool_]]:
        """Return the truth as numbers and which rows have one; the others are set aside with a note."""
        if self.task is Task.REGRESSION:
            values = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
        else:
            values = encode(column, self.classes)
        kept = np.isfinite(values)
        if not kept.any():
            seen = ", ".join(label_order(column)[:4]) or "only missing values"
            wanted = (
                f"the model's classes are {', '.join(self.classes[:6])}" if self.classes else "numbers are expected"
            )
            raise BadTarget(str(column.name), f"in the {role} it holds {seen}, and {wanted}")
        if not kept.all():
            gone = int((~kept).sum())
            why = (
                "no finite target"
                if self.task is Task.REGRESSION
                else "a target that is missing or no class of the model"
            )
            self.notes.append(f"{gone:,} of {len(kept):,} rows of the {role} were set aside: they have {why}.")
        if len(np.unique(values[kept])) == 1:
            self.notes.append(
                f"Every row of the {role} has the same target: scores that compare classes or explain variance are "
                "undefined; add rows with other outcomes."
            )
        return values[kept], kept

    def _train(self, bound: Bound | None) -> Dataset | None:
        if self.train is None:
            return None
        needed = (*(bound.columns if bound is not None else ()), *((self.roles.target,) if self.roles.target else ()))
        absent = [c for c in needed if c not in self.train.columns]
        if absent:
            raise MissingColumn(absent[0], "training", tuple(str(c) for c in self.train.columns))
        return self._dataset("training table", self.train, bound)

    def _benchmark(self) -> Bound | None:
        if self.benchmark is None:
            return None
        task = self.benchmark.signature.task
        if task is not None and task is not self.task:
            raise BadModelOutput(self.benchmark.name, f"the benchmark is a {task} model and the model is {self.task}")
        match = self._matched(self.benchmark)
        if match.missing:
            raise self.problems.pop()
        return self._bind(self.benchmark, match)
