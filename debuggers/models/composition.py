"""Preprocessing in front of trees, where each of its outputs comes from one column of the table.

Then a question that a tree asks of an encoded input is a question to the raw column, and effects and attributions are
those of raw columns: of "job", not of "job = cook". What mixes columns, such as principal components, cannot be
composed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from debuggers.models import columns, frames, lightgbm_model, xgboost_model
from debuggers.models.composed import ComposedTrees, Longs, Table
from debuggers.models.tree_readers.reading import read_trees
from debuggers.models.trees import Trees, UnreadableTrees

# What gives one output for each input.
_ONE_TO_ONE = {
    "StandardScaler", "MinMaxScaler", "MaxAbsScaler", "RobustScaler", "QuantileTransformer", "PowerTransformer",
    "Binarizer", "OrdinalEncoder",
}  # fmt: skip


def compose(estimator: Any) -> ComposedTrees:
    """Return the trees of an estimator, with all that stands before them.

    Parameters
    ----------
    estimator : object
        A fitted estimator or booster, or a pipeline that ends in one.

    Raises
    ------
    UnreadableTrees
        It has no trees that can be read, or a step that mixes columns.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import OneHotEncoder
    >>> from sklearn.tree import DecisionTreeRegressor
    >>> table = pd.DataFrame({"job": ["cook", "it", "care"]})
    >>> found = compose(make_pipeline(OneHotEncoder(), DecisionTreeRegressor()).fit(table, [1.0, 2.0, 3.0]))
    >>> found.source.tolist()
    [0, 0, 0]
    """
    if hasattr(estimator, "best_estimator_"):
        return compose(estimator.best_estimator_)
    steps: list[Any] = []
    while hasattr(estimator, "steps"):
        steps += [step for _, step in estimator.steps[:-1] if step is not None and not isinstance(step, str)]
        estimator = estimator.steps[-1][1]
    trees = read_trees(estimator)
    width = _width(steps[0] if steps else estimator, trees)
    source = np.arange(width)
    for step in steps:
        source = outputs_of(step, source)
    last, own = _own_encoding(estimator, len(source))
    source = source[own]
    if len(source) != trees.n_inputs:
        raise UnreadableTrees(f"its preprocessing gives {len(source)} columns and its trees take {trees.n_inputs}")

    def encode(table: Table) -> npt.NDArray[np.float64]:
        for step in steps:
            table = step.transform(table)
        return last(table)

    is_plain = not steps and np.array_equal(own, np.arange(trees.n_inputs))
    return ComposedTrees(trees, source, encode, width, is_plain=is_plain)


def _width(first: Any, trees: Trees) -> int:
    return int(getattr(first, "n_features_in_", trees.n_inputs))


def outputs_of(step: Any, source: Longs) -> Longs:
    """Return the raw column behind each output of a transformer whose inputs come from the raw columns `source`.

    Raises
    ------
    UnreadableTrees
        It mixes columns, or is not known.
    """
    if isinstance(step, str):
        return source[:0] if step == "drop" else source
    name = type(step).__name__
    known = _COUNTED.get(name)
    if known is not None:
        return known(step, source)
    if name in _ONE_TO_ONE or (name == "FunctionTransformer" and isinstance(step.func, np.ufunc | None)):
        return source
    if hasattr(step, "get_support"):
        return np.asarray(source[step.get_support(indices=True)])
    raise UnreadableTrees(f"its preprocessing has a {name}, which may mix columns")


def _of_pipeline(step: Any, source: Longs) -> Longs:
    for _, part in step.steps:
        source = source if part is None else outputs_of(part, source)
    return source


def _of_column_transformer(step: Any, source: Longs) -> Longs:
    places = step._transformer_to_input_indices  # noqa: SLF001 -- public nowhere
    parts = [outputs_of(part, source[np.asarray(places[name], np.int64)]) for name, part, _ in step.transformers_]
    return np.concatenate([*parts, source[:0]])


def _of_union(step: Any, source: Longs) -> Longs:
    return np.concatenate([outputs_of(part, source) for _, part in step.transformer_list])


def _of_one_hot(step: Any, source: Longs) -> Longs:
    return np.repeat(source, step._n_features_outs)  # noqa: SLF001 -- counts what is dropped or put together


def _of_bins(step: Any, source: Longs) -> Longs:
    return source if step.encode == "ordinal" else _of_one_hot(step._encoder, source)  # noqa: SLF001 -- public nowhere


def _of_targets(step: Any, source: Longs) -> Longs:
    per_column = len(step.classes_) if step.target_type_ == "multiclass" else 1
    return np.repeat(source, per_column)


def _of_splines(step: Any, source: Longs) -> Longs:
    return np.repeat(source, step.n_features_out_ // len(source))


def _of_imputer(step: Any, source: Longs) -> Longs:
    empty = pd.isna(np.asarray(step.statistics_, dtype=object)).astype(bool)
    dropped = empty & (not step.keep_empty_features and step.strategy != "constant")
    added = source[step.indicator_.features_] if step.add_indicator else source[:0]
    return np.concatenate([source[~dropped], added])


def _of_indicator(step: Any, source: Longs) -> Longs:
    return np.asarray(source[step.features_])


_COUNTED: dict[str, Callable[[Any, Longs], Longs]] = {
    "Pipeline": _of_pipeline,
    "ColumnTransformer": _of_column_transformer,
    "FeatureUnion": _of_union,
    "OneHotEncoder": _of_one_hot,
    "KBinsDiscretizer": _of_bins,
    "TargetEncoder": _of_targets,
    "SplineTransformer": _of_splines,
    "SimpleImputer": _of_imputer,
    "MissingIndicator": _of_indicator,
}


def _own_encoding(estimator: Any, width: int) -> tuple[Callable[[Any], npt.NDArray[np.float64]], Longs]:
    """Return how an estimator itself turns a table into its trees' inputs, and which column each input is."""
    every = np.arange(width)
    library = type(estimator).__module__.split(".")[0]
    encoder = getattr(estimator, "_preprocessor", None)
    if library == "sklearn" and encoder is not None:
        order = np.concatenate([every[np.asarray(chosen)] for _, _, chosen in encoder.transformers_[:2]])
        return lambda table: numbers(estimator._preprocess_X(table, reset=False)), order  # noqa: SLF001 -- public nowhere
    if library in ("xgboost", "lightgbm"):
        return lambda table: _coded(estimator, library, table), every
    return numbers, every


def _coded(estimator: Any, library: str, table: Any) -> npt.NDArray[np.float64]:
    """Return a table's numbers; where it is a data frame with categories, their codes in the model's own lists."""
    if not isinstance(table, pd.DataFrame) or all(isinstance(d, np.dtype) and d.kind in "iufb" for d in table.dtypes):
        return numbers(table)
    if library == "xgboost":
        booster = estimator if type(estimator).__name__ == "Booster" else estimator.get_booster()
        adapter: Any = xgboost_model.XGBoostModel(booster, None)
    else:
        booster = estimator if type(estimator).__name__ == "Booster" else estimator.booster_
        adapter = lightgbm_model.LightGBMModel(booster, {}, None)
    return np.concatenate([adapter.inputs(batch) for batch in frames.blocks(table)])


def numbers(table: Any) -> npt.NDArray[np.float64]:
    """Return a table, dense or sparse, as numbers."""
    if hasattr(table, "toarray"):
        table = table.toarray()
    if isinstance(table, pd.DataFrame):
        return np.concatenate([columns.matrix(batch) for batch in frames.blocks(table)])
    return np.asarray(table, dtype=np.float64)
