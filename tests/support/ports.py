"""Ports and loopback addresses that no other test run on this machine uses.

Several runs may go on at once (two work trees, or a developer beside CI). Each process claims one slot of ports by
binding the slot's first port for as long as it lives: the kernel is the lock, and there is no file to leave behind.
All ports lie below those that `hune up --auto-ports` chooses from: what a test has chosen and doesn't listen on yet
(or not any more) would be free to a product that another test starts. Linux hands out ports for outgoing connections
above both.
"""

import itertools
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

FIRST_PORT = 12_000
PORTS_PER_SLOT = 100
SLOTS = 80


@dataclass(frozen=True)
class Slot:
    """A block of ports that belongs to this process until it ends."""

    number: int
    anchor: socket.socket
    ports: Iterator[int]


def free_port() -> int:
    """Return a TCP port that nothing listens on; no two calls in a row return the same.

    Raises RuntimeError if every port of this process's slot is taken: something was started and not stopped.
    """
    slot = _slot()
    for _ in range(PORTS_PER_SLOT):
        port = next(slot.ports)
        if _can_listen(port):
            return port
    raise RuntimeError(f"all {PORTS_PER_SLOT} ports of slot {slot.number} are taken; stop what the tests started")


def free_ports(count: int) -> list[int]:
    """Return so many different free TCP ports."""
    return [free_port() for _ in range(count)]


def loopback_addresses(count: int) -> list[str]:
    """Return so many loopback addresses of this process's own, as a lab needs one for each node: 127.20.0.1, …"""
    if not 0 <= count <= 250:
        raise ValueError(f"{count} addresses; a process has 250")
    return [f"127.{20 + _slot().number}.0.{host}" for host in range(1, count + 1)]


@cache
def _slot() -> Slot:
    start = os.getpid() % SLOTS
    for number in itertools.chain(range(start, SLOTS), range(start)):
        first = FIRST_PORT + number * PORTS_PER_SLOT
        anchor = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            anchor.bind(("127.0.0.1", first))
        except OSError:
            anchor.close()
            continue
        return Slot(number, anchor, itertools.cycle(range(first + 1, first + PORTS_PER_SLOT)))
    raise RuntimeError(f"no port between {FIRST_PORT} and {FIRST_PORT + SLOTS * PORTS_PER_SLOT} is free")


def _can_listen(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do: connections of an earlier server that linger in TIME_WAIT don't matter.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except OSError:
            return False
        return True
