"""Loading a model file: into a worker process, never into this one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from debuggers import errors
from debuggers.models import formats, frames, tree_wire
from debuggers.models.answers import check_answer, fitting_columns
from debuggers.models.composed import ComposedTrees, Table
from debuggers.models.model import Floats, Signature
from debuggers.models.trees import UnreadableTrees
from debuggers.sandbox import trust
from debuggers.sandbox.client import Limits, Request, Worker
from debuggers.sandbox.connection import stream
from debuggers.task import Task

T = TypeVar("T")

MAX_NAMES = 100_000  # features, or classes
MAX_TEXT = 10_000  # characters of one


def load_model(
    source: bytes | Path,
    name: str | None = None,
    *,
    task: Task | None = None,
    limits: Limits | None = None,
    consent: bool = False,
    owner: str = "",
) -> JailedModel:
    """Load a model file into a worker process of its own.

    Parameters
    ----------
    source : bytes or Path
        The file; its format is recognised by its content.
    name : str, optional
        Name to show; by default the file's name.
    task : Task, optional
        What the model predicts, where the file does not say or says it wrong. An output that the file does not call a
        probability is taken for log-odds (binary) or for one score per class (multiclass).
    limits : Limits, optional
        What the worker may take.
    consent : bool
        Whether a person has said that this file may run, if it turns out to be a program: a pickle, or a skops file
        with types beyond the allow-list.
    owner : str
        Whose model it is: the quotas of workers and calls count by owner.

    Raises
    ------
    ConsentNeeded
        The file is a program, and there is no consent.
    ProgramsForbidden, NoJail
        The file is a program, and this server takes none, or cannot jail it.
    InputError
        The file is no model, damaged, made with other versions, or does not fit `task`; or there is no room for it.

    Examples
    --------
    >>> try:
    ...     load_model(b"age,income", "table.csv")
    ... except errors.UnknownModelFormat as error:
    ...     print(str(error)[:41])
    “table.csv” is not a model that can be re
    """
    data = source.read_bytes() if isinstance(source, Path) else source
    shown = name or (source.name if isinstance(source, Path) else "model")
    found = formats.recognise(data, shown)
    limits = limits or Limits()

    def loaded(*, program: bool) -> JailedModel:
        required = program and trust.permit(shown)
        options = {"task": task and task.value, "consent": program}
        worker = Worker(
            shown, found.value, found.label, data, options=options, limits=limits, required=required, owner=owner
        )
        signature = _signature(worker.load(), found.label, 3 if program else found.tier, shown)
        return JailedModel(shown, signature, hashlib.sha256(data).hexdigest(), worker)

    if found is formats.Format.PICKLE:
        if not consent:
            trust.refuse_if_off(shown)
            raise errors.PickledModel(shown)
        return loaded(program=True)
    try:
        return loaded(program=False)
    except errors.UntrustedTypes:
        trust.refuse_if_off(shown)
        if not consent:
            raise
        return loaded(program=True)


class JailedModel:
    """A `Model` whose file is loaded in a worker process; made by `load_model`."""

    def __init__(self, name: str, signature: Signature, fingerprint: str, worker: Worker) -> None:
        self._name, self._signature, self._fingerprint, self._worker = name, signature, fingerprint, worker
        self._trees: ComposedTrees | None = None

    @property
    def name(self) -> str:
        """File name, for messages."""
        return self._name

    @property
    def signature(self) -> Signature:
        """What the file says about itself, and the task that was chosen."""
        return self._signature

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the model's bytes."""
        return self._fingerprint

    @property
    def pid(self) -> int | None:
        """Id of the worker process, while there is one."""
        return self._worker.pid

    def close(self) -> None:
        """End the worker process; a later call starts it again."""
        self._worker.close()

    def predict(self, X: pd.DataFrame, *, raw: bool = False) -> Floats:
        """Predict rows in blocks; the columns may come in any order where the file names them.

        Parameters and errors are those of `Model.predict`. Without a task, the file's own output is returned.
        """
        X = fitting_columns(X, self._name, self._signature)
        if len(X) == 0:
            return np.empty((0, len(self._signature.classes)) if self._signature.classes and not raw else 0)
        values = self._worker.predict(frames.blocks(X), len(X), raw=raw)
        probabilities = not raw and bool(self._task and self._task.is_classification)
        return check_answer(values, self._name, self._signature, probabilities=probabilities)

    def structure(self, kind: str) -> dict[str, npt.NDArray[Any]]:
        """Return what the model is made of, as arrays of numbers and of text.

        Parameters
        ----------
        kind : {"trees", "coefficients", "layers"}

        Returns
        -------
        dict of str to ndarray
            Types, shapes and lengths are checked; the values are a stranger's, so check indices before using them.

        Raises
        ------
        Unavailable
            The model has none of this kind, with the reason.
        InputError
            The model raised, died or took too long.
        """
        return self._worker.arrays("structure", {"kind": kind})[1]

    def composed_trees(self) -> ComposedTrees:
        """Return the model's trees, checked, and how rows reach them; asked for once.

        Raises
        ------
        UnreadableTrees
            They cannot be had, with the reason.
        InputError
            The model raised, died or took too long.
        """
        if self._trees is None:
            try:
                self._trees = tree_wire.received(self.structure("trees"), self._encoded)
            except errors.Unavailable as error:
                raise UnreadableTrees(error.reason) from error
        return self._trees

    def _encoded(self, X: Table) -> Floats:
        """Return rows as the trees take them: numbers as they are, everything else by asking the worker."""
        assert self._trees is not None
        found, width = self._trees, self._trees.trees.n_inputs
        table = fitting_columns(pd.DataFrame(X), self._name, self._signature)
        if found.is_plain and not found.trees.categorical.any() and _are_numbers(table):
            return table.to_numpy(np.float64)
        parts = [self._worker.arrays("encode", {}, [stream(b)])[1].get("values") for b in frames.blocks(table)]
        values = [np.zeros((0, 0)) if part is None or part.ndim != 2 else part for part in parts]
        shapes_fit = all(v.shape[1] == width for v in values) and sum(map(len, values)) == len(table)
        if not shapes_fit:
            raise errors.BadModelOutput(self._name, "its preprocessing gives arrays of the wrong shape")
        return np.concatenate([np.zeros((0, width)), *values])

    def refit(self, X: pd.DataFrame, y: npt.ArrayLike, sample_weight: npt.ArrayLike | None = None) -> JailedModel:
        """Return this model fitted anew on other rows, in a jailed process of its own; this one stays as it is.

        Parameters
        ----------
        X : DataFrame of shape (n, n_features)
        y : array-like of shape (n,)
            Labels, equal as text to the model's own, or numbers.
        sample_weight : array-like of shape (n,), optional

        Raises
        ------
        Unavailable
            The file holds no estimator that can be fitted, or not on these rows.
        InputError
            Fitting raised, died or took too long.
        """
        X = fitting_columns(X, self._name, self._signature)
        arrays = frames.batch(X).columns
        arrays += [pa.array(np.asarray(y), from_pandas=True)]
        if sample_weight is not None:
            arrays += [pa.array(np.asarray(sample_weight, np.float64))]
        # By position: the columns may have any names, also twice.
        data = stream(pa.RecordBatch.from_arrays(arrays, [*map(str, X.columns), "y", "weight"][: len(arrays)]))
        then = Request("refit", {"weighted": sample_weight is not None}, [data], self._worker.limits.refit)
        worker = self._worker.but(then)
        about = self._signature
        signature = _signature(worker.load(), about.format, about.tier, self._name)
        fingerprint = hashlib.sha256(self._fingerprint.encode() + data).hexdigest()
        return JailedModel(f"{self._name} (refitted)", signature, fingerprint, worker)

    @property
    def _task(self) -> Task | None:
        return self._signature.task


def _signature(found: dict[str, Any], label: str, tier: int, name: str) -> Signature:
    """Return the signature that a worker sent, each field checked."""
    try:
        return Signature(
            format=label,
            tier=tier,
            task=_optional(Task, found["task"]),
            classes=_optional(_names, found["classes"]),
            features=_optional(_names, found["features"]),
            n_features=_optional(_count, found["n_features"]),
            categories={_text(k): tuple(map(_value, v)) for k, v in found["categories"].items()},
            categorical=_names(found["categorical"]),
            handles_missing=_optional(_flag, found["handles_missing"]),
            notes=_names(found.get("notes", [])),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise errors.UnreadableModel(name, label, "its process gave no readable signature") from error


def _optional(check: Callable[[Any], T], value: object) -> T | None:
    return None if value is None else check(value)


def _text(value: object) -> str:
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        raise TypeError
    return value


def _names(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or len(value) > MAX_NAMES:
        raise TypeError
    return tuple(map(_text, value))


def _count(value: object) -> int:
    if not isinstance(value, int) or value < 0:
        raise TypeError
    return value


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _value(value: object) -> object:
    if not isinstance(value, str | int | float | bool | None):
        raise TypeError
    return _text(value) if isinstance(value, str) else value


def _are_numbers(table: pd.DataFrame) -> bool:
    return all(isinstance(dtype, np.dtype) and dtype.kind in "iufb" for dtype in table.dtypes)
