"""Of several senders that say the same one is stored, whichever adapter they talk to; when it falls silent another."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from support import remote_write as remote
from support.timescale import Adapter, adapter, fetch, stored

SILENCE = "UPDATE hune.leader SET seen = now() - interval '31 s'"


def of(replica: str, cluster: str = "home", n: str = "1") -> remote.Labels:
    return (("__name__", "up"), ("__replica__", replica), ("cluster", cluster), ("n", n))


def kept(cluster: str = "home", n: str = "1") -> remote.Labels:
    return (("__name__", "up"), ("cluster", cluster), ("n", n))


@pytest.fixture
def pair(database: str) -> Iterator[tuple[Adapter, Adapter]]:
    with adapter(database) as one, adapter(database) as other:
        yield one, other


async def test_one_replica_of_each_cluster_is_stored_by_all_adapters(
    pair: tuple[Adapter, Adapter], database: str
) -> None:
    now = time.time_ns() // 1_000_000
    for at in range(5):
        for one in pair:
            one.store(remote.request([(of("a", n=str(n)), [(now + at, 1.0)]) for n in range(3)]))
            answer = one.store(remote.request([(of("b", n=str(n)), [(now + at + 100, 2.0)]) for n in range(3)]))
            assert answer.headers["X-Prometheus-Remote-Write-Samples-Written"] == "3"
            one.store(remote.request([(of("b", "work"), [(now + at, 3.0)])]))
    assert await stored(database) == {
        **{kept(n=str(n)): [(now + at, remote.bits(1.0)) for at in range(5)] for n in range(3)},
        kept("work"): [(now + at, remote.bits(3.0)) for at in range(5)],
    }
    assert sum(one.metric("hune_store_samples_of_replicas_total") for one in pair) == 30


async def test_a_silent_replica_is_replaced_and_not_believed_when_it_is_back(database: str) -> None:
    now = time.time_ns() // 1_000_000
    with adapter(database) as one:
        one.store(remote.request([(of("a"), [(now, 1.0)])]))
    await fetch(database, SILENCE)
    with adapter(database) as one:
        one.store(remote.request([(of("b"), [(now + 1, 2.0)])]))
        one.store(remote.request([(of("a"), [(now + 2, 1.0)]), (of("b"), [(now + 3, 2.0)])]))
    expected = [(now, 1.0), (now + 1, 2.0), (now + 3, 2.0)]
    assert await stored(database) == {kept(): [(moment, remote.bits(value)) for moment, value in expected]}


async def test_what_isnt_one_of_several_keeps_its_labels(database: str) -> None:
    now = time.time_ns() // 1_000_000
    alone = [
        (("__name__", "up"), ("__replica__", "a")),
        (("__name__", "up"), ("cluster", "home")),
        (("__name__", "up"), ("cluster", "x" * 9_000)),
    ]
    long = of("\0" + "r" * 9_000, "c" * 9_000)
    with adapter(database) as one:
        one.store(remote.request((labels, [(now, 1.0)]) for labels in [*alone, long]))
    assert set(await stored(database)) == {*alone, kept("c" * 9_000)}
