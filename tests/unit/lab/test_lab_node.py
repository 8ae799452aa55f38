"""A node's tree on disk: what each command changes there."""

import random
import threading
from pathlib import Path

import pytest

from hune.lab import sysfs
from hune.lab.hardware import MACHINES, SFP_PORTS, Port
from hune.lab.node import Node
from hune.lab.ports import PortState
from hune.lab.state import NodeState
from hune.lab.tree import Tree

MACHINE = MACHINES[1]
NOW = 1_700_000_000.0


@pytest.fixture
def node(tmp_path: Path) -> Node:
    made = Node(MACHINE, NodeState(NOW - 86_400), tmp_path / "pve-02", now=lambda: NOW, rng=random.Random(5))
    made.lay()
    return made


def sfp() -> Port:
    return next(port for port in MACHINE.switchable if port.name == SFP_PORTS[0])


def read(node: Node, path: str) -> str:
    return (node.root / path).read_text().strip()


def snapshot(node: Node) -> dict[Path, int]:
    return {path: path.stat().st_ino for path in node.root.rglob("*") if path.is_file()}


def test_heat_is_on_disk_when_the_call_returns(node: Node) -> None:
    assert node.heat(78.0) == NOW
    assert read(node, f"sys/{sysfs.CORETEMP}/temp1_input") == "78000"
    assert node.celsius == 78.0
    node.cool()
    assert int(read(node, f"sys/{sysfs.CORETEMP}/temp1_input")) < 60_000


def test_temperature_files_are_replaced_not_rewritten(node: Node) -> None:
    path = node.root / "sys" / sysfs.CORETEMP / "temp1_input"
    with path.open() as opened_before:
        node.heat(78.0)
        assert opened_before.read() != "78000\n"
    assert path.read_text() == "78000\n"


def test_a_tick_touches_only_what_changed(node: Node) -> None:
    before = snapshot(node)
    node.tick(1.0)
    changed = {path for path, inode in snapshot(node).items() if before.get(path) != inode}
    assert node.root / "proc/stat" in changed
    assert len(changed) < 15


def test_all_that_moves_has_moved_after_five_ticks(node: Node) -> None:
    before = {name: read(node, f"proc/{name}") for name in ("stat", "net/dev", "diskstats", "vmstat", "net/snmp")}
    for _ in range(5):
        node.tick(1.0)
    assert all(read(node, f"proc/{name}") != content for name, content in before.items())


def test_a_long_sleep_of_the_host_is_no_leap(node: Node) -> None:
    node.tick(86_400.0)
    total = sum(int(field) for field in read(node, "proc/stat").splitlines()[0].split()[1:])
    assert total <= 6 * 60 * 100


def test_unplugging_changes_that_port_alone(node: Node) -> None:
    before = snapshot(node)
    node.set_port(sfp(), PortState().unplug())
    changed = {path for path, inode in snapshot(node).items() if before.get(path) != inode}
    assert {path.parent.name for path in changed} == {SFP_PORTS[0]}
    assert {path.name for path in changed} == {
        "carrier", "carrier_changes", "carrier_down_count", "duplex", "operstate", "speed",
    }  # fmt: skip


def test_disabling_removes_the_carrier_and_plugging_brings_it_back(node: Node) -> None:
    directory = node.root / "sys/class/net" / SFP_PORTS[0]
    node.set_port(sfp(), PortState().disable())
    assert not (directory / "carrier").exists()
    node.set_port(sfp(), node.port_state(sfp()).plug())
    assert (directory / "carrier").read_text() == "1\n"


def test_reboot_counts_from_zero_and_keeps_heat_and_cables(node: Node) -> None:
    node.heat(80.0)
    node.set_port(sfp(), PortState().unplug())
    for _ in range(10):
        node.tick(1.0)
    node.reboot()
    assert f"btime {int(NOW)}" in read(node, "proc/stat")
    assert read(node, "proc/stat").startswith("cpu 0 0 0 0")
    assert node.celsius == 80.0
    assert read(node, f"sys/class/net/{SFP_PORTS[0]}/carrier") == "0"
    assert read(node, f"sys/class/net/{SFP_PORTS[0]}/carrier_changes") == "0"


def test_files_of_equal_content_stay_independent(tmp_path: Path) -> None:
    tree = Tree(tmp_path / "tree")
    tree.lay({"a": "1\n", "b/c": "1\n"}, {})
    assert (tree.root / "a").samefile(tree.root / "b/c")
    tree.put("a", "2\n")
    assert (tree.root / "b/c").read_text() == "1\n"


def test_a_reader_never_sees_half_a_file(tmp_path: Path) -> None:
    tree = Tree(tmp_path / "tree")
    contents = {letter * 5000 for letter in "abcd"}
    tree.lay({"file": "a" * 5000}, {})
    finished = threading.Event()

    def write() -> None:
        for turn in range(400):
            tree.put("file", "abcd"[turn % 4] * 5000)
        finished.set()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        while not finished.is_set():
            assert (tree.root / "file").read_text() in contents
            assert [path.name for path in tree.root.iterdir()] == ["file"]
    finally:
        writer.join()
