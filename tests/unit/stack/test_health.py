"""What services say of themselves is read tolerantly."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hune.stack.checkup import metric_sum, parse_metrics

EXPOSITION = """\
# HELP prometheus_rule_evaluation_failures_total The total number of rule evaluation failures.
# TYPE prometheus_rule_evaluation_failures_total counter
prometheus_rule_evaluation_failures_total{rule_group="a b} c.yml;x"} 2
prometheus_rule_evaluation_failures_total{rule_group="d"} 1e+00
prometheus_rule_evaluation_failures_total_created 17
node_load1 0.25
node_load15 0.5
"""


def test_values_are_found_by_their_exact_name() -> None:
    found = parse_metrics(EXPOSITION, "prometheus_rule_evaluation_failures_total", "node_load1")
    assert metric_sum(found, "prometheus_rule_evaluation_failures_total") == 3
    assert found["node_load1"] == [("", 0.25)]


def test_an_absent_metric_counts_nothing() -> None:
    assert metric_sum(parse_metrics(EXPOSITION, "up"), "up") == 0


@given(st.text())
def test_any_text_is_read_without_a_fault(text: str) -> None:
    parse_metrics(text, "up", "a")
