"""What the hub asks before it tells that an alert is over."""

import promql_parser
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hune.alerting.catalogue import ALERTS, clear, gone, is_known
from hune.alerting.promql import quote

LABELS = {"node": "pve-01", "chip": "platform_coretemp_0", "device": "enp1s0f0", "probe": "web"}
LABELS |= {"cluster": "home", "id": "qemu/100", "storage": "tank", "pool": "rpool", "osd": "3", "collector": "ha"}
LABELS |= {"target": "pve-02", "file": "pve-ssl.pem"}
LABELS |= {"service": "hub", "receiver": "mail", "rule_group": "hune-fast"}


def test_clear_asks_for_a_fresh_measurement_of_this_alert_alone() -> None:
    assert clear({"alertname": "CpuHot", "site": "home", "severity": "critical", **LABELS}) == (
        'last_over_time(hune:cpu_celsius:max{node="pve-01",chip="platform_coretemp_0"}[3s])'
        ' < on (node, chip) last_over_time(hune:cpu_clear_celsius{node="pve-01",chip="platform_coretemp_0"}[3s])'
    )


def test_alerts_of_the_lab_and_of_the_site_are_told_apart() -> None:
    assert 'lab=""' in clear({"alertname": "CutOff"})
    assert 'lab="true"' in clear({"alertname": "CutOff", "lab": "true"})


def test_gone_is_what_the_site_does_not_list_any_more() -> None:
    assert gone({"alertname": "LinkDown", **LABELS}) == (
        "last_over_time(hune:site_loaded[12s])"
        ' unless on () last_over_time(hune:site_link{node="pve-01",device="enp1s0f0"}[12s])'
    )


def test_what_proxmox_has_is_over_when_it_was_read_and_is_not_wrong() -> None:
    assert clear({"alertname": "PveNodeFenced", **LABELS}) == (
        '(last_over_time(hune:pve_read{cluster="home",collector="ha"}[35s]))'
        ' unless on () last_over_time(hune:pve_wrong:PveNodeFenced{cluster="home",node="pve-01"}[35s])'
    )
    assert gone({"alertname": "PveNodeFenced", **LABELS}) == (
        'last_over_time(hune:site_loaded[12s]) unless on () last_over_time(hune:site_pve{cluster="home"}[12s])'
    )


def test_what_is_on_a_node_is_not_over_because_the_node_is_offline() -> None:
    assert clear({"alertname": "BackupFailed", **LABELS}) == (
        '(last_over_time(hune:pve_read{cluster="home",collector="tasks"}[35s])'
        ' and on () last_over_time(hune:pve_read{cluster="home",collector="quorum"}[35s])'
        ' unless on () (last_over_time(hune:pve_node_online{cluster="home",node="pve-01"}[35s]) == 0))'
        ' unless on () last_over_time(hune:pve_wrong:BackupFailed{cluster="home",node="pve-01"}[35s])'
    )


def test_only_alerts_of_the_catalogue_are_known() -> None:
    assert all(is_known(name) for name in set(ALERTS) - {"ChainBroken"})
    # Raised by the hub, which alone ends it.
    assert not is_known("ChainBroken")
    assert not is_known("TestAlert")
    with pytest.raises(KeyError):
        clear({"alertname": "TestAlert"})


@pytest.mark.parametrize("name", ALERTS)
@settings(max_examples=20)
@given(text=st.text(alphabet=st.characters(codec="utf-8")))
def test_no_label_breaks_out_of_its_quotes(name: str, text: str) -> None:
    labels = {"alertname": name, **dict.fromkeys(LABELS, text), "lab": text}
    for expression in (clear(labels), gone(labels)):
        promql_parser.parse(expression)


@given(text=st.text(alphabet=st.characters(codec="utf-8")))
def test_a_quoted_text_is_one_literal(text: str) -> None:
    literal = promql_parser.parse(quote(text))
    assert isinstance(literal, promql_parser.StringLiteral)
