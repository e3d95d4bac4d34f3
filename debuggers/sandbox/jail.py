"""What a process gives up before it reads a stranger's first byte.

No root and no namespaces are needed: resource limits, "no new privileges", capabilities dropped, Landlock for files,
network and signals, and a filter of system calls. What the kernel does not offer is told by `support`; a process that
requires the whole jail and does not get it ends.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import struct
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from debuggers.sandbox import landlock, seccomp

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 1, 4, 38
_CAPABILITIES_V3 = 0x20080522
_OPEN_FILES = 256
_PROCESSES = 4096  # of the user, threads included; root has no such limit
_RESERVE = 8 << 30  # address space beyond the data: libraries, and what allocators only reserve

# Where the C library, the loader and scikit-learn look: number of processors, memory, time zones.
_SYSTEM = (
    "/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/usr/share/zoneinfo", "/etc/ld.so.cache",
    "/etc/localtime", "/etc/mime.types", "/dev/urandom", "/dev/null", "/proc/self", "/proc/cpuinfo", "/proc/meminfo",
    "/sys/devices/system/cpu", "/sys/fs/cgroup/cpu.max", "/sys/fs/cgroup/cpu",
)  # fmt: skip


class JailFailed(Exception):
    """The kernel does not give the jail; the text says what it refuses."""


@dataclass(frozen=True)
class Support:
    """What the kernel offers.

    Parameters
    ----------
    landlock : int
        Version of Landlock's interface, 0 for none: from 1 on files, from 4 TCP, from 6 signals and abstract sockets.
    seccomp : bool
        Whether system calls are filtered. The filter refuses sockets, signals and writing, whatever Landlock's version.
    reason : str or None
        Why there is no jail; None if there is one.
    """

    landlock: int
    seccomp: bool
    reason: str | None

    @property
    def is_full(self) -> bool:
        """Whether programs may run in the jail."""
        return self.reason is None

    def as_dict(self) -> dict[str, object]:
        """Return the fields as plain values."""
        return {"jailed": self.is_full, **asdict(self)}


def support() -> Support:
    """Return what this machine's kernel offers; nothing is changed.

    Examples
    --------
    >>> support().is_full == (support().reason is None)
    True
    """
    if not sys.platform.startswith("linux"):
        return Support(0, False, "the jail needs Linux")
    version, filtered = landlock.version(), seccomp.is_supported()
    reason = None
    if version < 1:
        reason = (
            "the kernel does not offer Landlock to this process (Linux 5.13 or newer has it, unless it is turned off)"
        )
    elif not filtered:
        reason = "system calls cannot be filtered by seccomp on this kernel or processor"
    return Support(version, filtered, reason)


@dataclass(frozen=True)
class Bounds:
    """What a jailed process may use.

    Parameters
    ----------
    memory : int
        Bytes of data.
    cpu : int
        Seconds of processor time of its whole life, all threads together.
    file : int
        Bytes that it may write to a file that it was given open.
    """

    memory: int
    cpu: int
    file: int = 0


def follow(parent: int) -> None:
    """Have this process killed when its parent ends.

    Parameters
    ----------
    parent : int
        Process id of the parent; if it is gone already, this process ends at once.
    """
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if hasattr(os, "getppid") and os.getppid() != parent:  # it died before the line above
        os._exit(0)


def enter(bounds: Bounds, *, required: bool) -> None:
    """Confine this process, which must have no other thread yet.

    Parameters
    ----------
    required : bool
        Whether the whole jail is required. If not, what the kernel does not offer is left out.

    Raises
    ------
    JailFailed
        The kernel refuses a part of it.
    """
    offered = support()
    if required and offered.reason:
        raise JailFailed(offered.reason)
    try:
        _limit(bounds)
        if not sys.platform.startswith("linux"):
            return
        _die_first()
        _drop_capabilities()
        _prctl(_PR_SET_DUMPABLE, 0)
        _prctl(_PR_SET_NO_NEW_PRIVS, 1)
        if offered.landlock and _is_single_threaded(required=required):
            landlock.restrict(readable())
        if offered.seccomp:
            seccomp.install()
    except (OSError, ValueError) as error:
        raise JailFailed(f"{error.strerror if isinstance(error, OSError) else error}") from error


def readable() -> list[Path]:
    """Return what a jailed process may read: Python, what it imports, this package, and the C library's files."""
    package = Path(__file__).parents[1]
    ours = [path for path in sys.path if path and Path(path) != package.parent]  # beside the package lies the rest
    ours += [str(Path(os.__file__).parent), f"{sys.base_prefix}/lib", f"{sys.prefix}/pyvenv.cfg", str(package)]
    ours += [path for path in os.environ.get("LD_LIBRARY_PATH", "").split(":") if path]
    return [Path(path) for path in dict.fromkeys([*ours, *_SYSTEM])]


def _limit(bounds: Bounds) -> None:
    if sys.platform == "win32":
        return
    import resource

    limits: Mapping[str, int] = {
        "DATA": bounds.memory,
        "AS": bounds.memory + _RESERVE,
        "CPU": bounds.cpu,
        "FSIZE": bounds.file,
        "CORE": 0,
        "NOFILE": _OPEN_FILES,
        "NPROC": _PROCESSES,
        "MEMLOCK": 0,
        "MSGQUEUE": 0,
    }
    for name, value in limits.items():
        kind = getattr(resource, f"RLIMIT_{name}", None)
        if kind is None or (name in ("AS", "NPROC") and sys.platform == "darwin"):
            continue  # macOS has no limit on messages, and does not enforce one on address space
        hard = resource.getrlimit(kind)[1]
        most = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (most, most))


def _die_first() -> None:
    """Be the first that the kernel ends when the machine runs out of memory."""
    with contextlib.suppress(OSError):  # a kernel that does not let us changes nothing for the jail
        Path("/proc/self/oom_score_adj").write_text("1000")


def _drop_capabilities() -> None:
    """Give up what root may do beyond its own files; an ordinary user has nothing to give up."""
    header = struct.pack("Ii", _CAPABILITIES_V3, 0)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.capset(header, bytes(24)):
        raise OSError(ctypes.get_errno(), "the process cannot drop its capabilities")


def _prctl(option: int, value: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, value, 0, 0, 0):
        raise OSError(ctypes.get_errno(), f"prctl({option}) fails")


def _is_single_threaded(*, required: bool) -> bool:
    """Return whether no other thread runs, which would keep its rights.

    Raises
    ------
    ValueError
        One does, and the whole jail is required.
    """
    threads = len(list(Path("/proc/self/task").iterdir()))
    if required and threads != 1:
        raise ValueError(f"{threads} threads run already")
    return threads == 1
