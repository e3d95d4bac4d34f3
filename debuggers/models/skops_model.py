"""scikit-learn models and their kin, saved by skops; imported by workers only."""

from __future__ import annotations

from debuggers.models import objects, skops_types
from debuggers.models.adapter import Adapter, Untrusted, without
from debuggers.task import Task


def load(data: bytes, task: Task | None, *, consent: bool = False) -> Adapter:
    """Load a model from the bytes of its file.

    Parameters
    ----------
    consent : bool
        Whether types beyond the allow-list may be constructed, too.

    Raises
    ------
    Untrusted
        It contains types beyond the allow-list; none of them was constructed.
    """
    with without("pytest", "matplotlib"):  # scikit-learn's helpers for tests and plots
        import skops.io

    trusted = skops_types.trusted()
    beyond = [name for name in skops.io.get_untrusted_types(data=data) if name not in trusted]
    if beyond and not consent:
        raise Untrusted(beyond)
    return objects.opened(lambda: skops.io.loads(data, trusted=sorted(trusted | set(beyond))), task)
