"""What each column contributes to a model's output: Shapley values, for notebooks and for the Importance page.

Trees have exact values. Linear models have them in closed form. Everything else goes through the shap library, by
permutations of the columns.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from debuggers.coding import Coder
from debuggers.curves import Table, asker, composed_trees
from debuggers.models.composed import ComposedTrees
from debuggers.models.trees import UnreadableTrees
from debuggers.tree_attribution import TreeAttribution

Floats = npt.NDArray[np.float64]

SEED = 20_240_607
# For models that have to be asked: background rows, and permutations per row, of which each is walked both ways.
ASKED_BACKGROUND = 50
PERMUTATIONS = 10


@dataclass(frozen=True, eq=False)
class Attributions:
    """Contributions of columns: with the base they add up to the model's output.

    Parameters
    ----------
    values : ndarray of shape (n, n_features, n_outputs)
    base : ndarray of shape (n_outputs,)
        What the model says of a row of which nothing is known.
    method : str
        How they were had.
    is_exact : bool
        Whether they are the Shapley values, and not an estimate of them.
    background : int
        Rows that took the place of columns left out; 0 where the training rows did, as the trees remember them.
    asked_because : str
        Why the trees were not read; empty where they were.
    """

    values: Floats
    base: Floats
    method: str
    is_exact: bool
    background: int
    asked_because: str = ""


def shap_values(model: Any, X: Table, background: Table | None = None) -> Floats:
    """Return the contribution of each column to the model's raw output, row by row.

    Parameters
    ----------
    model : object
        A fitted estimator, pipeline or booster, or a loaded model.
    X : DataFrame or ndarray of shape (n, n_features)
        Rows to explain.
    background : DataFrame or ndarray of shape (n_background, n_features), optional
        Rows that take the place of columns left out ("interventional"); of trees all of them count. Without them the
        training rows do, as the trees remember them ("path-dependent"); a model that is no tree then uses `X`.

    Returns
    -------
    ndarray of shape (n, n_features)
        With a last axis for the outputs where the model has several. Of classifiers on the additive scale, such as
        log-odds. With `explain(...).base` a row's values add up to its raw output.

    References
    ----------
    Lundberg and Lee (2017), A Unified Approach to Interpreting Model Predictions, NeurIPS.

    Examples
    --------
    >>> from sklearn.tree import DecisionTreeRegressor
    >>> X = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    >>> tree = DecisionTreeRegressor().fit(X, [0.0, 1.0, 2.0, 3.0])
    >>> shap_values(tree, X).round(9).tolist()
    [[-0.5, -1.0], [0.5, -1.0], [-0.5, 1.0], [0.5, 1.0]]
    """
    values = explain(model, X, background).values
    return values[:, :, 0] if values.shape[2] == 1 else values


def explain(model: Any, X: Table, background: Table | None = None) -> Attributions:
    """Return contributions with their base, and how they were had; parameters are those of `shap_values`.

    Examples
    --------
    >>> from sklearn.tree import DecisionTreeRegressor
    >>> tree = DecisionTreeRegressor().fit([[0.0], [1.0]], [0.0, 1.0])
    >>> found = explain(tree, np.array([[1.0]]))
    >>> found.base.tolist(), found.values.ravel().tolist()
    ([0.5], [0.5])
    """
    try:
        composed = composed_trees(model)
        return of_trees(Coder(composed.trees, composed.source, composed.n_features), *_encoded(composed, X, background))
    except UnreadableTrees as reason:
        return by_asking(asker(model, "raw"), X, X if background is None else background, because=str(reason))


def _encoded(composed: ComposedTrees, X: Table, background: Table | None) -> tuple[Floats, Floats | None]:
    return composed.encode(X), None if background is None else composed.encode(background)


def of_trees(coder: Coder, inputs: Floats, background: Floats | None) -> Attributions:
    """Return the exact attributions of trees, from encoded rows.

    Raises
    ------
    UnreadableTrees
        A way down a tree meets too many columns, or the trees do not remember their training rows.
    """
    found = TreeAttribution(coder, inputs, background)
    method = "trees, path-dependent" if background is None else "trees, interventional"
    return Attributions(
        found.values(), found.base, method, is_exact=True, background=0 if background is None else len(background)
    )


def by_asking(
    ask: Callable[[Any], Floats], X: Table, background: Table, *, because: str, permutations: int = PERMUTATIONS
) -> Attributions:
    """Return attributions by the shap library's permutations, for a function of rows that can only be asked."""
    shap = _shap()
    coded, decode = _coded(X, background)
    rows, others = coded[: len(X)], coded[len(X) :]
    if len(others) > ASKED_BACKGROUND:
        others = others[np.random.default_rng(SEED).choice(len(others), ASKED_BACKGROUND, replace=False)]
    masker = shap.maskers.Independent(others, max_samples=len(others))
    explainer = shap.explainers.Permutation(lambda c: ask(decode(c)), masker, seed=SEED)
    width = rows.shape[1]
    found = explainer(rows, max_evals=permutations * (2 * width + 1), silent=True)
    values = np.asarray(found.values, dtype=np.float64).reshape(len(rows), width, -1)
    base = np.asarray(found.base_values, dtype=np.float64).reshape(len(rows), -1)[0]
    return Attributions(values, base, "permutations", is_exact=False, background=len(others), asked_because=because)


def _shap() -> Any:
    """Return the shap library, without what its import says of the plots that it also brings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import shap
    return shap


def _coded(X: Table, background: Table) -> tuple[Floats, Callable[[Any], Table]]:
    """Return both tables as numbers that stand for their values, and the way back: shap mixes numbers only."""
    if isinstance(X, np.ndarray) and X.dtype.kind in "iufb":
        return np.concatenate([X, background]).astype(np.float64), np.asarray
    frame: pd.DataFrame = pd.concat([pd.DataFrame(X), pd.DataFrame(background)], ignore_index=True)
    codes, values = [], []
    for column in (frame.iloc[:, i] for i in range(frame.shape[1])):
        code, distinct = pd.factorize(column, use_na_sentinel=False)
        codes.append(code)
        values.append(pd.Series(distinct).astype(column.dtype))

    def decode(coded: Any) -> Table:
        picked = [v.iloc[coded[:, i].astype(np.intp)].reset_index(drop=True) for i, v in enumerate(values)]
        table = pd.concat(picked, axis=1).set_axis(frame.columns, axis=1)
        return np.asarray(table) if isinstance(X, np.ndarray) else pd.DataFrame(table)

    return np.stack(codes, axis=1).astype(np.float64), decode
