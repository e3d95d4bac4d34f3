"""Partial dependence and accumulated local effects of any fitted model, for notebooks and for the Effects page.

Trees have exact one-pass answers; everything else is asked again and again, in batches.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from debuggers.coding import Coder
from debuggers.execution import report
from debuggers.grids import typed
from debuggers.kernels.cuts import number_codes
from debuggers.models.composed import ComposedTrees
from debuggers.models.composition import compose
from debuggers.models.trees import UnreadableTrees
from debuggers.tree_effects import RAW, TreeEffects, answer_of

Floats = npt.NDArray[np.float64]
Table = pd.DataFrame | npt.NDArray[Any]
Grids = Sequence[Sequence[Any] | npt.NDArray[Any]] | Mapping[Any, Sequence[Any] | npt.NDArray[Any]]

SCALES = ("raw", "answer")
KINDS = ("average", "individual", "centred")
# Rows per call of a model that has to be asked.
BATCH = 100_000


def partial_dependence(
    model: Any, X: Table, grids: Grids, *, scale: str = "raw", kind: str = "average"
) -> list[Floats]:
    """Return what the model says on average, or for each row, if one column had another value.

    Parameters
    ----------
    model : object
        A fitted estimator, pipeline or booster, or a loaded model. The answer of trees (of
        scikit-learn, XGBoost, LightGBM, CatBoost, ONNX) is computed exactly; others are asked for every row and value.
    X : DataFrame or ndarray of shape (n, n_features)
        Rows to average over: all of them are.
    grids : sequence or mapping
        One sequence of values for each column in the order of `X`, or by name (or position) for some columns.
    scale : {"raw", "answer"}
        The additive scale, such as log-odds, or probabilities (for two classes of the second one) and numbers.
    kind : {"average", "individual", "centred"}
        The mean over rows; each row's own curve; or that less its first value.

    Returns
    -------
    list of ndarray
        One for each grid, in their order: of shape (n_values,), or (n, n_values) for single rows; with a last axis for
        the outputs where the model has several.

    References
    ----------
    Friedman (2001), Annals of Statistics 29, 1189-1232. Goldstein et al. (2015), Journal of Computational and Graphical
    Statistics 24, 44-65.

    Examples
    --------
    >>> from sklearn.tree import DecisionTreeRegressor
    >>> X = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    >>> tree = DecisionTreeRegressor().fit(X, [0.0, 1.0, 2.0, 3.0])
    >>> [curve.tolist() for curve in partial_dependence(tree, X, [[0.0, 1.0], [0.0, 1.0]])]
    [[1.0, 2.0], [0.5, 2.5]]
    """
    _check(scale, SCALES, "scale")
    _check(kind, KINDS, "kind")
    chosen = _by_column(X, grids)
    try:
        found = _from_trees(composed_trees(model), X, chosen, scale=scale, average=kind == "average")
    except UnreadableTrees:
        found = _by_asking(model, X, chosen, scale=scale)
        found = [c.mean(axis=0) for c in found] if kind == "average" else found
    if kind == "centred":
        found = [c - c[:, :1] for c in found]
    return [c[..., 0] if c.shape[-1] == 1 else c for c in found]


def accumulated_local_effects(model: Any, X: Table, grids: Grids, *, scale: str = "raw") -> list[Floats]:
    """Return how the model's output changes along each column where there are rows, added up and centred.

    Bin k holds the rows with a value in (z[k-1], z[k]], the first one also z[0]; rows outside the grid and missing ones
    are in none. A bin's effect is the mean over its rows of ``f(z[k], rest) - f(z[k-1], rest)``. The effects are
    added up and centred so that the mean over the rows, each at its own value on the line through the edges, is 0.

    Parameters
    ----------
    model, X, scale
        As `partial_dependence` takes them.
    grids : sequence or mapping
        The bins' edges of each column, rising numbers.

    Returns
    -------
    list of ndarray
        One for each grid, of shape (n_edges,), or (n_edges, n_outputs) where the model has several.

    References
    ----------
    Apley and Zhu (2020), Journal of the Royal Statistical Society B 82, 1059-1086.

    Examples
    --------
    >>> from sklearn.tree import DecisionTreeRegressor
    >>> X = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    >>> tree = DecisionTreeRegressor().fit(X, [0.0, 1.0, 2.0, 3.0])
    >>> [curve.tolist() for curve in accumulated_local_effects(tree, X, [[0.0, 1.0], [0.0, 1.0]])]
    [[-0.5, 0.5], [-1.0, 1.0]]
    """
    _check(scale, SCALES, "scale")
    chosen = {c: np.asarray(values, dtype=np.float64) for c, values in _by_column(X, grids).items()}
    columns = [_numbers(X, c) for c in chosen]
    bins = [bins_of(values, edges) for values, edges in zip(columns, chosen.values(), strict=True)]
    try:
        found = composed_trees(model)
        effects, points = _effects(found, X, chosen)
        how = RAW if scale == "raw" else answer_of(found.trees)
        local = effects.local(np.array(bins), list(chosen), how=how)
        sums = [local[i, :, :n].T for i, n in enumerate(points)]
    except UnreadableTrees:
        ask = asker(model, scale)
        sums = [_asked_sums(ask, X, c, e, b) for (c, e), b in zip(chosen.items(), bins, strict=True)]
    done = [
        accumulated(total, np.bincount(b, minlength=len(edges)), edges, values)
        for total, b, edges, values in zip(sums, bins, chosen.values(), columns, strict=True)
    ]
    return [c[:, 0] if c.shape[1] == 1 else c for c in done]


def composed_trees(model: Any) -> ComposedTrees:
    """Return the trees of a fitted estimator or a loaded model, with what stands before them.

    Raises
    ------
    UnreadableTrees
        It has none that can be read.
    """
    if hasattr(model, "composed_trees"):
        found: ComposedTrees = model.composed_trees()
        return found
    return compose(model)


def bins_of(values: Floats, edges: Floats, *, clipped: bool = False) -> npt.NDArray[np.int32]:
    """Return for each value the position of the edge that its bin ends at, 0 where it is in none.

    Values outside the edges are in none, or, with `clipped`, in the bin that is nearest.
    """
    if len(edges) < 2:
        return np.zeros(len(values), np.int32)
    inside = np.isfinite(values)
    if not clipped:
        inside &= (values >= edges[0]) & (values <= edges[-1])
    at = number_codes(values, edges, np.int32, below=True)
    return np.where(inside, np.clip(at, 1, len(edges) - 1), 0).astype(np.int32)


def accumulated(sums: Floats, counts: npt.NDArray[Any], edges: Floats, values: Floats) -> Floats:
    """Return effects of bins, given as sums (n_edges, n_outputs) and counts, added up and centred over the rows."""
    counts = counts.astype(np.float64)
    counts[0] = 0.0
    means = np.divide(sums, counts[:, None], out=np.zeros_like(sums), where=counts[:, None] > 0)
    effects = np.cumsum(means, axis=0)
    at = bins_of(values, edges, clipped=True)
    known = at > 0
    if known.any():
        at, x = at[known], np.clip(values[known], edges[0], edges[-1])
        width = edges[at] - edges[at - 1]
        share = np.divide(x - edges[at - 1], width, out=np.ones_like(x), where=width > 0)
        weight = np.bincount(at, share, len(edges)) + np.bincount(at - 1, 1 - share, len(edges))
        effects -= weight @ effects / len(x)
    return effects


def grid_table(X: Table, grids: Mapping[int, Any]) -> Table:
    """Return a table whose row g holds the g-th value of every column's grid; shorter grids repeat their last value."""
    longest = max((len(values) for values in grids.values()), default=0)
    if isinstance(X, np.ndarray):
        out = np.repeat(X[:1], longest, axis=0).astype(
            np.result_type(X.dtype, np.float64) if X.dtype.kind in "iufb" else object
        )
        for c, values in grids.items():
            out[:, c] = _padded(values, longest)
        return out
    table = X.iloc[np.zeros(longest, dtype=np.intp)].reset_index(drop=True)
    columns = [
        typed(_padded(grids[c], longest), longest, X.iloc[:, c]) if c in grids else table.iloc[:, c]
        for c in range(X.shape[1])
    ]
    return pd.concat([c.reset_index(drop=True) for c in columns], axis=1).set_axis(X.columns, axis=1)


def _padded(values: Any, n: int) -> list[Any]:
    listed = list(values)
    return listed + listed[-1:] * (n - len(listed))


def _check(value: str, known: Sequence[str], name: str) -> None:
    if value not in known:
        raise ValueError(f"{name} is one of {', '.join(known)}, not {value!r}")


def _by_column(X: Table, grids: Grids) -> dict[int, Any]:
    """Return the grids by position of their column."""
    if isinstance(grids, Mapping):
        names = list(X.columns) if isinstance(X, pd.DataFrame) else list(range(X.shape[1]))
        return {names.index(name): values for name, values in grids.items()}
    if len(grids) != X.shape[1]:
        raise ValueError(f"there are {len(grids)} grids for {X.shape[1]} columns")
    return dict(enumerate(grids))


def _numbers(X: Table, column: int) -> Floats:
    values = (
        X.iloc[:, column].to_numpy(dtype=np.float64, na_value=np.nan) if isinstance(X, pd.DataFrame) else X[:, column]
    )
    return np.asarray(values, dtype=np.float64)


# --- trees ----------------------------------------------------------------------------------------------------------


def _effects(found: ComposedTrees, X: Table, grids: Mapping[int, Any]) -> tuple[TreeEffects, list[int]]:
    """Return the effects of trees over a table, and the number of each grid's values."""
    points = [len(values) for values in grids.values()]
    all_points = [len(grids.get(c, ())) for c in range(found.n_features)]
    coder = Coder(found.trees, found.source, found.n_features)
    return TreeEffects(coder, found.encode(X), found.encode(grid_table(X, grids)), all_points), points


def _from_trees(found: ComposedTrees, X: Table, grids: Mapping[int, Any], *, scale: str, average: bool) -> list[Floats]:
    if scale == "answer":
        how = answer_of(found.trees)
    effects, points = _effects(found, X, grids)
    if average and scale == "raw":
        curves = effects.dependence(list(grids))
        return [curves[c, :, :n].T for c, n in zip(grids, points, strict=True)]
    if average:
        mean = effects.summary(list(grids), how=how).mean
        return [mean[i, :, :n].T for i, n in enumerate(points)]
    individual = effects.individual(list(grids)).swapaxes(2, 3)
    parts = [individual[:, i, :n] for i, n in enumerate(points)]
    return parts if scale == "raw" else [_answered(found, p) for p in parts]


def _answered(found: ComposedTrees, curves: Floats) -> Floats:
    flat = found.trees.answers(curves.reshape(-1, curves.shape[-1]))
    return flat.reshape(curves.shape)


# --- everything else ------------------------------------------------------------------------------------------------


def asker(model: Any, scale: str) -> Any:
    """Return a function from a table to outputs of shape (n, n_outputs), on a scale.

    The raw scale of a model without one is its answer.
    """
    if hasattr(model, "signature"):

        def ask(table: Table) -> Floats:
            found = np.asarray(model.predict(table, raw=scale == "raw"), dtype=np.float64)
            return _columns(found, second=scale != "raw")

        return ask
    names = ("decision_function", "predict_proba", "predict") if scale == "raw" else ("predict_proba", "predict")
    method = next(name for name in names if hasattr(model, name))

    def ask_estimator(table: Table) -> Floats:
        return _columns(np.asarray(getattr(model, method)(table), dtype=np.float64), second=method == "predict_proba")

    return ask_estimator


def _columns(found: Floats, *, second: bool) -> Floats:
    """Return outputs as columns; of the probabilities of two classes only the second."""
    if found.ndim == 1:
        return found[:, None]
    return found[:, 1:] if second and found.shape[1] == 2 else found


def _by_asking(model: Any, X: Table, grids: Mapping[int, Any], *, scale: str) -> list[Floats]:
    ask = asker(model, scale)
    curves = []
    for i, (column, values) in enumerate(grids.items()):
        report(i / len(grids), "Asking the model")
        curves.append(_asked_curves(ask, X, column, list(values)))
    return curves


def _asked_curves(ask: Any, X: Table, column: int, values: list[Any]) -> Floats:
    """Return every row's answer at every value, shape (n, n_values, n_outputs)."""
    n = len(X)
    step = max(1, BATCH // max(n, 1))
    parts = []
    for start in range(0, len(values), step):
        tried = values[start : start + step]
        found = ask(with_values(_tiled(X, len(tried)), column, [v for v in tried for _ in range(n)]))
        parts.append(found.reshape(len(tried), n, -1).swapaxes(0, 1))
    return np.concatenate(parts, axis=1)


def _asked_sums(ask: Any, X: Table, column: int, edges: Floats, bins: npt.NDArray[np.int32]) -> Floats:
    known = bins > 0
    rows = X[known] if isinstance(X, np.ndarray) else X.loc[known]
    if not known.any():
        return np.zeros((len(edges), ask(X[:1] if isinstance(X, np.ndarray) else X.iloc[:1]).shape[1]))
    at = bins[known]
    change = ask(with_values(rows, column, edges[at])) - ask(with_values(rows, column, edges[at - 1]))
    return np.stack([np.bincount(at, weights=c, minlength=len(edges)) for c in change.T], axis=1)


def _tiled(X: Table, times: int) -> Table:
    at = np.tile(np.arange(len(X)), times)
    return X[at] if isinstance(X, np.ndarray) else X.iloc[at]


def with_values(X: Table, column: int, values: Any) -> Table:
    """Return the rows with one column replaced."""
    if isinstance(X, np.ndarray):
        changed = X.astype(np.result_type(X.dtype, np.float64)) if X.dtype.kind in "iub" else X.copy()
        changed[:, column] = values
        return changed
    new = typed(list(values), len(X), X.iloc[:, column]).set_axis(X.index)
    parts = [new if c == column else X.iloc[:, c] for c in range(X.shape[1])]
    return pd.concat(parts, axis=1).set_axis(X.columns, axis=1)
