"""YAML as Hune writes it: what went in comes out, for any YAML reader."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from hune.alerting.yaml_text import to_yaml

text = st.text(st.characters(codec="utf-8"), max_size=20)
keys = st.from_regex(r"key_[a-z]{1,4}", fullmatch=True)
scalars = st.booleans() | st.integers() | text
documents = st.recursive(
    st.dictionaries(keys, scalars | st.lists(scalars), min_size=1, max_size=4),
    lambda inner: st.dictionaries(keys, inner | st.lists(inner, min_size=1, max_size=3), min_size=1, max_size=3),
    max_leaves=8,
)


@given(document=documents)
def test_any_reader_reads_what_was_written(document: dict[str, Any]) -> None:
    assert YAML(typ="safe").load(to_yaml(document)) == document


def test_long_expressions_are_blocks_and_everything_else_is_quoted() -> None:
    written = to_yaml({"groups": [{"name": "no", "rules": [{"expr": "a\n  or b", "for": "1s"}]}]}, comment="A site.")
    assert written == (
        '# A site.\ngroups:\n- name: "no"\n  rules:\n  - expr: |-\n      a\n        or b\n    for: "1s"\n'
    )
