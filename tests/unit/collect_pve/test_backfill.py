"""What of Proxmox's own memory goes into a gap, under which identity, and at which time."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hune.collect.pve.backfill import Gap, agreeing, clock_offset, gaps, identities, samples, usual_interval

CPU = {"__name__": "pve_cpu_usage_ratio", "id": "qemu/100", "cluster": "rack", "job": "pve"}
KNOWN = identities([CPU])


def record(
    moment: float, value: float = 0.5, *, metric: str = "cpu_current", id_: str = "qemu/100"
) -> dict[str, object]:
    return {"id": id_, "metric": metric, "timestamp": moment, "type": "gauge", "value": value}


def test_regular_scrapes_have_no_gap() -> None:
    assert gaps([100, 115, 130, 160, 175], interval_seconds=15, since=90, known_before=True) == []


def test_missed_scrapes_are_a_gap_between_their_neighbours() -> None:
    assert gaps([100, 115, 415, 430], interval_seconds=15, since=95, known_before=False) == [Gap(115, 415)]


def test_a_gap_that_reaches_back_counts_only_if_the_series_are_older() -> None:
    assert gaps([1000, 1015], interval_seconds=15, since=100, known_before=True) == [Gap(100, 1000)]
    assert gaps([1000, 1015], interval_seconds=15, since=100, known_before=False) == []


def test_the_usual_interval_is_not_moved_by_an_outage() -> None:
    assert usual_interval([100, 115, 130, 730, 745]) == 15
    assert usual_interval([100]) == 60


def test_an_outage_that_goes_on_is_no_gap_yet() -> None:
    assert gaps([], interval_seconds=15, since=100, known_before=True) == []


@pytest.mark.parametrize(("told", "offset"), [(1000.4, 0.0), (1001.0, 0.0), (1060.3, 60.0), (939.8, -60.0)])
def test_only_what_a_clock_is_surely_off_is_corrected(told: float, offset: float) -> None:
    assert clock_offset(told, 999.9, 1000.1) == offset


def test_a_slow_answer_tells_the_time_less_precisely() -> None:
    assert clock_offset(1004.0, 998.0, 1002.0) == 4.0
    assert clock_offset(1004.0, 990.0, 1010.0) == 0.0


def test_a_second_look_finds_the_offset_of_the_first() -> None:
    exported = {"data": [record(moment) for moment in (100, 110, 120)]}
    there = {11.0, 21.0, 30.5}
    assert [agreeing(offset, exported, there) for offset in (88.0, 89.0, 90.0)] == [89.0] * 3
    assert agreeing(90.0, exported, set()) == agreeing(90.0, exported, {50.0}) == 90.0


def test_only_samples_within_a_gap_are_taken_at_our_time() -> None:
    exported = {"data": [record(moment + 60) for moment in (100, 110, 120, 130, 140)]}
    [(labels, points)] = samples(exported, [Gap(100, 130)], KNOWN, ahead_seconds=60)
    assert labels == CPU
    assert points == [(110, 0.5), (120, 0.5)]


def test_a_metric_is_a_sample_of_each_series_that_carries_it() -> None:
    both = [{"__name__": name, "id": "qemu/100"} for name in ("pve_disk_read_bytes", "pve_disk_read_bytes_total")]
    found = {
        labels["__name__"]: points
        for labels, points in samples([record(5, 7, metric="disk_read")], [Gap(0, 10)], identities(both))
    }
    assert found == {"pve_disk_read_bytes": [(5, 7)], "pve_disk_read_bytes_total": [(5, 7)]}


def test_series_that_nobody_scrapes_are_not_made() -> None:
    exported = [record(5, id_="qemu/999"), record(5, metric="mem_used"), record(5, metric="something_new")]
    assert list(samples(exported, [Gap(0, 10)], KNOWN)) == []


def test_series_that_are_not_told_apart_are_left_alone() -> None:
    assert identities([CPU, {**CPU, "instance": "another"}]) == {}


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["data", "id", "metric", "timestamp", "value", "x"]), inner, max_size=5)
    ),
    max_leaves=20,
)


@given(JSON)
def test_whatever_comes_is_no_error(exported: object) -> None:
    for _, points in samples(exported, [Gap(0, 10)], KNOWN):
        assert points == sorted(points)


@given(st.lists(st.floats(0, 1800), max_size=50), st.booleans())
def test_gaps_never_overlap_and_hold_no_scrape(moments: list[float], known: bool) -> None:
    moments = sorted(moments)
    found = gaps(moments, interval_seconds=15, since=0, known_before=known)
    for gap, following in itertools.pairwise(found):
        assert gap.end <= following.start
    for gap in found:
        assert not any(gap.start < moment < gap.end for moment in moments)
