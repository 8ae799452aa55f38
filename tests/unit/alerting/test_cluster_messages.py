"""What messages say of things that Proxmox has."""

import pytest

from hune.alerting.notifiers import Notice
from hune.alerting.notifiers.phrasing import Wording
from hune.alerting.state.episode import Ending, Episode, State


def ended(alertname: str, **labels: str) -> Notice:
    episode = Episode(
        id=1,
        fingerprint="f",
        labels={"alertname": alertname, "severity": "critical", "cluster": "home", **labels},
        annotations={"summary": "what it was"},
        state=State.RESOLVED,
        starts_at=100.0,
        received_at=100.0,
        heard_at=200.0,
        resolved_at=200.0,
        ending=Ending.MEASURED,
        value=None,
        peak=None,
    )
    return Notice(episode, State.RESOLVED, True, 200.0, None)


@pytest.mark.parametrize(
    ("notice", "summary"),
    [
        (ended("GuestDown", id="qemu/100"), "Guest down · home qemu/100"),
        (ended("StorageFull", node="pve-02", storage="tank"), "pve-02: Storage full · home tank"),
        (ended("StorageFull", storage="nas"), "Storage full · home nas"),
        (ended("PveQuorumLost"), "Quorum lost · home"),
    ],
)
def test_what_is_over_is_named(notice: Notice, summary: str) -> None:
    assert Wording("en").summary(notice) == summary
