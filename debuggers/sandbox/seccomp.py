"""A filter of system calls, written as the kernel's own small program; no library is needed.

Source: ``linux/seccomp.h`` and ``linux/bpf_common.h``; Documentation/userspace-api/seccomp_filter.rst.
"""

from __future__ import annotations

import ctypes
import errno
import functools
import os
import platform
import struct

from debuggers.sandbox.syscalls import ABSENT, CHECKS, OWN_PID, PROCESSORS, Check, Processor

_LOAD, _AND, _RETURN = 0x20, 0x54, 0x06  # a word of the call's data; and with a constant; the end
_EQUAL, _AT_LEAST = 0x15, 0x35  # jumps: by the first distance if it holds, else by the second
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16  # offsets in the call's data
ALLOW, KILL = 0x7FFF0000, 0x80000000
DENY = 0x00050000 | errno.EPERM
MISSING = 0x00050000 | errno.ENOSYS
_X32 = 0x40000000  # the same processor's other numbering

_PR_GET_SECCOMP, _PR_SET_SECCOMP, _MODE_FILTER = 21, 22, 2


def program(processor: Processor, pid: int) -> bytes:
    """Return the filter for a process with this id, as the kernel's instructions of eight bytes each."""
    code = [_op(_LOAD, _ARCHITECTURE), _op(_EQUAL, processor.audit, 1, 0), _op(_RETURN, KILL), _op(_LOAD, _NUMBER)]
    code += [_op(_AT_LEAST, _X32, 0, 1), _op(_RETURN, DENY)]
    for name, number in processor.numbers.items():
        plain = [_op(_RETURN, MISSING if name in ABSENT else ALLOW)]
        block = _check(CHECKS[name], pid) if name in CHECKS else plain
        code += [_op(_EQUAL, number, 0, len(block)), *block]
    return b"".join([*code, _op(_RETURN, DENY)])


def install() -> None:
    """Filter this process's calls from now on, and those of the threads that it starts.

    Raises
    ------
    OSError
        The kernel does not take the filter, or the processor is not known.
    """
    known = _processor()
    if known is None:
        raise OSError(errno.ENOSYS, f"no filter is known for the processor {platform.machine()}")
    code = program(known, os.getpid())
    buffer = ctypes.create_string_buffer(code, len(code))
    filter_ = struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(buffer))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.create_string_buffer(filter_, len(filter_)), 0, 0):
        raise OSError(ctypes.get_errno(), "the kernel refuses the filter of system calls")


def is_supported() -> bool:
    """Return whether the kernel filters system calls and the processor is one that we know."""
    return _processor() is not None and ctypes.CDLL(None).prctl(_PR_GET_SECCOMP, 0, 0, 0, 0) >= 0


@functools.cache
def _processor() -> Processor | None:
    wide = struct.calcsize("P") == 8
    return PROCESSORS.get(platform.machine()) if wide else None


def _check(check: Check, pid: int) -> list[bytes]:
    """Return the instructions that allow or deny a call by one of its arguments."""
    offset = _ARGUMENTS + 8 * check.argument  # both processors are little-endian: the lower half comes first
    code = []
    if check.wide:
        code += [_op(_LOAD, offset + 4), _op(_EQUAL, 0, 1, 0), _op(_RETURN, DENY)]
    code += [_op(_LOAD, offset), _op(_AND, check.mask)]
    found, other = (DENY, ALLOW) if check.inverted else (ALLOW, DENY)
    for value in check.values:
        code += [_op(_EQUAL, pid if value == OWN_PID else value, 0, 1), _op(_RETURN, found)]
    return [*code, _op(_RETURN, other)]


def _op(code: int, k: int, if_so: int = 0, if_not: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_so, if_not, k)
