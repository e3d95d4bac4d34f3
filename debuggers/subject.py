"""What is being debugged: a model, its test data, and optionally its training data and a benchmark model."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from debuggers import metrics
from debuggers.data.schema import Schema
from debuggers.models.model import Model
from debuggers.task import Task

__all__ = ["Bound", "Dataset", "Subject", "Task"]

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Dataset:
    """A table with the model's features and, where known, the truth of each row.

    Parameters
    ----------
    name : str
    table : DataFrame
        Every column of the file. The index is the row's position in the file, so that a row keeps its number when
        others are set aside.
    features : tuple of str
        The table's columns that the model reads, in its order.
    target : str or None
        Column of the truth.
    y : ndarray of shape (n,) or None
        Truth as numbers: codes of the subject's classes, or values. Never missing.
    schema : Schema
    fingerprint : str
        Hex digest of the whole content.
    """

    name: str
    table: pd.DataFrame
    features: tuple[str, ...]
    target: str | None
    y: Floats | None
    schema: Schema
    fingerprint: str

    def __len__(self) -> int:
        return len(self.table)

    @cached_property
    def X(self) -> pd.DataFrame:  # noqa: N802 - the field's name
        """The features, shape (n, n_features)."""
        return self.table[list(self.features)]

    @property
    def rows(self) -> npt.NDArray[np.int64]:
        """Positions of the rows in the file."""
        return self.table.index.to_numpy(dtype=np.int64)

    def restrict(self, mask: Mask) -> Dataset:
        """Return the rows where `mask` holds."""
        digest = hashlib.sha256(self.fingerprint.encode() + np.packbits(mask).tobytes()).hexdigest()
        y = None if self.y is None else self.y[mask]
        return replace(self, table=self.table[mask], y=y, fingerprint=digest)


@dataclass(frozen=True, eq=False)
class Bound:
    """A model bound to a table: which column feeds which input, and which output is which class.

    Parameters
    ----------
    model : Model
    columns : tuple of str
        Columns of the table in the order of the model's inputs.
    inputs : tuple of str
        The model's names of them.
    order : tuple of int
        For classifiers: for each class of the subject, its position in the model's output.
    """

    model: Model
    columns: tuple[str, ...]
    inputs: tuple[str, ...]
    order: tuple[int, ...] = ()

    def predict(self, table: pd.DataFrame, *, raw: bool = False) -> Floats:
        """Predict the rows of `table`; columns that the model does not read are ignored.

        Returns
        -------
        ndarray
            Regression: shape (n,). Binary: probability of the positive class, (n,). Multiclass: (n, k). With `raw` the
            model's additive scale in the same shapes.
        """
        rows = table[list(self.columns)]
        if self.columns != self.inputs:
            rows = rows.set_axis(list(self.inputs), axis=1)
        out = self.model.predict(rows, raw=raw)
        if out.ndim == 1:
            flipped = raw and self.order == (1, 0)
            return -out if flipped else out
        ordered = out[:, self.order] if self.order else out
        return np.ascontiguousarray(ordered[:, 1]) if len(self.order) == 2 else np.ascontiguousarray(ordered)


@dataclass(frozen=True, eq=False)
class Subject:
    """A model and its data, as every debugger takes them.

    Parameters
    ----------
    name : str
    task : Task
    test : Dataset
    model : Bound or None
        None where only predictions are known.
    recorded : ndarray or None
        Predictions that came with the table, in the shape of `scores`; used where there is no model.
    train : Dataset or None
    benchmark : Bound or None
    classes : tuple of str
        Labels of the classes; of two the second is the positive one. Empty for regression.
    sensitive : tuple of str
        Columns whose groups are compared.
    threshold : float
        A binary classifier says "positive" above it.
    notes : tuple of str
        What was done to the data on the way in, for the reader.
    predictions : tuple of str
        Columns of the table that hold recorded predictions.
    """

    name: str
    task: Task
    test: Dataset
    model: Bound | None = None
    recorded: Floats | None = None
    train: Dataset | None = None
    benchmark: Bound | None = None
    classes: tuple[str, ...] = ()
    sensitive: tuple[str, ...] = ()
    threshold: float = 0.5
    notes: tuple[str, ...] = ()
    predictions: tuple[str, ...] = ()

    # --- what the model says ---

    @cached_property
    def scores(self) -> Floats:
        """Predictions of the test rows: values, or probabilities of the positive class, (n,); of each class, (n, k)."""
        if self.recorded is not None:
            return self.recorded
        assert self.model is not None, "a subject has a model or recorded predictions"
        return self.model.predict(self.test.table)

    @cached_property
    def decision(self) -> Floats:
        """Codes of the classes that are decided for, or the predicted values, shape (n,)."""
        return metrics.decide(self.task, self.scores, self.threshold)

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the outputs that effects and what-ifs follow: one, or one per class of a multiclass model."""
        if self.task is Task.MULTICLASS:
            return self.classes
        return (self.classes[1],) if self.task is Task.BINARY else (self.test.target or "prediction",)

    @property
    def output_title(self) -> str:
        """What an output is, for axes: "probability of 'yes'" or "predicted price"."""
        if self.task is Task.BINARY:
            return f"probability of {self.classes[1]}"
        return "probability" if self.task is Task.MULTICLASS else f"predicted {self.test.target or 'value'}"

    def predict(self, table: pd.DataFrame, *, log_odds: bool = False) -> Floats:
        """Predict new rows, one column per output.

        Parameters
        ----------
        table : DataFrame
            Rows with the columns of the test table that the model reads.
        log_odds : bool
            For classifiers: ``ln(p / (1 - p))`` instead of the probability.

        Returns
        -------
        ndarray of shape (n, len(outputs))
        """
        assert self.model is not None, "debuggers that predict declare that they need a model"
        return self.as_outputs(self.model.predict(table), log_odds=log_odds)

    def as_outputs(self, scores: Floats, *, log_odds: bool = False) -> Floats:
        """Turn scores into one column per output, on the probability or the log-odds scale."""
        columns = scores[:, None] if scores.ndim == 1 else scores
        if not log_odds or self.task is Task.REGRESSION:
            return columns
        p = np.clip(columns, metrics.CLIP, 1 - metrics.CLIP)
        return np.asarray(np.log(p) - np.log1p(-p), dtype=np.float64)

    # --- what is wrong with it ---

    @property
    def y(self) -> Floats:
        """Truth of the test rows, shape (n,); debuggers that read it declare that they need labels."""
        assert self.test.y is not None, "debuggers that read labels declare that they need them"
        return self.test.y

    @cached_property
    def loss(self) -> Floats:
        """Log loss (clipped) or squared error per row, shape (n,)."""
        return metrics.loss(self.task, self.y, self.scores)

    @cached_property
    def error(self) -> Floats:
        """1 where a classifier decides wrongly, else 0; absolute error of a regressor; shape (n,)."""
        return metrics.error(self.task, self.y, self.scores, self.threshold)

    @cached_property
    def labels(self) -> npt.NDArray[np.object_]:
        """The truth as a person reads it: class labels, or values; shape (n,)."""
        return self.named(self.y)

    def named(self, codes: Floats) -> npt.NDArray[np.object_]:
        """Return class labels for codes; values stay as they are."""
        if self.task is Task.REGRESSION:
            return codes.astype(object)
        return np.array(self.classes, dtype=object)[codes.astype(np.intp)]

    # --- other views of it ---

    @property
    def has_labels(self) -> bool:
        """Whether the truth of the test rows is known."""
        return self.test.y is not None

    @cached_property
    def fingerprint(self) -> str:
        """Hex digest of everything that a result can depend on."""
        digest = hashlib.sha256()
        for part in (self.model, self.benchmark):
            digest.update(b"-" if part is None else f"{part.model.fingerprint}{part.columns}{part.order}".encode())
        for data in (self.test, self.train):
            digest.update(b"-" if data is None else f"{data.fingerprint}{data.features}{data.target}".encode())
        if self.recorded is not None:
            digest.update(np.ascontiguousarray(self.recorded).tobytes())
        digest.update(repr((str(self.task), self.classes, self.sensitive, self.threshold)).encode())
        return digest.hexdigest()

    def restrict(self, mask: Mask) -> Subject:
        """Return the subject on the test rows where `mask` holds; predictions already made are kept."""
        smaller = replace(
            self, test=self.test.restrict(mask), recorded=None if self.recorded is None else self.recorded[mask]
        )
        if self.recorded is None and "scores" in self.__dict__:
            smaller.__dict__["scores"] = self.scores[mask]
        return smaller

    def with_threshold(self, threshold: float) -> Subject:
        """Return the subject with another decision cut-off; predictions already made are kept."""
        other = replace(self, threshold=threshold)
        if "scores" in self.__dict__:
            other.__dict__["scores"] = self.scores
        return other

    def on_train(self) -> Subject | None:
        """Return the subject on its training table; None without a labelled one or without a model."""
        if self.train is None or self.train.y is None or self.model is None:
            return None
        return replace(self, test=self.train, train=None)

    def with_benchmark(self) -> Subject | None:
        """Return the benchmark model on the same rows; None without one."""
        return None if self.benchmark is None else replace(self, model=self.benchmark, benchmark=None, recorded=None)


def sample_rows(n: int, limit: int, seed: int) -> npt.NDArray[np.intp]:
    """Return positions of at most `limit` of `n` rows, drawn at random with a fixed seed and in the table's order."""
    if n <= limit:
        return np.arange(n)
    return np.sort(np.random.default_rng(seed).choice(n, size=limit, replace=False))


def table_fingerprint(table: pd.DataFrame) -> str:
    """Return a hex digest of every value, name and type of `table`."""
    digest = hashlib.sha256(repr([(str(c), str(t)) for c, t in table.dtypes.items()]).encode())
    for column in table:
        digest.update(pd.util.hash_pandas_object(table[column], index=False).to_numpy().tobytes())
    digest.update(np.ascontiguousarray(table.index.to_numpy()).tobytes())
    return digest.hexdigest()


def unique_names(names: Sequence[str]) -> bool:
    """Whether every name occurs once."""
    return len(set(names)) == len(names)
