"""Linux: a filter of system calls (seccomp-bpf) and Landlock, asked of the kernel directly.

Sources: seccomp(2), landlock(7), linux/filter.h; numbers of system calls from the kernel's tables
for x86-64 and ARM64. Elsewhere, or where a kernel lacks one of the two, the rest still holds.
"""

import ctypes
import errno
import os
import platform
import struct
import sys

# By machine: the kernel's name for it, and its numbers.
_AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_SECCOMP = {"x86_64": 317, "aarch64": 277}
_OPENAT = {"x86_64": 257, "aarch64": 56}
_CLONE = {"x86_64": 56, "aarch64": 220}
_OPEN = {"x86_64": 2}
_MISSING = (435, 437)  # clone3, openat2: said not to exist, so that the older call is used
_DENIED = {
    "x86_64": (
        # socket, connect, accept, sendto, sendmsg, bind, listen, socketpair, accept4
        *(41, 42, 43, 44, 46, 49, 50, 53, 288),
        # fork, vfork, execve, kill, ptrace, tkill, execveat, process_vm_*, pidfd_*
        *(57, 58, 59, 62, 101, 200, 322, 310, 311, 424, 438),
        # truncate, ftruncate, rename, mkdir, rmdir, creat, link, unlink, symlink, chmod, chown…
        *(76, 77, 82, 83, 84, 85, 86, 87, 88, 90, 91, 92, 93, 94, 133, 188, 189, 190),
        # the same with "at", open_by_handle_at, memfd_create
        *(258, 259, 260, 263, 264, 265, 266, 268, 304, 316, 319, 452),
        # mount and namespaces, keys, bpf, perf, userfaultfd, io_uring and aio, shared memory
        *(155, 161, 165, 166, 272, 308, 248, 249, 250, 321, 298, 323, 425, 206, 29, 68, 240),
    ),
    "aarch64": (
        *(198, 199, 200, 201, 202, 203, 206, 211, 242),
        *(221, 129, 117, 130, 281, 270, 271, 424, 438),
        *(45, 46, 34, 35, 36, 37, 38, 276, 52, 53, 54, 55, 33, 5, 6, 7),
        *(265, 279, 452),
        *(41, 51, 40, 39, 97, 268, 217, 218, 219, 280, 241, 282, 425, 0, 194, 186, 180),
    ),
}
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_CLONE_THREAD = 0x10000
_ALLOW, _ERRNO, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER_AT, _ARCH_AT, _ARGUMENTS_AT = 0, 4, 16
_OTHER_ABI = 0x40000000  # x32's numbers begin here
_PR_SET_NO_NEW_PRIVS = 38
_ALL_THREADS = 1

_LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 444, 445, 446
_READ_FILE, _READ_FOLDER = 1 << 2, 1 << 3
# How many rights over files each version of Landlock knows.
_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15}
_FILE_RIGHTS_LATER = 16
_SYSTEM_FOLDERS = (
    "/usr/lib", "/usr/lib64", "/usr/local/lib", "/lib", "/lib64", "/usr/share/zoneinfo",
    "/nix/store", "/gnu/store", "/etc/ld.so.cache",
)  # fmt: skip


def lock(descriptor: int) -> tuple[str, ...]:
    """Lock this process; return what holds."""
    system = ctypes.CDLL(None, use_errno=True)
    system.syscall.restype = ctypes.c_long
    if system.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        return ()
    held = []
    if _landlock(system, descriptor):
        held.append("landlock")
    if _seccomp(system):
        held.append("seccomp")
    return tuple(held)


# -- seccomp


def _seccomp(system: ctypes.CDLL) -> bool:
    machine = platform.machine()
    if machine not in _AUDIT or sys.maxsize < 2**32:
        return False
    steps = b"".join(program(machine))
    code = ctypes.create_string_buffer(steps, len(steps))
    # struct sock_fprog: how many steps, and where they are
    whole = struct.pack("HxxxxxxP", len(steps) // 8, ctypes.addressof(code))
    return int(system.syscall(_SECCOMP[machine], 1, _ALL_THREADS, whole)) == 0


def program(machine: str) -> list[bytes]:
    """Return the filter for `machine`, step by step, as the kernel's virtual machine reads it."""
    refused = _ERRNO | errno.EPERM
    steps = [
        _step(_LOAD, _ARCH_AT),
        _step(_EQUAL, _AUDIT[machine], 1, 0),
        _step(_RETURN, _KILL),
        _step(_LOAD, _NUMBER_AT),
        _step(_AT_LEAST, _OTHER_ABI, 0, 1),
        _step(_RETURN, refused),
    ]
    for number in _MISSING:
        steps += [_step(_EQUAL, number, 0, 1), _step(_RETURN, _ERRNO | errno.ENOSYS)]
    for number in _DENIED[machine]:
        steps += [_step(_EQUAL, number, 0, 1), _step(_RETURN, refused)]
    steps += _unless_bits(_CLONE[machine], 0, _CLONE_THREAD, refused, allowed_with=True)
    steps += _unless_bits(_OPENAT[machine], 2, _WRITING, refused, allowed_with=False)
    if machine in _OPEN:
        steps += _unless_bits(_OPEN[machine], 1, _WRITING, refused, allowed_with=False)
    return [*steps, _step(_RETURN, _ALLOW)]


def _unless_bits(
    number: int, argument: int, bits: int, refused: int, *, allowed_with: bool
) -> list[bytes]:
    """Return steps that decide call `number` by whether an argument has any of `bits`."""
    with_bits, without = (_ALLOW, refused) if allowed_with else (refused, _ALLOW)
    return [
        _step(_EQUAL, number, 0, 4),
        _step(_LOAD, _ARGUMENTS_AT + 8 * argument),
        _step(_ANY_BIT, bits, 0, 1),
        _step(_RETURN, with_bits),
        _step(_RETURN, without),
    ]


def _step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("<HBBI", code, if_true, if_false, value & 0xFFFFFFFF)


# -- Landlock


def _landlock(system: ctypes.CDLL, descriptor: int) -> bool:
    """Allow reading the interpreter's own folders and the document, and nothing else by path."""
    version = int(system.syscall(_LANDLOCK_CREATE, None, ctypes.c_size_t(0), 1))
    if version < 1:
        return False
    rights = (1 << _FILE_RIGHTS.get(version, _FILE_RIGHTS_LATER)) - 1
    net = 3 if version >= 4 else 0  # bind and connect
    scope = 3 if version >= 6 else 0  # abstract sockets and signals
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    asked = struct.pack("<QQQ", rights, net, scope)[:size]
    rules = int(system.syscall(_LANDLOCK_CREATE, asked, ctypes.c_size_t(size), 0))
    if rules < 0:
        return False
    try:
        _allow(system, rules, descriptor, _READ_FILE)
        for folder in _own_folders():
            try:
                opened = os.open(folder, os.O_PATH | os.O_CLOEXEC)
            except OSError:
                continue
            right = _READ_FILE | _READ_FOLDER if os.path.isdir(folder) else _READ_FILE
            _allow(system, rules, opened, right)
            os.close(opened)
        return int(system.syscall(_LANDLOCK_RESTRICT, rules, 0)) == 0
    finally:
        os.close(rules)


def _own_folders() -> list[str]:
    """Return where Python's modules and the system's libraries are."""
    paths = [sys.prefix, sys.base_prefix, sys.exec_prefix, *sys.path, *_SYSTEM_FOLDERS]
    return sorted({path for path in paths if path and path != "/"})


def _allow(system: ctypes.CDLL, rules: int, descriptor: int, rights: int) -> None:
    rule = struct.pack("<Qi", rights, descriptor)
    system.syscall(_LANDLOCK_ADD, rules, 1, rule, 0)
