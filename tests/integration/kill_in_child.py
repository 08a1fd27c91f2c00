"""kill -9 of a forked child as it enters its n-th system call that writes, syncs or renames.

The parent traces the child itself (ptrace), so a point costs a fork and no start of Python: each
point of a long run can be tried. Whoever uses it has no threads; as a program it says by its exit
code whether it works here. The call at which it is killed does nothing; what the calls before
have done stays.
"""

from __future__ import annotations

import ctypes
import os
import platform
import signal
import sys
import traceback
from collections.abc import Callable
from typing import Final

_TRACEME, _SYSCALL, _SETOPTIONS, _GET_SYSCALL_INFO = 0, 24, 0x4200, 0x420E
_SYSGOOD, _EXITKILL = 0x1, 0x100000
_ENTRY: Final = 1
_STOPPED_IN_CALL: Final = signal.SIGTRAP | 0x80

CALLS: Final = {
    "x86_64": {
        "write": 1, "pwrite64": 18, "writev": 20, "fsync": 74, "fdatasync": 75, "ftruncate": 77,
        "rename": 82, "mkdir": 83, "rmdir": 84, "link": 86, "unlink": 87, "mkdirat": 258,
        "unlinkat": 263, "renameat": 264, "linkat": 265, "pwritev": 296, "renameat2": 316,
    },
    "aarch64": {
        "mkdirat": 34, "unlinkat": 35, "linkat": 37, "renameat": 38, "ftruncate": 46, "write": 64,
        "writev": 66, "pwrite64": 68, "pwritev": 70, "fsync": 82, "fdatasync": 83, "renameat2": 276,
    },
}  # fmt: skip
"""Numbers of the kernel's tables, by machine."""

_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
_libc.ptrace.restype = ctypes.c_long


class _SyscallInfo(ctypes.Structure):
    _fields_ = (
        ("op", ctypes.c_uint8),
        ("pad", ctypes.c_uint8 * 3),
        ("arch", ctypes.c_uint32),
        ("instruction_pointer", ctypes.c_uint64),
        ("stack_pointer", ctypes.c_uint64),
        ("number", ctypes.c_uint64),
        ("arguments", ctypes.c_uint64 * 6),
    )


def can_trace() -> bool:
    """Whether this machine is known here and lets a parent trace its child."""
    if platform.machine() not in CALLS:
        return False
    try:
        return run_killed(lambda: os.mkdir("/"), 1).startswith("mkdir")  # noqa: PTH102
    except OSError:
        return False


def run_killed(work: Callable[[], None], at: int) -> str:
    """Carry `work` out in a child that is killed on entering its call number `at`, from 1.

    Gives the name of that call, "" where the child ended well before; raises `ChildProcessError`
    where it failed.
    """
    names = {number: name for name, number in CALLS[platform.machine()].items()}
    pid = os.fork()
    if pid == 0:
        _be_child(work)
    os.waitpid(pid, 0)
    _ptrace(_SETOPTIONS, pid, 0, _SYSGOOD | _EXITKILL)
    info, seen, passed_on = _SyscallInfo(), 0, 0
    while True:
        _ptrace(_SYSCALL, pid, 0, passed_on)
        _, status = os.waitpid(pid, 0)
        if os.WIFEXITED(status) or os.WIFSIGNALED(status):
            if status != 0:
                msg = f"the child ended with {os.waitstatus_to_exitcode(status)}"
                raise ChildProcessError(msg)
            return ""
        stopped, passed_on = os.WSTOPSIG(status), 0
        if stopped != _STOPPED_IN_CALL:
            passed_on = stopped
            continue
        _ptrace(_GET_SYSCALL_INFO, pid, ctypes.sizeof(info), ctypes.addressof(info))
        if info.op == _ENTRY and info.number in names:
            seen += 1
            if seen == at:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
                return names[info.number]


def _be_child(work: Callable[[], None]) -> None:
    code = 3
    try:
        _ptrace(_TRACEME, 0, 0, 0)
        os.kill(os.getpid(), signal.SIGSTOP)
        work()
        code = 0
    except BaseException:  # noqa: BLE001 - the child ends here, whatever it was
        traceback.print_exc(file=sys.stderr)
    finally:
        os._exit(code)


def _ptrace(request: int, pid: int, address: int, data: int) -> None:
    if _libc.ptrace(request, pid, address, data) == -1:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))


if __name__ == "__main__":
    sys.exit(0 if can_trace() else 1)
