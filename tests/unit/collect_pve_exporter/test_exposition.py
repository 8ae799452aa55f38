"""The text of samples: what is escaped, how numbers are written, what can't spoil the rest."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from hune.collect.pve.families import Exposition, Family

INFO = Family("pve_guest_info", "gauge", 'What a "guest" is:\nback\\slash.', ("id", "name"), "/cluster/resources")
BARE = Family("pve_things_total", "counter", "Things.", (), "/things")


def text(out: Exposition) -> str:
    return b"".join(out.chunks()).decode()


@given(st.text(), st.text(), st.floats(allow_nan=False) | st.integers(-(2**60), 2**60) | st.booleans())
def test_whatever_stands_in_a_label_is_read_back(first: str, second: str, value: float) -> None:
    out = Exposition()
    out.add(INFO, value, first, second)
    [family] = text_string_to_metric_families(text(out))
    [sample] = family.samples
    assert sample.labels == {"id": first, "name": second}
    assert float(sample.value) == float(value)


def test_a_lone_surrogate_spoils_only_itself() -> None:
    out = Exposition()
    out.add(INFO, 1, "\ud800", "well")
    assert 'id="?",name="well"} 1\n' in text(out)


def test_a_family_without_labels_has_no_braces() -> None:
    out = Exposition()
    out.add(BARE, 2.0)
    assert text(out) == "# HELP pve_things_total Things.\n# TYPE pve_things_total counter\npve_things_total 2\n"


def test_a_declared_family_has_no_samples() -> None:
    out = Exposition()
    out.write(BARE, "")
    assert not out.has_samples
    assert text(out).endswith("counter\n")


def test_samples_of_two_are_under_one_header() -> None:
    first, second = Exposition(), Exposition()
    first.add(INFO, 1, "a", "")
    second.add(INFO, 1, "b", "")
    first.extend(second)
    assert text(first).count("# TYPE") == 1
    assert text(first).count("pve_guest_info{") == 2
