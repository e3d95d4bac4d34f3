from __future__ import annotations

import ctypes
import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from debuggers import errors
from debuggers.models.load import load_model
from debuggers.sandbox import jail, landlock, seccomp, trust
from debuggers.sandbox.syscalls import CHECKS, PROCESSORS
from debuggers.sandbox.trust import Pickles
from tests.sandbox.hostile import on_load

FULL = jail.Support(7, True, None)
NONE = jail.Support(0, False, "the kernel is old")


def test_the_numbers_of_system_calls_are_those_of_the_kernel() -> None:
    try:
        library = ctypes.CDLL("libseccomp.so.2")
    except OSError:
        pytest.skip("libseccomp, which knows the numbers, is not installed")
    resolve = library.seccomp_syscall_resolve_name_arch
    resolve.argtypes = [ctypes.c_uint32, ctypes.c_char_p]
    for processor in PROCESSORS.values():
        for name, number in processor.numbers.items():
            assert resolve(processor.audit, name.encode()) == number, name
    assert set(PROCESSORS["aarch64"].numbers) < set(PROCESSORS["x86_64"].numbers)
    assert set(CHECKS) < set(PROCESSORS["x86_64"].numbers)


def decide(number: int, *arguments: int, machine: str = "x86_64", audit: int | None = None, pid: int = 7) -> int:
    """Run the filter's program as the kernel would, and return what it decides about a call."""
    processor = PROCESSORS[machine]
    data = struct.pack("=iIQ", number, processor.audit if audit is None else audit, 0)
    data += struct.pack("=6Q", *arguments, *(0 for _ in range(6 - len(arguments))))
    code = list(struct.iter_unpack("=HBBI", seccomp.program(processor, pid)))
    place = word = 0
    while True:
        op, if_so, if_not, k = code[place]
        place += 1
        if op == 0x20:
            (word,) = struct.unpack_from("=I", data, k)
        elif op == 0x54:
            word &= k
        elif op == 0x06:
            return int(k)
        else:
            holds = word == k if op == 0x15 else word >= k
            place += if_so if holds else if_not


X86 = PROCESSORS["x86_64"].numbers
READ_ONLY, READ_WRITE, CREATE = 0, 2, 0o100


@pytest.mark.parametrize(
    ("call", "arguments", "decision"),
    [
        ("read", (), seccomp.ALLOW),
        ("exit_group", (), seccomp.ALLOW),
        ("openat", (0, 0, READ_ONLY), seccomp.ALLOW),
        ("openat", (0, 0, READ_WRITE), seccomp.DENY),
        ("openat", (0, 0, READ_ONLY | CREATE), seccomp.DENY),
        ("clone", (0x3D0F00,), seccomp.ALLOW),  # a thread of the C library's
        ("clone", (0x11,), seccomp.DENY),  # a fork
        ("clone", (0x3D0F00 | 0x10000000,), seccomp.DENY),
        ("clone3", (), seccomp.MISSING),
        ("mmap", (0, 0, 0, 0x22), seccomp.ALLOW),
        ("mmap", (0, 0, 0, 0x21), seccomp.DENY),
        ("mmap", (0, 0, 0, 0x01), seccomp.ALLOW),
        ("prlimit64", (0, 7, 0), seccomp.ALLOW),
        ("prlimit64", (0, 7, 1 << 40), seccomp.DENY),
        ("prlimit64", (0, 7, 1), seccomp.DENY),
        ("kill", (7,), seccomp.ALLOW),
        ("kill", (8,), seccomp.DENY),
        ("kill", (0xFFFFFFFF,), seccomp.DENY),
        ("prctl", (15,), seccomp.ALLOW),
        ("prctl", (1,), seccomp.DENY),
        ("fcntl", (0, 8), seccomp.DENY),
    ],
)
def test_the_filter_decides_by_call_and_argument(call: str, arguments: tuple[int, ...], decision: int) -> None:
    assert decide(X86[call], *arguments) == decision


def test_the_filter_denies_what_it_does_not_know() -> None:
    known = set(X86.values())
    assert {decide(n) for n in range(1024) if n not in known} == {seccomp.DENY}
    assert decide(X86["read"] | 0x40000000) == seccomp.DENY
    assert decide(X86["read"], audit=0x40000003) == seccomp.KILL
    assert decide(PROCESSORS["aarch64"].numbers["read"], machine="aarch64") == seccomp.ALLOW


def test_support_is_told_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landlock, "version", lambda: 0)
    assert "Landlock" in str(jail.support().reason)
    monkeypatch.setattr(landlock, "version", lambda: 7)
    monkeypatch.setattr(seccomp, "is_supported", lambda: False)
    assert "seccomp" in str(jail.support().reason)
    monkeypatch.setattr(sys, "platform", "darwin")
    assert jail.support().as_dict() == {
        "jailed": False, "landlock": 0, "seccomp": False, "reason": "the jail needs Linux"
    }  # fmt: skip


def test_only_python_and_its_libraries_can_be_read() -> None:
    readable = [path.resolve() for path in jail.readable()]
    root = Path(jail.__file__).parents[2]
    for private in (root / "pages", root / ".git", Path("/etc/passwd"), Path("/home/someone"), Path("/proc/1")):
        assert not any(private.is_relative_to(path) for path in readable), private


def test_a_process_with_threads_is_not_jailed() -> None:
    code = """
import threading
from debuggers.sandbox import jail
threading.Thread(target=threading.Event().wait, daemon=True).start()
try:
    jail.enter(jail.Bounds(1 << 32, 60), required=True)
except jail.JailFailed as error:
    print(error)
"""
    if not jail.support().landlock:
        pytest.skip("no Landlock here")
    root = Path(jail.__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "2 threads run already"


# --- trust ---


@pytest.fixture
def decided(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setattr(trust, "_host", None)
    monkeypatch.delenv(trust.VARIABLE, raising=False)
    return monkeypatch


def test_a_program_needs_the_jail(decided: pytest.MonkeyPatch) -> None:
    assert trust.permit("m.pkl", FULL) is True
    with pytest.raises(errors.NoJail, match="the kernel is old"):
        trust.permit("m.pkl", NONE)


@pytest.mark.parametrize(
    ("host", "reach"),
    [(None, "all"), ("0.0.0.0", "all"), ("192.168.1.5", "all"), ("example.org", "all"), ("127.0.0.1", "this machine"),
     ("localhost", "this machine"), ("::1", "this machine"), ("[::1]", "this machine")],
)  # fmt: skip
def test_trust_needs_a_server_that_nobody_else_reaches(
    host: str | None, reach: str, decided: pytest.MonkeyPatch
) -> None:
    decided.setenv(trust.VARIABLE, "trust")
    if host is not None:
        trust.serving_on(host)
    if reach == "this machine":
        assert trust.permit("m.pkl", NONE) is False
    else:
        with pytest.raises(errors.NoJail):
            trust.permit("m.pkl", NONE)
    assert trust.permit("m.pkl", FULL) is True


def test_programs_can_be_forbidden(decided: pytest.MonkeyPatch) -> None:
    decided.setenv(trust.VARIABLE, "off")
    for consent in (True, False):
        with pytest.raises(errors.ProgramsForbidden):
            load_model(on_load("pass"), "m.pkl", consent=consent)


def test_a_decision_that_means_nothing_is_refused(decided: pytest.MonkeyPatch) -> None:
    assert trust.decision() is Pickles.ASK
    decided.setenv(trust.VARIABLE, "yes")
    with pytest.raises(errors.UnusableOption, match="ask, off or trust"):
        load_model(on_load("pass"), "m.pkl")


def test_a_worker_that_does_not_get_its_jail_loads_nothing(tmp_path: Path) -> None:
    """What the app believes of the kernel does not matter: the worker itself finds out."""
    trace = tmp_path / "trace"
    trace.touch()
    body = on_load(f"os.unlink({str(trace)!r})")
    code = f"""
import socket, sys
from debuggers.sandbox import entry, jail, landlock, protocol
landlock.version = lambda: 0
ours, theirs = socket.socketpair()
protocol.send(ours, {{"id": 1, "format": "pickle", "options": {{}}}}, [{body!r}])
bounds = {{"memory": 1 << 32, "cpu": 60, "file": 0}}
entry.enter(theirs, {{"entry": "debuggers.sandbox.worker", "bounds": bounds, "required": True, "files": []}})
print(protocol.receive_header(ours)[0]["error"])
"""
    root = Path(jail.__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "jail"
    assert trace.exists()


def test_an_ordinary_user_gets_the_whole_jail(tmp_path: Path) -> None:
    if os.getuid() != 0:
        pytest.skip("this is an ordinary user already")
    if not jail.support().is_full:
        pytest.skip(f"no jail here: {jail.support().reason}")
    secret = tmp_path / "secret"
    secret.write_text("x")
    secret.chmod(0o666)
    code = f"""
import os, sys
import resource, socket, threading  # before the folders that root alone may read are gone
from debuggers.sandbox import jail
os.setgroups([]); os.setgid(10001); os.setuid(10001)
jail.enter(jail.Bounds(1 << 32, 60), required=True)
for attempt in (lambda: open({str(secret)!r}), os.fork, socket.socket):
    try:
        attempt()
        print("done")
    except PermissionError:
        print("denied")
"""
    root = Path(jail.__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["denied"] * 3
