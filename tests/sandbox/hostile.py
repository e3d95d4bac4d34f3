"""Files that attack: each attack is a line of code that a pickle runs, and what must come of it."""

from __future__ import annotations

import pickle
import platform
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cloudpickle


@dataclass(frozen=True)
class Reduced:
    """Whatever calls `function` with `arguments` when it is unpickled."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...]

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.function, self.arguments


PREFACE = """
import ctypes, errno, fcntl, gc, io, os, resource, shutil, signal, socket, struct, subprocess, sys, tempfile, threading
libc = ctypes.CDLL(None, use_errno=True)
def call(*arguments):
    result = libc.syscall(*arguments)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result
class Model:
    def predict(self, X):
        return X["x"] * 2
def connection():
    return next(s for s in gc.get_objects() if isinstance(s, socket.socket) and s.fileno() > 2)
"""


def on_load(code: str, **target: object) -> bytes:
    """Return a pickle that runs `code` when it is opened."""
    return pickle.dumps(Reduced(exec, (PREFACE + code, {**target})))


def on_predict(code: str, setup: str = "", **target: object) -> bytes:
    """Return a pickle of a model that runs `code`, with the data frame X, when it predicts; it returns `answer`."""
    scope: dict[str, Any] = {"exec": exec}
    body = "".join(f"        {line}\n" for line in code.splitlines())
    source = f"class Hostile:\n    def predict(self, X):\n        answer = X['x'] * 2\n{body}        return answer\n"
    names = "".join(f"{name} = {value!r}\n" for name, value in target.items())
    exec(PREFACE + names + setup + "\n" + source, scope)
    return bytes(cloudpickle.dumps(scope["Hostile"]()))


# --- attacks that have to fail with an error that the attacker sees -------------------------------------------------
# In the code: folder (a place outside, with the file "victim" in it), app (the app's process id), port, path of a
# socket. The numbers of system calls are those of x86-64.

DENIED = "not permitted|Permission denied"
WRITING = {
    "write": "open(folder + '/new', 'w')",
    "write over": "open(folder + '/victim', 'r+')",
    "append": "open(folder + '/victim', 'a')",
    "truncate by opening": "os.open(folder + '/victim', os.O_RDONLY | os.O_TRUNC)",
    "nameless file": "os.open(folder, os.O_RDWR | os.O_TMPFILE)",
    "truncate": "os.truncate(folder + '/victim', 0)",
    "delete": "os.unlink(folder + '/victim')",
    "delete folder": "os.rmdir(folder)",
    "rename": "os.rename(folder + '/victim', folder + '/new')",
    "make folder": "os.mkdir(folder + '/new')",
    "symbolic link": "os.symlink('/etc/passwd', folder + '/new')",
    "hard link": "os.link(folder + '/victim', folder + '/new')",
    "pipe with a name": "os.mkfifo(folder + '/new')",
    "mode": "os.chmod(folder + '/victim', 0o777)",
    "owner": "os.chown(folder + '/victim', 1, 1)",
    "times": "os.utime(folder + '/victim', (1, 1))",
    "attributes": "os.setxattr(folder + '/victim', 'user.x', b'1')",
    "temporary file": "tempfile.TemporaryFile(dir=folder)",
    "shared memory": "open('/dev/shm/faultline', 'w')",
    "shared memory by name": "from multiprocessing.shared_memory import SharedMemory; SharedMemory('x', True, 9)",
    "nameless memory": "os.memfd_create('x')",
    "its own input": "open('/proc/self/fd/4', 'r+b')",
    "its own input, mapped": "call(9, 0, 4096, 3, 1, 4, 0)",
    "its own input, grown": "os.ftruncate(4, 1 << 40)",
    "a module of ours": "open(os.__file__, 'a')",
    "openat2": "call(437, -100, folder.encode() + b'/victim', struct.pack('QQQ', 2, 0, 0), 24)",
    "io_uring": "call(425, 8, bytes(120))",
    "file handle": "call(303, -100, folder.encode(), bytes(200), bytes(8), 0)",
}
READING = {
    "a file": "open(folder + '/victim').read()",
    "users": "open('/etc/passwd').read()",
    "a home": "os.listdir('/root')",
    "the root": "os.listdir('/')",
    "the app's environment": "open(f'/proc/{app}/environ').read()",
    "the app's arguments": "open(f'/proc/{app}/cmdline').read()",
    "the app's memory": "open(f'/proc/{app}/mem').read()",
    "the app's files": "os.listdir(f'/proc/{app}/fd')",
    "memory across": "call(310, app, bytes(16), 1, bytes(16), 1, 0)",
    "ptrace": "call(101, 16, app, 0, 0)",
}
NETWORK = {
    "connect": "socket.create_connection(('127.0.0.1', port))",
    "datagram": "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', port))",
    "listen": "socket.create_server(('127.0.0.1', 0))",
    "unix socket": "socket.socket(socket.AF_UNIX).connect(path)",
    "abstract socket": "socket.socket(socket.AF_UNIX).connect(chr(0) + path)",
    "kernel's messages": "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)",
    "pair": "socket.socketpair()",
}
PROCESSES = {
    "fork": "os.fork()",
    "vfork": "call(58)",
    "spawn": "os.posix_spawn('/bin/true', ['true'], {})",
    "exec": "os.execv('/bin/true', ['true'])",
    "program": "subprocess.run(['/bin/true'])",
    "shell": "sys.exit(os.system('true')) if os.system('true') == 0 else os.fork()",
    "process of Python": "import multiprocessing; multiprocessing.get_context('fork').Process().start()",
    "namespace": "call(272, 0x10000000)",
    "another root": "os.chroot('/')",
    "working directory": "os.chdir(folder)",
    "mount": "call(165, b'none', folder.encode(), b'tmpfs', 0, 0)",
    "user": "os.setuid(0)",
    "keys": "call(250, 0, -3, 0)",
    "program for the kernel": "call(321, 0, bytes(64), 64)",
}
SIGNALS = {
    "kill the app": "os.kill(app, signal.SIGKILL)",
    "ask for the app": "os.kill(app, 0)",
    "kill the zygote": "os.kill(os.getppid(), signal.SIGKILL)",
    "kill all": "os.kill(-1, signal.SIGKILL)",
    "kill the group": "os.killpg(0, signal.SIGKILL)",
    "thread of the app": "call(234, app, app, 9)",
    "queue": "call(129, app, 9, bytes(128))",
    "descriptor of the app": "os.pidfd_open(app)",
    "signal on input": "fcntl.fcntl(0, fcntl.F_SETOWN, app)",
    "another signal on input": "fcntl.fcntl(0, 10, 9)",
    "signal on input by ioctl": "fcntl.ioctl(0, 0x8901, struct.pack('i', app))",
    "priority": "os.setpriority(os.PRIO_PROCESS, app, 19)",
    "cores": "os.sched_setaffinity(app, {0})",
    "limits of the app": "resource.prlimit(app, resource.RLIMIT_NOFILE, (1, 1))",
    "own limits": "call(160, 4, struct.pack('QQ', 1 << 40, 1 << 40))",
    "live on": "call(157, 1, 0, 0, 0, 0)",
    "be readable": "call(157, 4, 1, 0, 0, 0)",
}
ATTACKS = {
    f"{group}: {name}": code
    for group, codes in (
        ("write", WRITING), ("read", READING), ("network", NETWORK), ("processes", PROCESSES), ("signals", SIGNALS)
    )
    for name, code in codes.items()
    if "call(" not in code or platform.machine() == "x86_64"
}  # fmt: skip

# --- attacks on what there is a limit of ----------------------------------------------------------------------------

EXHAUSTION = {
    "memory at once": ("bytearray(1 << 40)", "MemoryError"),
    "memory bit by bit": ("held = []\nwhile True: held.append(bytes(1 << 24))", "MemoryError"),
    "shared memory": ("import mmap; mmap.mmap(-1, 1 << 40)", "not permitted"),
    "descriptors": ("held = []\nwhile True: held.append(os.pipe())", "Too many open files"),
    "threads": (
        "threading.stack_size(1 << 26)\nwhile True: threading.Thread(target=signal.pause, daemon=True).start()",
        "can't start new thread|ended its process",
    ),
    "processor time": ("while True: pass", "ended its process"),
    "processor time, unwilling to go": ("signal.signal(signal.SIGXCPU, signal.SIG_IGN)\nwhile True: pass", "ended its"),
    "recursion": ("def f(): f()\nf()", "RecursionError"),
    "time": ("import time; time.sleep(1e6)", "no answer within"),
}

# --- ends that are no answer ----------------------------------------------------------------------------------------

ENDS = {
    "exit": ("os._exit(0)", "ended its process"),
    "exit of Python": ("sys.exit(0)", "SystemExit"),
    "abort": ("os.abort()", "ended its process"),
    "wild pointer": ("ctypes.string_at(1)", "ended its process"),
    "interrupt": ("raise KeyboardInterrupt", "KeyboardInterrupt"),
    "error without text": (
        "class E(Exception):\n    def __str__(self): raise E\nraise E",
        "ended its process|cannot be|raised an error",
    ),
    "error of a megabyte": ("raise ValueError('x' * (1 << 20))", "ValueError: x+…"),
    "error with markup": ("raise ValueError('![x](http://a)\\n<b>')", r"ValueError: !\[x\]"),
}

# --- answers that are none ------------------------------------------------------------------------------------------

ANSWERS = {
    "too many rows": ("import numpy as np; answer = np.zeros(len(X) + 1)", "array of shape"),
    "too few rows": ("answer = answer[:0]", "array of shape"),
    "three axes": ("import numpy as np; answer = np.zeros((len(X), 2, 2))", "array of shape"),
    "a million columns": ("import numpy as np; answer = np.zeros((len(X), 1_000_000))", "array of shape|answered with"),
    "text": ("answer = ['a'] * len(X)", "ValueError"),
    "nothing": ("answer = None", "array of shape|TypeError|not finite"),
    "missing": ("answer = answer * float('nan')", "not finite"),
    "infinite": ("answer = answer * float('inf')", "not finite"),
    "an array that lies": (
        "import numpy as np\nclass Lie:\n    def __array__(self, *a, **k): raise MemoryError\nanswer = Lie()",
        "MemoryError",
    ),
    "garbage": ("connection().sendall(b'garbage ' * 99)", "answered with|ended its process"),
    "a huge header": ("connection().sendall(struct.pack('<IQ', 0xFFFFFFFF, 0))", "answered with a header"),
    "deep nesting": (
        "b = b'[' * 100_000\nconnection().sendall(struct.pack('<IQ', len(b), 0) + b)",
        "a header that is no JSON",
    ),
    "a huge payload": (
        (
            "import json; b = json.dumps({'id': 2, 'arrays': [['values', '<f8', [2**50]]]}).encode()\n"
            "connection().sendall(struct.pack('<IQ', len(b), 2**53) + b)"
        ),
        "answered with|no answer",
    ),
    "objects": (
        (
            "import json; b = json.dumps({'id': 2, 'arrays': [['values', '|O', [1]]]}).encode()\n"
            "connection().sendall(struct.pack('<IQ', len(b), 8) + b + bytes(8))"
        ),
        "answered with",
    ),
    "half an answer": (
        (
            "import json; b = json.dumps({'id': 2, 'arrays': [['values', '<f8', [1]]]}).encode()\n"
            "connection().sendall(struct.pack('<IQ', len(b), 8) + b + bytes(4)); os._exit(0)"
        ),
        "ended its process",
    ),
    "byte by byte": (
        (
            "import time\nconnection().sendall(struct.pack('<IQ', 99, 0))\n"
            "while True:\n    connection().send(b' ')\n    time.sleep(0.05)"
        ),
        "no answer within",
    ),
    "hangs": ("import time; time.sleep(1e6)", "no answer within"),
    "runs on": ("while True: pass", "no answer within|ended its process"),
}


def shapes(code: str) -> dict[str, bytes]:
    """Return pickles that hide a call of `code` from scanners, in the ways that are public."""
    inner = pickle.dumps(Reduced(exec, (code,)))
    text = f"cbuiltins\nexec\n(V{code}\ntR.".encode("raw_unicode_escape")
    return {
        "plain": inner,
        "nested": pickle.dumps(Reduced(pickle.loads, (inner,))),
        "nested twice": pickle.dumps(Reduced(pickle.loads, (pickle.dumps(Reduced(pickle.loads, (inner,))),))),
        "protocol 0": text,
        "broken at the end": inner[:-1] + b"\x00\xff",
        "a second pickle behind": pickle.dumps({"fine": 1})[:-1] + b"0" + inner[2:],
        "profiler": b"ccProfile\nrun\n(V" + code.encode() + b"\ntR.",
        "timer": b"ctimeit\ntimeit\n(Vpass\nV" + code.encode() + b"\ntR.",
        "debugger": b"cbdb\nBdb\n(tR" + b"(dS'x'\nNs" + b"0" + text,
        "module by path": b"crunpy\n_run_code\n(V" + code.encode() + b"\n(dtR.",
        "getattr": b"cbuiltins\ngetattr\n(c__builtin__\n__import__\n(Vbuiltins\ntRVexec\ntR(V"
        + code.encode()
        + b"\ntR.",
        "numpy": b"cnumpy.testing._private.utils\nrunstring\n(V" + code.encode() + b"\n(dtR.",
        "build": b"ccopyreg\n_reconstructor\n(cbuiltins\nobject\ncbuiltins\nobject\nNtR0" + text,
    }  # fmt: skip
