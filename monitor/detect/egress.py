"""Keeps the face detector off the network: a thread under this guard, and all it starts, cannot open a socket.

MediaPipe's library contacts a metrics host from threads of its own and has no switch against it. A seccomp filter
answers EACCES to every `socket()` of the guarded thread and its descendants; the rest of the process goes on as before.
Every address family is refused: a local name-service daemon would resolve names on the caller's behalf.
"""

from __future__ import annotations

import ctypes
import errno
import logging
import os
import platform
import socket
import sys
from dataclasses import dataclass
from functools import cache

from monitor.threads import Caller

log = logging.getLogger(__name__)
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
RET_ALLOW, RET_ERRNO = 0x7FFF0000, 0x00050000
LOAD_WORD, JUMP_EQUAL, JUMP_AT_LEAST, RETURN = 0x20, 0x15, 0x35, 0x06  # BPF: ld [k], jeq k, jge k, ret k
NR_OFFSET, ARCH_OFFSET = 0, 4  # in struct seccomp_data
IO_URING_SETUP = 425  # a ring opens sockets without a socket() call
X32_NUMBERS = 0x40000000  # x86-64 takes a second set of call numbers from here on
SELF_TEST_S = 10.0


@dataclass(frozen=True)
class _Machine:
    arch: int
    """AUDIT_ARCH_* of its native calls; any other ABI is refused whole."""
    socket: int
    """Number of the socket() call."""


MACHINES = {"x86_64": _Machine(0xC000003E, 41), "aarch64": _Machine(0xC00000B7, 198)}


@dataclass(frozen=True)
class GuardState:
    """Whether the detector is kept off the network here, and why (not)."""

    active: bool
    why: str


class _Instruction(ctypes.Structure):
    _fields_ = (("code", ctypes.c_uint16), ("jt", ctypes.c_uint8), ("jf", ctypes.c_uint8), ("k", ctypes.c_uint32))


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_uint16), ("filter", ctypes.POINTER(_Instruction)))


def guard_this_thread() -> GuardState:
    """Refuse sockets to this thread and all it starts from now on, for good; says whether that worked.

    Never raises: where the platform has no such filter the state says so.
    """
    machine = MACHINES.get(platform.machine())
    if not sys.platform.startswith("linux") or machine is None:
        return GuardState(False, f"no seccomp guard for {sys.platform} on {platform.machine()}")
    instructions = _program(machine)
    program = _Program(len(instructions), (_Instruction * len(instructions))(*instructions))
    for option, *arguments in (
        (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0),  # what lets a process without privileges install a filter
        (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.addressof(program), 0, 0),
    ):
        failed = _prctl(option, *arguments)
        if failed:
            return GuardState(False, f"the kernel refused the seccomp filter: {os.strerror(failed)}")
    return GuardState(True, "sockets are refused to the detector's threads (seccomp)")


@cache
def tell_unguarded(why: str) -> None:
    """Says so in the log, whatever command runs the detector; once a process."""
    what = "the face detector is not kept off the network here (%s); MediaPipe contacts a metrics host: forbid it that"
    log.warning(what, why)


def _program(machine: _Machine) -> list[_Instruction]:
    """The filter: foreign ABIs, socket() and io_uring_setup() get EACCES, everything else passes."""
    tests = [(JUMP_EQUAL, machine.socket), (JUMP_EQUAL, IO_URING_SETUP), (JUMP_AT_LEAST, X32_NUMBERS)]
    deny = len(tests) + 1  # steps from the first test to the last instruction
    return [
        _Instruction(LOAD_WORD, 0, 0, ARCH_OFFSET),
        _Instruction(JUMP_EQUAL, 0, deny + 1, machine.arch),
        _Instruction(LOAD_WORD, 0, 0, NR_OFFSET),
        *(_Instruction(code, deny - 1 - i, 0, k) for i, (code, k) in enumerate(tests)),
        _Instruction(RETURN, 0, 0, RET_ALLOW),
        _Instruction(RETURN, 0, 0, RET_ERRNO | errno.EACCES),
    ]


def _prctl(option: int, *arguments: int) -> int:
    """prctl(2) on this thread; 0, or the errno."""
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    prctl.argtypes = (ctypes.c_int, *(ctypes.c_ulong,) * 4)
    return ctypes.get_errno() if prctl(option, *arguments) != 0 else 0


def self_test() -> GuardState:
    """Whether the guard works here and now, proven on a thread made for it.

    Active only where a guarded thread gets EACCES for a socket, and a socket can still be opened by the calling thread.
    """
    caller = Caller(name="egress self-test")
    try:
        state = caller.call(guard_this_thread, timeout_s=SELF_TEST_S)
        refused = caller.call(open_a_socket, timeout_s=SELF_TEST_S)
    finally:
        caller.close()
    here = open_a_socket()
    if state.active and refused != errno.EACCES:
        return GuardState(False, "the seccomp filter was installed, but a guarded thread could open a socket")
    if here:
        return GuardState(False, f"no socket outside the guarded thread either: {os.strerror(here)}")
    return state


def open_a_socket() -> int:
    """0 when this thread may open an internet socket (it is closed at once, nothing is sent), else the errno."""
    try:
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM).close()
    except OSError as error:
        return error.errno or -1
    return 0
