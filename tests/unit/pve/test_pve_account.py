"""Calls are counted by kind, so that few series come of many guests."""

import pytest

from hune.pve.account import Account, outcome_of, template
from hune.pve.errors import Forbidden, OverBudget, TimedOut
from support.pve_schema import paths


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/version", "/version"),
        ("/cluster/resources?type=vm", "/cluster/resources"),
        ("/cluster/status", "/cluster/status"),
        ("/nodes/pve-01/qemu/100/config", "/nodes/{node}/qemu/{vmid}/config"),
        ("/nodes/pve-01/lxc/200/status/current", "/nodes/{node}/lxc/{vmid}/status/current"),
        ("/nodes/pve-01/qemu/100/agent/get-fsinfo", "/nodes/{node}/qemu/{vmid}/agent/get-fsinfo"),
        ("/nodes/pve-01/storage/local/content", "/nodes/{node}/storage/{storage}/content"),
        ("/nodes/pve-01/disks/zfs/rpool", "/nodes/{node}/disks/zfs/{name}"),
        ("/nodes/storage/qemu", "/nodes/{node}/qemu"),
        ("/nodes/pve-01/ceph/osd", "/nodes/{node}/ceph/osd"),
        ("/cluster/backup/backup-1/included_volumes", "/cluster/backup/{id}/included_volumes"),
        ("/cluster/backup-info/not-backed-up", "/cluster/backup-info/not-backed-up"),
        ("/cluster/ha/status/manager_status", "/cluster/ha/status/manager_status"),
    ],
)
def test_kind_of_a_path(path: str, kind: str) -> None:
    assert template(path) == kind


@pytest.mark.parametrize("part", ["qemu", "lxc", "storage", "disks", "services", "replication", "certificates", "ceph"])
def test_kinds_are_written_as_proxmox_writes_them(part: str) -> None:
    known = [
        path for path, methods in paths().items() if path.startswith(f"/nodes/{{node}}/{part}") and "GET" in methods
    ]
    assert known
    for path in known:
        # Where a place has literal neighbours, the schema's name for what is free stands beside them.
        assert template(path.replace("{", "x-").replace("}", "")).count("/") == path.count("/")
        if path.count("{") <= 2 and not path.endswith(("}", "/{snapname}")):
            assert (
                template(path.replace("{node}", "pve-01").replace("{vmid}", "100").replace("{storage}", "local"))
                in paths()
            )


def test_calls_seconds_and_bytes_add_up_by_outcome() -> None:
    account = Account()
    for vmid in range(100, 110):
        account.count("GET", f"/nodes/a/qemu/{vmid}/config", None, 0.5, 10)
    account.count("GET", "/nodes/b/qemu/1/config", Forbidden("no"), 0.25)
    account.count("GET", "/nodes/b/qemu/1/config", OverBudget("no"), 0.0)
    told = [(tally.path, tally.outcome, tally.calls, tally.seconds, tally.answer_bytes) for tally in account.tallies]
    assert told == [
        ("/nodes/{node}/qemu/{vmid}/config", "ok", 10, 5.0, 100),
        ("/nodes/{node}/qemu/{vmid}/config", "forbidden", 1, 0.25, 0),
        ("/nodes/{node}/qemu/{vmid}/config", "over_budget", 1, 0.0, 0),
    ]
    assert account.calls == 11
    assert account.not_made == 1
    assert "over_budget" not in {tally.outcome for tally in account.made}


def test_whatever_is_asked_the_kinds_stay_few() -> None:
    account = Account()
    for number in range(1000):
        account.count("GET", f"/never/heard/of/{number}", None, 0.0)
    assert len(account.tallies) == 401
    assert account.tallies[-1].path == "other"
    assert account.calls == 1000


def test_every_error_has_an_outcome() -> None:
    assert outcome_of(TimedOut("x")) == "timed_out"
    assert outcome_of(KeyboardInterrupt()) == "cancelled"
