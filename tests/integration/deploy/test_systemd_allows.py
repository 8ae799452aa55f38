"""What the conductor's unit forbids is nothing that a PostgreSQL of Hune's own does."""

from __future__ import annotations

from functools import cache

import pytest

from hune.deploy.systemd import Place, conductor_unit
from support.tools import run

# Traced with strace: initdb, a server without a network, and one that is written to, packs, thins and drops days,
# vacuums and asks in parallel. None of its memory was writable and executable at once.
POSTGRESQL = """
accept access arch_prctl bind brk chdir chmod clone clone3 close connect dup dup2 epoll_create1 epoll_ctl epoll_wait
execve exit_group fadvise64 fallocate fcntl fdatasync fstatfs fsync ftruncate futex getcwd getdents64 getegid geteuid
getgid getpid getppid getrandom getrusage getsockname getuid ioctl kill listen lseek mkdir mmap mprotect munmap
newfstatat openat pipe2 prctl pread64 prlimit64 pselect6 pwrite64 pwritev read readlink recvfrom rename rseq
rt_sigaction rt_sigprocmask rt_sigreturn sendto set_robust_list set_tid_address setitimer setsid setsockopt shmat
shmctl shmdt shmget signalfd4 socket sync_file_range truncate umask uname unlink vfork wait4 write
"""


@cache
def group(name: str) -> frozenset[str]:
    """Return the system calls of a group of systemd's."""
    told = run("systemd-analyze", "syscall-filter", "--no-pager", name)
    assert told.returncode == 0, told.stderr
    found: set[str] = set()
    for line in told.stdout.splitlines()[1:]:
        word = line.strip()
        if word and not word.startswith("#"):
            found |= group(word) if word.startswith("@") else {word}
    return frozenset(found)


@pytest.mark.parametrize("of_user", [False, True])
def test_a_postgresql_of_its_own_does_nothing_that_is_forbidden(of_user: bool) -> None:
    lines = conductor_unit(Place(), of_user=of_user).splitlines()
    allowed: set[str] = set()
    for line in (line.removeprefix("SystemCallFilter=") for line in lines if line.startswith("SystemCallFilter=")):
        for word in line.removeprefix("~").split():
            calls = group(word) if word.startswith("@") else {word}
            allowed = allowed - calls if line.startswith("~") else allowed | calls
    assert sorted(set(POSTGRESQL.split()) - allowed) == []
    # It refuses root; so it needs no right to become somebody else.
    assert ("User=hune" in lines) is not of_user
