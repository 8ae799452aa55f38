"""Ports for tests are free, low, and different from those of a run beside this one."""

import os
import socket
import subprocess
import sys
from pathlib import Path

from hune.stack.ports import _AUTO_RANGE
from support import ports

TESTS = Path(ports.__file__).parents[1]


def test_ports_are_different_and_below_those_that_products_choose() -> None:
    given = ports.free_ports(50)
    assert len(set(given)) == 50
    assert all(1024 < port < _AUTO_RANGE.start for port in given)
    assert _AUTO_RANGE.start >= ports.FIRST_PORT + ports.SLOTS * ports.PORTS_PER_SLOT


def test_a_port_that_is_listened_on_is_passed_over() -> None:
    taken = ports.free_port()
    with socket.create_server(("127.0.0.1", taken)):
        assert taken not in ports.free_ports(ports.PORTS_PER_SLOT)


def test_a_run_beside_this_one_gets_other_ports_and_addresses() -> None:
    script = "from support.ports import *; print(*free_ports(99), *loopback_addresses(3))"
    beside = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    assert not set(beside) & {str(port) for port in ports.free_ports(99)}
    assert not set(beside) & set(ports.loopback_addresses(3))
