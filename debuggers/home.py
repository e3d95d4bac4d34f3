"""The folders that Faultline writes to: ``FAULTLINE_HOME``, else those of the user."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import platformdirs

from debuggers.errors import UnusableHome


def data_folder(name: str) -> Path:
    """Return a folder for what people want kept; it need not exist yet.

    Raises
    ------
    UnusableHome
        The user has no home folder and `FAULTLINE_HOME` names none.
    """
    return _folder(platformdirs.user_data_path, name)


def cache_folder(name: str) -> Path:
    """Return a folder for what can be made again; it need not exist yet.

    Raises
    ------
    UnusableHome
        The user has no home folder and `FAULTLINE_HOME` names none.
    """
    return _folder(platformdirs.user_cache_path, name)


def _folder(standard: Callable[..., Path], name: str) -> Path:
    if home := os.environ.get("FAULTLINE_HOME"):
        return Path(home).absolute() / name
    try:
        base = standard("faultline", appauthor=False)
    except RuntimeError as error:  # a user without a home
        raise UnusableHome("there is no home folder") from error
    return base / name
