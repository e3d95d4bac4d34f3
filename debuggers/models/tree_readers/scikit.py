"""scikit-learn's trees, forests, extra trees, isolation forests, gradient and hist gradient boosting.

Trees of `sklearn.tree` round their input to single precision and ask ``x <= threshold``; those of the hist gradient
boosting ask the same in double precision.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from debuggers.models.tree_readers.assembling import Array, Tree, assemble
from debuggers.models.trees import Link, Rule, Trees, UnreadableTrees

_HIST_LINKS = {
    "HalfBinomialLoss": Link.LOGISTIC,
    "HalfMultinomialLoss": Link.SOFTMAX,
    "HalfSquaredError": Link.IDENTITY,
    "AbsoluteError": Link.IDENTITY,
    "PinballLoss": Link.IDENTITY,
    "HalfPoissonLoss": Link.EXP,
    "HalfGammaLoss": Link.EXP,
}


def read(model: Any) -> Trees:
    """Return the trees of a fitted estimator of scikit-learn.

    Raises
    ------
    UnreadableTrees
        It is no ensemble of trees, or one of a kind that this does not know.
    """
    name = type(model).__name__
    if hasattr(model, "n_outputs_") and model.n_outputs_ > 1:
        raise UnreadableTrees("it predicts several targets at once")
    if name.startswith("HistGradientBoosting"):
        return _hist(model)
    if name.startswith("GradientBoosting"):
        return _boosted(model)
    if name == "IsolationForest":
        return _isolation(model)
    if name.startswith(("RandomForest", "ExtraTrees")):
        return _forest(model, model.estimators_, divisor=len(model.estimators_))
    if name.startswith(("DecisionTree", "ExtraTree")):
        return _forest(model, [model], divisor=1)
    raise UnreadableTrees(f"a {name} is no ensemble of trees")


def _grown(tree: Any, value: Array, *, output: int = 0, features: Array | None = None) -> Tree:
    """Return a tree of `sklearn.tree`; `features` are the inputs that it was given, of all."""
    inner = tree.children_left >= 0
    feature = tree.feature if features is None else np.where(inner, features[tree.feature], -1)
    return Tree(
        feature=feature,
        threshold=tree.threshold,
        left=tree.children_left,
        right=tree.children_right,
        missing_left=tree.missing_go_to_left,
        value=value,
        cover=tree.weighted_n_node_samples,
        output=output,
    )


def _forest(model: Any, estimators: Any, *, divisor: int) -> Trees:
    classes = getattr(model, "classes_", None)
    trees = []
    for estimator in estimators:
        value = estimator.tree_.value[:, 0, :]
        if classes is not None:  # files of old versions hold counts instead of shares
            total = value.sum(axis=1, keepdims=True)
            value = value if np.allclose(total, 1.0) else value / np.where(total == 0.0, 1.0, total)
        trees.append(_grown(estimator.tree_, value))
    base = np.zeros(1 if classes is None else len(classes))
    return assemble(trees, base=base, n_inputs=model.n_features_in_, divisor=float(divisor), single=True)


def _isolation(model: Any) -> Trees:
    """Return the trees whose mean is the length of the way to a row's leaf, on the scale of the score's exponent."""
    trees = []
    for estimator, features in zip(model.estimators_, model.estimators_features_, strict=True):
        tree = estimator.tree_
        depth = tree.compute_node_depths() - 1.0
        value = depth + _average_path(tree.n_node_samples)
        trees.append(_grown(tree, value, features=np.asarray(features)))
    average = float(_average_path(np.array([model._max_samples]))[0])  # noqa: SLF001 -- kept nowhere else
    return assemble(
        trees,
        base=np.zeros(1),
        n_inputs=model.n_features_in_,
        divisor=len(trees) * average if average > 0 else float(len(trees)),
        single=True,
        link=Link.ISOLATION,
        offset=float(model.offset_),
    )


def _average_path(rows: Array) -> Array:
    """Return the mean depth at which a random tree isolates one of so many rows (Liu, Ting and Zhou 2008)."""
    n = rows.astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        many = 2.0 * (np.log(n - 1.0) + np.euler_gamma) - 2.0 * (n - 1.0) / n
    return np.where(n <= 1, 0.0, np.where(n == 2, 1.0, many))


def _boosted(model: Any) -> Trees:
    base = _initial(model)
    trees = [
        _grown(estimator.tree_, model.learning_rate * estimator.tree_.value[:, 0, 0], output=k)
        for stage in model.estimators_
        for k, estimator in enumerate(stage)
    ]
    link, slope = Link.IDENTITY, 1.0
    if hasattr(model, "classes_"):
        link = Link.LOGISTIC if len(base) == 1 else Link.SOFTMAX
        slope = 2.0 if model.loss == "exponential" else 1.0
    return assemble(trees, base=base, n_inputs=model.n_features_in_, single=True, link=link, slope=slope)


def _initial(model: Any) -> Array:
    """Return what the boosting starts from, where that is the same for every row."""
    kind = type(model.init_).__name__
    if model.init_ != "zero" and not kind.startswith("Dummy"):
        raise UnreadableTrees(f"its boosting starts from a {kind}, which is no constant")
    return np.asarray(model._raw_predict_init(np.zeros((1, model.n_features_in_), np.float32))[0])  # noqa: SLF001 -- public nowhere


def _hist(model: Any) -> Trees:
    loss = type(model._loss).__name__  # noqa: SLF001 -- public nowhere
    base = np.ravel(model._baseline_prediction)  # noqa: SLF001 -- public nowhere
    trees = [
        _binned(predictor, output=k)
        for stage in model._predictors  # noqa: SLF001 -- public nowhere
        for k, predictor in enumerate(stage)
    ]
    link = _HIST_LINKS.get(loss, Link.UNKNOWN)
    return assemble(trees, base=base, n_inputs=model._n_features, link=link, floors=True)  # noqa: SLF001 -- after its encoder


def _binned(predictor: Any, *, output: int) -> Tree:
    nodes = predictor.nodes
    leaf = nodes["is_leaf"].astype(bool)
    categorical = nodes["is_categorical"].astype(bool) & ~leaf
    bits = predictor.raw_left_cat_bitsets.astype(np.uint32)
    sets = [np.flatnonzero(np.unpackbits(row.view(np.uint8), bitorder="little")) for row in bits]
    return Tree(
        feature=nodes["feature_idx"].astype(np.int64),
        threshold=nodes["num_threshold"],
        left=np.where(leaf, -1, nodes["left"].astype(np.int64)),
        right=np.where(leaf, -1, nodes["right"].astype(np.int64)),
        missing_left=nodes["missing_go_to_left"],
        value=nodes["value"],
        cover=nodes["count"].astype(np.float64),
        rule=np.where(categorical, Rule.AMONG, Rule.AT_MOST),
        members=np.where(categorical, nodes["bitset_idx"].astype(np.int64), -1),
        sets=sets,
        output=output,
    )
