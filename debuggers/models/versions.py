"""Whether a file could not be opened because it was made with other libraries; imported by workers only."""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Sequence

from debuggers.models.adapter import OtherVersion

_SAVE_AGAIN = "save it again where it was made, with the version that is installed here, or export it as ONNX"
_PYTHON = f"Python {sys.version_info.major}.{sys.version_info.minor} is installed here"
_TELLING = (
    (ValueError, r"unsupported pickle protocol", f"it was saved by a newer Python, and {_PYTHON}"),
    (TypeError, r"\bcode\b.*(expected|argument)", f"its functions were compiled by another Python, and {_PYTHON}"),
    (ValueError, r"incompatible dtype", "its trees are laid out as in another version of scikit-learn"),
)


def saved_and_here(caught: Sequence[warnings.WarningMessage]) -> str | None:
    """Return which version of scikit-learn made the file and which is here, if it warned that they differ."""
    for warning in caught:
        if type(warning.message).__name__ == "InconsistentVersionWarning":
            made = getattr(warning.message, "original_sklearn_version", "another version")
            here = getattr(warning.message, "current_sklearn_version", "this one")
            return f"it was saved by scikit-learn {made}, and {here} is installed here"
    return None


def reason(error: Exception, difference: str | None) -> OtherVersion | None:
    """Return what is missing or differs, if that is why a file could not be opened."""
    if isinstance(error, ModuleNotFoundError) and error.name:
        return _module(error.name)
    lost = re.search(r"attribute '(\w+)' on <module '([\w.]+)'", str(error))
    if isinstance(error, AttributeError) and lost:
        return _attribute(*lost.groups())
    for kind, pattern, found in _TELLING:
        if isinstance(error, kind) and re.search(pattern, str(error)):
            return OtherVersion(difference or found, _SAVE_AGAIN)
    return None if difference is None else OtherVersion(difference, _SAVE_AGAIN)


def _module(name: str) -> OtherVersion:
    library = name.split(".", maxsplit=1)[0]
    if name != library and library in sys.modules:
        return OtherVersion(
            f"it needs the module {name!r}, which the {library} installed here does not have", _SAVE_AGAIN
        )
    return OtherVersion(
        f"it needs the module {name!r}, which is not installed here",
        "install it where Faultline runs, or save the model without it",
    )


def _attribute(what: str, module: str) -> OtherVersion:
    if module in ("__main__", "__mp_main__"):
        return OtherVersion(
            f"it needs {what!r} from the script or notebook that saved it",
            "save it with cloudpickle, which takes such code along",
        )
    return OtherVersion(f"it needs {what!r} of {module!r}, which the version installed here does not have", _SAVE_AGAIN)
