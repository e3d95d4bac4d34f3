"""Pickled models: plain, packed, by joblib or by cloudpickle. Opening one runs it; imported by jailed workers only."""

from __future__ import annotations

import io
import pickle
from typing import Any

from debuggers.models import objects, pickles
from debuggers.models.adapter import Adapter
from debuggers.task import Task


def load(data: bytes, task: Task | None) -> Adapter:
    """Run a pickle and take the model that comes out of it.

    Raises
    ------
    Refused
        No model comes out.
    OtherVersion
        It was made with libraries that are not here, or here in another version.
    """
    return objects.opened(lambda: _opened(data), task)


def _opened(data: bytes) -> Any:
    # joblib puts arrays between the pickle's own bytes, and knows every packing; pickle's own reader is faster.
    if pickles.is_packed(data) or b"joblib" in data:
        import joblib

        return joblib.load(io.BytesIO(data))
    return pickle.loads(data)  # noqa: S301 -- in the jail, after a person's consent
