"""Trees together with what stands before them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from debuggers.models.trees import Trees

if TYPE_CHECKING:  # most workers do without it
    import pandas as pd

Longs = npt.NDArray[np.int64]
Table: TypeAlias = "pd.DataFrame | npt.NDArray[Any]"


@dataclass(frozen=True, eq=False)
class ComposedTrees:
    """Trees, and how a raw table reaches them.

    Parameters
    ----------
    trees : Trees
    source : ndarray of shape (n_inputs,)
        Raw column that feeds each input.
    encode : callable
        From a raw table to the inputs, as numbers of shape (n, n_inputs).
    n_features : int
        Raw columns.
    is_plain : bool
        Whether numbers reach the trees as they are.
    """

    trees: Trees
    source: Longs
    encode: Callable[[Table], npt.NDArray[np.float64]]
    n_features: int
    is_plain: bool = False
