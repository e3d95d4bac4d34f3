"""What a format's adapter offers to the worker, and which module has the adapter of which format.

Adapters are imported by workers only; nothing here imports a model library.
"""

from __future__ import annotations

import dataclasses
import importlib
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from debuggers.task import Task

if TYPE_CHECKING:
    import numpy.typing as npt
    import pyarrow as pa

    from debuggers.models.model import Floats

    Array = npt.NDArray[Any]

_MODULES = {
    "onnx": "onnx_model",
    "pickle": "pickle_model",
    "skops": "skops_model",
    "xgboost-json": "xgboost_model",
    "xgboost-ubj": "xgboost_model",
    "lightgbm": "lightgbm_model",
    "catboost": "catboost_model",
}

# Libraries that a worker of each format needs. Those of the family "native" do without scikit-learn, whose import takes
# longer than all others together; those of "python" may meet objects of any library in one file.
_NATIVE = ("numpy", "pyarrow", "pandas")  # pandas, since pyarrow imports it as soon as it makes an array
_LAZY = (  # what pandas' and scikit-learn's first use would import, in every worker anew
    "pyarrow.pandas_compat", "narwhals._interchange.dataframe", "narwhals._pandas_like.dataframe",
    "narwhals._pandas_like.namespace", "narwhals.stable.v2._namespace",
)  # fmt: skip
_PYTHON = (
    *_NATIVE, "joblib", "threadpoolctl", "sklearn.ensemble", "sklearn.pipeline", "skops.io", "debuggers.models.objects",
    *_LAZY,
)  # fmt: skip
_LIBRARIES = {
    "onnx": ("native", (*_NATIVE, "onnxruntime")),
    "skops": ("python", _PYTHON),
    "pickle": ("python", (*_PYTHON, "cloudpickle")),
    "xgboost-json": ("native", (*_NATIVE, "xgboost")),
    "xgboost-ubj": ("native", (*_NATIVE, "xgboost")),
    "lightgbm": ("native", (*_NATIVE, "lightgbm")),
    "catboost": ("native", (*_NATIVE, "catboost")),
}
_WITHOUT = {"native": ("sklearn", "matplotlib", "plotly", "graphviz"), "python": ("pytest", "matplotlib", "plotly")}
# By the name that a file mentions: a hint that saves importing it in every worker.
_MENTIONED = {
    b"xgboost": "xgboost",
    b"lightgbm": "lightgbm",
    b"catboost": "catboost",
    b"interpret": "interpret.glassbox",
    b"statsmodels": "statsmodels.api",
}
_LOOK = 1 << 20  # bytes of a file in which a mention is looked for

STRUCTURES = ("trees", "coefficients", "layers")


class Refused(Exception):
    """A file that loads but cannot be used; the text says why."""


class ColumnError(Exception):
    """A column whose values the model cannot take; the text names it."""


@dataclass(eq=False)
class Untrusted(Exception):
    """A file with types beyond the allow-list."""

    types: Sequence[str]


@dataclass(eq=False)
class WrongTask(Exception):
    """A task that the model's number of outputs does not fit."""

    task: str
    outputs: int


class Unavailable(Exception):
    """Something that the model does not have, or cannot do; the text says why."""


@dataclass(eq=False)
class OtherVersion(Exception):
    """A file made with libraries that are not here, or here in another version; what to do about it."""

    found: str
    remedy: str


@dataclass(frozen=True)
class Description:
    """What a file says about itself; the fields of `Signature` but those that the format decides."""

    task: Task | None = None
    classes: tuple[str, ...] | None = None
    features: tuple[str, ...] | None = None
    n_features: int | None = None
    categories: Mapping[str, tuple[object, ...]] = field(default_factory=dict)
    categorical: tuple[str, ...] = ()
    handles_missing: bool | None = None
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the fields as plain values that JSON can carry."""
        fields = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        categories = {str(k): [_plain(v) for v in values] for k, values in self.categories.items()}
        return {**fields, "categories": categories}


def _plain(value: object) -> str | float | bool | None:
    value = value.item() if hasattr(value, "item") else value
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return None
    return value if isinstance(value, str | int | float | bool) else str(value)


class Adapter(Protocol):
    """A loaded model."""

    def describe(self) -> Description:
        """Return what the file says about itself."""

    def predict(self, batch: pa.RecordBatch, *, raw: bool) -> Floats:
        """Return probabilities of shape (n, k), numbers of shape (n,), or the raw scale of either."""


class Structured(Protocol):
    """An adapter that hands over what its model is made of."""

    def structure(self, kind: str) -> Mapping[str, Array]:
        """Return arrays of numbers, and of text in one axis.

        Parameters
        ----------
        kind : str
            One of `STRUCTURES`.

        Raises
        ------
        Unavailable
            The model has none of this kind.
        """


class Refittable(Protocol):
    """An adapter whose model can be fitted anew."""

    def refit(self, batch: pa.RecordBatch, y: pa.Array, weights: Array | None) -> Adapter:
        """Return an adapter of a clone of the model that is fitted on these rows; the model itself stays as it is.

        Raises
        ------
        Unavailable
            The model cannot be fitted on them.
        """


def structure(adapter: Adapter, kind: str) -> Mapping[str, Array]:
    """Return what an adapter's model is made of.

    Raises
    ------
    Unavailable
        The model has none of this kind, or its adapter hands nothing over.
    """
    offered: Structured | None = _offering(adapter, "structure")
    if kind not in STRUCTURES or offered is None:
        raise Unavailable(f"files of this format hand over no {kind}")
    return offered.structure(kind)


def refit(adapter: Adapter, batch: pa.RecordBatch, y: pa.Array, weights: Array | None) -> Adapter:
    """Return an adapter of the model, fitted anew on these rows.

    Raises
    ------
    Unavailable
        The model cannot be fitted.
    """
    offered: Refittable | None = _offering(adapter, "refit")
    if offered is None:
        raise Unavailable("it holds a fitted model without the means to fit it; save the estimator itself")
    return offered.refit(batch, y, weights)


def _offering(adapter: Any, method: str) -> Any:
    return adapter if hasattr(adapter, method) else None


def libraries(format: str, data: bytes) -> tuple[str, tuple[str, ...], tuple[str, ...]]:  # noqa: A002 -- the field's word
    """Return the family of a format's workers, what is imported before a file is read, and what must not be found.

    Examples
    --------
    >>> libraries("lightgbm", b"")[1]
    ('numpy', 'pyarrow', 'pandas', 'lightgbm', 'debuggers.models.lightgbm_model')
    """
    family, modules = _LIBRARIES[format]
    modules += (f"debuggers.models.{_MODULES[format]}",)
    if family == "python":
        modules += tuple(library for mention, library in _MENTIONED.items() if mention in data[:_LOOK])
    return family, modules, _WITHOUT[family]


def load(format: str, data: bytes, options: Mapping[str, Any]) -> Adapter:  # noqa: A002 -- the field's word
    """Load a model file with the adapter of its format.

    Parameters
    ----------
    options : mapping
        ``task``: the task that a person chose, or None. ``consent``: whether the file may do as it likes in here.
    """
    task = options.get("task")
    module = importlib.import_module(f"debuggers.models.{_MODULES[format]}")
    more = {"consent": True} if options.get("consent") and format == "skops" else {}
    adapter: Adapter = module.load(data, Task(task) if task else None, **more)
    return adapter


@contextmanager
def without(*modules: str) -> Iterator[None]:
    """Make optional imports of a library fail inside the block: XGBoost is there in 0.4 s instead of 1.7 s."""
    absent = [name for name in modules if name not in sys.modules]
    sys.modules.update(dict.fromkeys(absent))  # type: ignore[arg-type]  # None is Python's mark for "not to be found"
    try:
        yield
    finally:
        for name in absent:
            del sys.modules[name]
