"""Whatever Proxmox, or what stands in its place, answers: a problem that says so, no traceback, no broken scrape."""

from __future__ import annotations

import asyncio
import copy
import os
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hune.collect.pve.collectors import ALL
from hune.pve.errors import PveError
from support.pve_answers import hidden_backups, pve9
from support.pve_collecting import check_families, make_stand, samples

MORE = 30 if os.environ.get("HUNE_TEST_LONG") else 1
SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(
        ["", "0", "1", "nan", "running", "qemu", "-", "\ud800", "a\nb", 'quote"', "x" * 500, "../..", "{node}"]
    )
)
json = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def places(value: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the way to everything within a JSON value, itself included."""
    inside: list[tuple[Any, ...]] = [way]
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        inside.extend(places(item, (*way, key)))
    return inside


def put(value: Any, way: tuple[Any, ...], new: Any) -> Any:
    if not way:
        return new
    value[way[0]] = put(value[way[0]], way[1:], new)
    return value


async def run_with(name: str, answers: dict[str, Any]) -> None:
    stand = make_stand(answers)
    out = None
    try:
        run = await stand.run(name)
    except PveError as error:
        str(error).encode()
    else:
        out = run.out
        for problem in run.problems:
            str(problem).encode()
    finally:
        await stand.source.close()
    if out is not None:
        # Parsed, finite, of the announced families, encodable: all that Prometheus asks.
        samples(out)
        check_families(stand.by_name[name], out)
    elsewhere = [path for path in stand.api.asked if ".." in path or path.count("?") > 1]
    assert not elsewhere


@pytest.mark.parametrize("name", [collector.name for collector in ALL])
@given(data=st.data())
@settings(
    max_examples=40 * MORE, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
def test_one_wrong_thing_anywhere_in_an_answer_is_survived(name: str, data: st.DataObject) -> None:
    hidden = hidden_backups() if name == "protection" and data.draw(st.booleans(), label="hidden") else {}
    answers = copy.deepcopy(pve9() | hidden)
    stand = make_stand(answers)
    asyncio.run(stand.run(name))
    path = data.draw(st.sampled_from(sorted(path for path in stand.api.asked if path in answers)), label="path")
    way = data.draw(st.sampled_from(places(answers[path])), label="way")
    answers[path] = put(answers[path], way, data.draw(json, label="instead"))
    asyncio.run(run_with(name, answers))


@pytest.mark.parametrize("name", [collector.name for collector in ALL])
@given(data=st.data())
@settings(max_examples=10 * MORE, deadline=None, suppress_health_check=SLOW)
def test_one_field_missing_anywhere_is_survived(name: str, data: st.DataObject) -> None:
    answers = copy.deepcopy(pve9())
    stand = make_stand(answers)
    asyncio.run(stand.run(name))
    path = data.draw(st.sampled_from(sorted(path for path in stand.api.asked if path in answers)), label="path")
    fields = [way for way in places(answers[path]) if way and isinstance(way[-1], str)]
    if fields:
        way = data.draw(st.sampled_from(fields), label="way")
        holder = answers[path]
        for key in way[:-1]:
            holder = holder[key]
        del holder[way[-1]]
    asyncio.run(run_with(name, answers))
