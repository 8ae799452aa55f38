"""What collectors lacked, counted by its reason."""

from hune.collect.pve.faults import KINDS, summarise
from hune.pve.errors import BadAnswer, Failed, Forbidden, TimedOut, Unreachable


def test_guests_that_may_not_be_seen_are_one_row() -> None:
    lacking = [
        Forbidden("no", acl_path=f"/vms/{vmid}", privileges=("VM.Monitor", "VM.Audit")) for vmid in range(100, 1100)
    ]
    assert summarise(lacking) == {("forbidden", "VM.Monitor|VM.Audit", "/vms"): 1000}


def test_the_whole_cluster_is_a_path_and_an_unnamed_one_is_none() -> None:
    found = summarise([Forbidden("no", acl_path="/", privileges=("Sys.Audit",)), Forbidden("no")])
    assert set(found) == {("forbidden", "Sys.Audit", "/"), ("forbidden", "", "")}


def test_other_problems_are_counted_by_kind() -> None:
    found = summarise([TimedOut("late"), TimedOut("late"), Unreachable("gone"), Failed("595"), BadAnswer("html")])
    assert found == {
        ("timed-out", "", ""): 2,
        ("unreachable", "", ""): 1,
        ("failed", "", ""): 1,
        ("bad-answer", "", ""): 1,
    }
    assert {kind for kind, _, _ in found} <= set(KINDS)
