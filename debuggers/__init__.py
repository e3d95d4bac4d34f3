"""Faultline's engine: finds where a model breaks, without a screen.

For notebooks:

>>> from debuggers import partial_dependence
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from debuggers.attribution import explain, shap_values
    from debuggers.curves import accumulated_local_effects, partial_dependence
    from debuggers.joint_effects import interactions

__all__ = ["accumulated_local_effects", "explain", "interactions", "partial_dependence", "shap_values"]

_HOME = {
    "accumulated_local_effects": "curves",
    "explain": "attribution",
    "interactions": "joint_effects",
    "partial_dependence": "curves",
    "shap_values": "attribution",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is asked for: workers and the command line start without it."""
    if name in _HOME:
        return getattr(importlib.import_module(f"debuggers.{_HOME[name]}"), name)
    raise AttributeError(f"module 'debuggers' has no attribute {name!r}")
