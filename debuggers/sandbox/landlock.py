"""Landlock: a process gives up files, network and signals to others by itself; no privilege is needed.

Source: ``linux/landlock.h``; Documentation/userspace-api/landlock.rst.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from collections.abc import Iterable
from pathlib import Path

_CREATE, _ADD, _RESTRICT = 444, 445, 446  # system calls, the same on every processor
_VERSION = 1
_PATH_BENEATH = 1
_READ_FILE, _READ_DIR = 1 << 2, 1 << 3
# What each version of the interface can forbid: files; TCP (4); abstract sockets and signals (6).
_FILE_RIGHTS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1, 5: (1 << 16) - 1}
_TCP, _SCOPES = 0b11, 0b11


def version() -> int:
    """Return the version of the kernel's interface; 0 if it has none or forbids it."""
    if not sys.platform.startswith("linux"):
        return 0
    return max(0, int(ctypes.CDLL(None).syscall(_CREATE, None, 0, _VERSION)))


def restrict(readable: Iterable[Path]) -> None:
    """Leave to this process nothing but reading these files, and what is in these folders.

    It has to have set "no new privileges" before, and to have no other thread.

    Raises
    ------
    OSError
        The kernel refuses.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    abi = version()
    rights = _FILE_RIGHTS[max(1, min(abi, 5))]
    attributes = struct.pack("QQQ", rights, _TCP if abi >= 4 else 0, _SCOPES if abi >= 6 else 0)
    size = 24 if abi >= 6 else 16 if abi >= 4 else 8
    rules = _called(libc.syscall(_CREATE, attributes, size, 0), "make rules for files")
    try:
        for path in readable:
            _allow(libc, rules, path)
        _called(libc.syscall(_RESTRICT, rules, 0), "restrict itself to the rules for files")
    finally:
        os.close(rules)


def _allow(libc: ctypes.CDLL, rules: int, path: Path) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except (FileNotFoundError, PermissionError):
        return  # what is not there, or closed to this user anyway, needs no rule
    try:
        rights = _READ_FILE | _READ_DIR if path.is_dir() else _READ_FILE
        rule = struct.pack("=Qi", rights, place)
        _called(libc.syscall(_ADD, rules, _PATH_BENEATH, rule, 0), f"allow reading {path}")
    finally:
        os.close(place)


def _called(result: int, what: str) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), f"the process cannot {what}")
    return result
