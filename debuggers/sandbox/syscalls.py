"""Which system calls a jailed process may make, and their numbers on the two processors that we know.

What computing on bytes that are there already needs: memory, threads of its own, clocks, reading files (Landlock
decides which), its own descriptors. Everything else fails with "not permitted", also what future kernels add.
"""

from __future__ import annotations

from dataclasses import dataclass, field

# Columns: x86-64, aarch64 ("-": the processor has no such call). Checked against libseccomp in the tests.
_PLAIN = """
read 0 63            write 1 64           readv 19 65          writev 20 66         pread64 17 67
close 3 57           close_range 436 436  fstat 5 80           newfstatat 262 79    stat 4 -
lstat 6 -            statx 332 291        statfs 137 43        fstatfs 138 44       lseek 8 62
access 21 -          faccessat 269 48     faccessat2 439 439   readlink 89 -        readlinkat 267 78
getdents64 217 61    getcwd 79 17         fadvise64 221 223    munmap 11 215        mprotect 10 226
mremap 25 216        madvise 28 233       brk 12 214           mincore 27 232       msync 26 227
membarrier 324 283   get_mempolicy 239 236
rt_sigaction 13 134  rt_sigprocmask 14 135 rt_sigreturn 15 139 rt_sigpending 127 136 sigaltstack 131 132
poll 7 -             ppoll 271 73         select 23 -          pselect6 270 72      epoll_create1 291 20
epoll_ctl 233 21     epoll_wait 232 -     epoll_pwait 281 22   eventfd2 290 19      pipe2 293 59
futex 202 98         futex_waitv 449 449  set_robust_list 273 99 rseq 334 293        set_tid_address 218 96
sched_yield 24 124   sched_getaffinity 204 123 sched_getparam 143 121 sched_getscheduler 145 120
sched_get_priority_max 146 125            sched_get_priority_min 147 126
getpid 39 172        getppid 110 173      gettid 186 178       getuid 102 174       geteuid 107 175
getgid 104 176       getegid 108 177      getgroups 115 158    getresuid 118 148    getresgid 120 150
getpgid 121 155      getsid 124 156       getpriority 140 141  capget 125 90        uname 63 160
getrlimit 97 163     getrusage 98 165     sysinfo 99 179       times 100 153        getcpu 309 168
clock_gettime 228 113 clock_getres 229 114 gettimeofday 96 169 time 201 -           getrandom 318 278
nanosleep 35 101     clock_nanosleep 230 115 setitimer 38 103  getitimer 36 102     restart_syscall 219 128
recvfrom 45 207      recvmsg 47 212       sendto 44 206        sendmsg 46 211       shutdown 48 210
getsockopt 55 209    getsockname 51 204   getpeername 52 205   dup 32 23            dup2 33 -
dup3 292 24          exit 60 93           exit_group 231 94
"""

_CHECKED = """
open 2 -             openat 257 56        mmap 9 222           clone 56 220         prlimit64 302 261
prctl 157 167        fcntl 72 25          ioctl 16 29          kill 62 129          tkill 200 130
tgkill 234 131       clone3 435 435
"""

# --- flags of the kernel's interface --------------------------------------------------------------------------------

_WRITING = 0x3 | 0x40 | 0x200  # access mode other than reading, O_CREAT, O_TRUNC
_SHARED_ANONYMOUS = 0x21  # the limit on data does not count such memory
_THREAD, _NAMESPACES = 0x10000, 0x7E020000
_PRCTL = (3, 15, 16, 0x53564D41)  # dumpable?, the thread's name, a name for memory
_FCNTL = (0, 1, 2, 3, 4, 1030)  # copy a descriptor, its flags; not: who gets a signal when something arrives
_IOCTL = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)  # is it a terminal, bytes waiting, blocking, close on exec


@dataclass(frozen=True)
class Check:
    """A condition on an argument: allowed if, under the mask, it equals (or, inverted, does not equal) one of `values`.

    Parameters
    ----------
    argument : int
    values : tuple of int
        The word OWN_PID stands for the process's own id.
    mask : int
    inverted : bool
    """

    argument: int
    values: tuple[int, ...]
    mask: int = 0xFFFFFFFF
    inverted: bool = False
    wide: bool = False  # the upper half of the argument has to be 0, too: a pointer


OWN_PID = -1
CHECKS = {
    "open": Check(1, (0,), _WRITING),
    "openat": Check(2, (0,), _WRITING),
    "mmap": Check(3, (_SHARED_ANONYMOUS,), _SHARED_ANONYMOUS, inverted=True),
    "clone": Check(0, (_THREAD,), _THREAD | _NAMESPACES),
    "prlimit64": Check(2, (0,), wide=True),  # asking for a limit, not setting one
    "prctl": Check(0, _PRCTL),
    "fcntl": Check(1, _FCNTL),
    "ioctl": Check(1, _IOCTL),
    "kill": Check(0, (OWN_PID,)),  # abort() signals itself
    "tkill": Check(0, (OWN_PID,)),
    "tgkill": Check(0, (OWN_PID,)),
}
#: Its flags are behind a pointer, where a filter cannot look; told that there is none, the C library calls clone.
ABSENT = ("clone3",)


@dataclass(frozen=True)
class Processor:
    """How the kernel calls a processor, and its numbers of the calls above."""

    audit: int
    numbers: dict[str, int] = field(default_factory=dict)


def _columns(text: str, column: int) -> dict[str, int]:
    words = text.split()
    rows = zip(words[::3], words[1::3], words[2::3], strict=True)
    return {row[0]: int(row[column]) for row in rows if row[column] != "-"}


PROCESSORS = {
    "x86_64": Processor(0xC000003E, _columns(_PLAIN + _CHECKED, 1)),
    "aarch64": Processor(0xC00000B7, _columns(_PLAIN + _CHECKED, 2)),
}
