"""XGBoost: trees and DART.

A row goes left where ``x < split`` in single precision; a category that is in the node's set goes *right*. Leaves are
single precision and are added up in it, so sums here differ from the library's in the seventh digit.
"""

from __future__ import annotations

import dataclasses
import json
from functools import lru_cache
from typing import Any

import numpy as np

from debuggers.models import ubjson
from debuggers.models.tree_readers.assembling import Array, Tree, assemble
from debuggers.models.trees import Link, Rule, Trees, UnreadableTrees

_LINKS = {
    "binary:logistic": Link.LOGISTIC, "reg:logistic": Link.LOGISTIC, "binary:logitraw": Link.IDENTITY,
    "multi:softprob": Link.SOFTMAX, "multi:softmax": Link.SOFTMAX,
    "count:poisson": Link.EXP, "reg:gamma": Link.EXP, "reg:tweedie": Link.EXP, "survival:cox": Link.EXP,
    "survival:aft": Link.EXP,
    "reg:squarederror": Link.IDENTITY, "reg:linear": Link.IDENTITY, "reg:squaredlogerror": Link.IDENTITY,
    "reg:pseudohubererror": Link.IDENTITY, "reg:absoluteerror": Link.IDENTITY, "reg:quantileerror": Link.IDENTITY,
    "rank:pairwise": Link.IDENTITY, "rank:ndcg": Link.IDENTITY, "rank:map": Link.IDENTITY,
}  # fmt: skip


def read(booster: Any, *, rounds: int | None = None, missing: float = float("nan")) -> Trees:
    """Return the trees of a booster.

    Parameters
    ----------
    rounds : int, optional
        Use the first rounds only, as early stopping does.
    missing : float
        A number that its wrapper takes for a missing value.

    Raises
    ------
    UnreadableTrees
        It is linear, or its leaves are vectors.
    """
    trees = parse(bytes(booster.save_raw("ubj")), rounds)
    return dataclasses.replace(trees, missing=float(missing))


@lru_cache(maxsize=2)  # the same bytes are the same trees, and a notebook asks for them again and again
def parse(data: bytes, rounds: int | None = None) -> Trees:
    """Return the trees in the bytes of a UBJ file of XGBoost 2 or later."""
    learner = ubjson.read(data)["learner"]
    booster_ = learner["gradient_booster"]
    model = booster_.get("gbtree", booster_).get("model", {})
    if "trees" not in model:
        raise UnreadableTrees("it is a linear booster")
    parameters = learner["learner_model_param"]
    n_outputs = max(int(parameters["num_class"]), int(parameters.get("num_target", 1)), 1)
    kept = (
        len(model["trees"])
        if rounds is None
        else int(model["iteration_indptr"][min(rounds, len(model["iteration_indptr"]) - 1)])
    )
    weights = np.asarray(booster_.get("weight_drop", np.ones(len(model["trees"]))), np.float32)
    trees = [_tree(model["trees"][i], float(weights[i]), int(model["tree_info"][i])) for i in range(kept)]
    objective = learner["objective"]["name"]
    return assemble(
        trees,
        base=_base(parameters["base_score"], n_outputs, objective),
        n_inputs=int(parameters["num_feature"]),
        single=True,
        floors=True,
        link=_LINKS.get(objective, Link.UNKNOWN),
    )


def _base(text: str, n_outputs: int, objective: str) -> Array:
    """Return the base score, which the file holds on the scale of predictions, on the raw scale."""
    found = json.loads(text)
    score = np.broadcast_to(np.asarray(found, np.float32).reshape(-1), n_outputs).astype(np.float64)
    link = _LINKS.get(objective, Link.IDENTITY)
    if link is Link.LOGISTIC or objective == "binary:logitraw":
        return -np.log(1.0 / score - 1.0)
    return np.log(score) if link is Link.EXP else score


def _tree(tree: dict[str, Any], weight: float, output: int) -> Tree:
    if int(tree["tree_param"]["size_leaf_vector"]) > 1:
        raise UnreadableTrees("its leaves are vectors, one number for each target")
    left, right = (np.asarray(tree[f"{side}_children"], np.int64) for side in ("left", "right"))
    split = np.asarray(tree["split_conditions"], np.float32)
    missing_left = np.asarray(tree["default_left"]).astype(bool)
    leaf = left < 0
    categorical = (np.asarray(tree["split_type"]) == 1) & ~leaf
    members = np.full(len(leaf), -1)
    nodes = np.asarray(tree["categories_nodes"], np.int64)
    members[nodes] = np.arange(len(nodes))
    return Tree(
        feature=np.asarray(tree["split_indices"], np.int64),
        # x < split is x <= the number before it; minus zero and zero are equal, so the number before both is the same.
        threshold=np.nextafter(split, np.float32(-np.inf)).astype(np.float64),
        # What is in the set goes right there and left here.
        left=np.where(categorical, right, left),
        right=np.where(categorical, left, right),
        missing_left=missing_left ^ categorical,
        value=np.where(leaf, split, 0).astype(np.float64) * weight,
        cover=np.asarray(tree["sum_hessian"], np.float64),
        rule=np.where(categorical, Rule.AMONG, Rule.AT_MOST),
        members=np.where(categorical, members, -1),
        sets=_sets(tree),
        output=output,
    )


def _sets(tree: dict[str, Any]) -> list[Array]:
    values = np.asarray(tree["categories"], np.int64)
    starts, sizes = (np.asarray(tree[f"categories_{name}"], np.int64) for name in ("segments", "sizes"))
    return [values[start : start + size] for start, size in zip(starts, sizes, strict=True)]
