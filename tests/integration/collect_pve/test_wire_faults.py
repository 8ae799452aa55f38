"""Faults on the wire, with every collector at work: a scrape ends in time with what could be had, and says what not."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from hune.collect.pve import compat
from hune.collect.pve.collectors import collectors
from hune.collect.pve.scrape import Scrape, Scraper
from hune.collect.pve.settings import Settings
from hune.collect.pve.source import Source
from hune.core.clock import SystemClock
from hune.pve.access import Access, Endpoint, Limits, Login, Token, Trust
from hune.pve.client import PveClient
from support.certificates import Certificates, make_certificates
from support.hostile_pve import HostilePve, black_hole, drip, flood, hostile_pve, refuse, say, silence
from support.pve_answers import pve9
from support.pve_collecting import samples
from support.pve_stand import LOGIN, TOKEN

LIMITS = Limits(timeout_seconds=60.0, connect_seconds=20.0, max_answer_bytes=1 << 20)
LARGE = Limits(timeout_seconds=60.0, connect_seconds=20.0)
"""Where nobody has to be given up: a busy machine may take long."""
SCRAPE_SECONDS = 110.0

HASTY = Limits(timeout_seconds=4.0, connect_seconds=2.0, max_answer_bytes=1 << 20)
HASTY_SECONDS = 10.0
"""Two time-outs of a call and some: as the 25 s of Prometheus are to the 10 s of a call."""
PATIENT = Limits(timeout_seconds=12.0, connect_seconds=4.0)

DEEP = say(b'{"data": ' + b"[" * 500_000)
PACKED_FLOOD = say(gzip.compress(b" " * (32 << 20)), more="Content-Encoding: gzip\r\n")
NOT_PACKED = say(b"\x1f\x8b oops", more="Content-Encoding: gzip\r\n")
ELSEWHERE = say(b"", status=302, more="Location: https://127.0.0.1:1/api2/json/version\r\n")
LONG = "n" * 100_000


def pace(misdeed: Any) -> tuple[Limits, float]:
    """Return how patient calls and scrapes are: hasty only where they wait in vain."""
    return (HASTY, HASTY_SECONDS) if misdeed in (drip, silence) else (LIMITS, SCRAPE_SECONDS)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"), ("127.0.0.1",))


@pytest.fixture
async def node(certificates: Certificates) -> AsyncIterator[HostilePve]:
    """A node that answers for its whole cluster: pve-01, pve-02, and pve-03, which is down."""
    async with hostile_pve(certificates.leaf) as running:
        running.answers = pve9() | {
            "/version": {"version": "9.0.10", "release": "9.0", "repoid": "0123456789abcdef"},
            "/cluster/backup-info/not-backed-up": [],
        }
        yield running


@dataclass
class Asking:
    """An exporter's stand, without the exporter."""

    client: PveClient
    scraper: Scraper
    own: Any
    upstream: Any

    async def hune(self, seconds: float = SCRAPE_SECONDS) -> Scrape:
        return await self.scraper.scrape(self.own, seconds=seconds)

    async def pve(self, seconds: float = SCRAPE_SECONDS) -> Scrape:
        return await self.scraper.scrape(self.upstream, seconds=seconds)


@asynccontextmanager
async def asking(
    certificates: Certificates, *endpoints: Endpoint, credentials: Token | Login = TOKEN, limits: Limits = LIMITS
) -> AsyncIterator[Asking]:
    trust = Trust(ca_file=str(certificates.ca))
    clock = SystemClock()
    client = PveClient(Access("home", endpoints, credentials, trust, limits), clock)
    source = Source(client, clock)
    scraper = Scraper(source, name="home")
    everything = [one for one in compat.collectors() if one.scope == "cluster"]
    try:
        yield Asking(client, scraper, collectors(Settings()), everything)
    finally:
        await scraper.close()
        await source.close()
        await client.close()


def told(scrape: Scrape) -> dict[str, float]:
    found: dict[str, float] = {}
    for out in scrape.expositions:
        found |= samples(out)
    return found


def written(scrape: Scrape) -> bytes:
    return b"".join(chunk for out in scrape.expositions for chunk in out.chunks())


def lacking(scrape: Scrape) -> set[str]:
    return {outcome.collector.name for outcome in scrape.failed}


def unfinished(scrape: Scrape) -> set[str]:
    """Return the collectors that were still at work when the scrape had to end."""
    return {
        outcome.collector.name
        for outcome in scrape.failed
        if any("still at work" in str(problem) for problem in outcome.problems)
    }


async def test_without_a_fault_nothing_lacks(node: HostilePve, certificates: Certificates) -> None:
    async with asking(certificates, node.endpoint) as home:
        assert lacking(await home.hune()) == set()
        assert lacking(await home.pve()) == set()


async def test_a_403_on_one_path_costs_what_it_tells(node: HostilePve, certificates: Certificates) -> None:
    node.misdeeds["/nodes/pve-01/services"] = refuse(403, "Permission check failed (/nodes/pve-01, Sys.Audit)")
    async with asking(certificates, node.endpoint) as home:
        scrape = await home.hune()
    assert lacking(scrape) == {"services"}
    [outcome] = scrape.failed
    assert [problem.path for problem in outcome.problems] == ["/nodes/pve-01/services"]
    assert "Sys.Audit" in str(outcome.problems[0])
    assert 'hune_pve_service_running{node="pve-02",service="pveproxy"}' in told(scrape)


async def test_a_black_holed_node_that_the_cluster_still_counts_costs_one_time_out(
    node: HostilePve, certificates: Certificates
) -> None:
    """Of all collectors together: none of them is still at work when two time-outs are over."""
    node.misdeeds |= {path.partition("?")[0]: silence for path in node.answers if path.startswith("/nodes/pve-02/")}
    with black_hole() as hole:
        dead = Endpoint(hole.host, hole.port, "pve-02")
        async with asking(certificates, dead, node.endpoint, limits=PATIENT) as home:
            first = await home.hune(2 * PATIENT.timeout_seconds)
            assert unfinished(first) == set()
            # What was patient for less than that comes now.
            second = await home.hune(2 * PATIENT.timeout_seconds)
            assert all("pve-02" in problem.path for outcome in second.failed for problem in outcome.problems)
            before = told(second)
            assert 'hune_pve_service_running{node="pve-01",service="pveproxy"}' in before
            assert not [series for series in before if series.startswith("hune_pve_service") and "pve-02" in series]
            upstream = await home.pve()
            assert lacking(upstream) == set()


@pytest.mark.parametrize(
    "misdeed",
    [
        *(drip, silence, flood, say(b"<html>oops"), say(b'{"data": nonsense}'), say(b"[]")),
        *(DEEP, PACKED_FLOOD, NOT_PACKED, ELSEWHERE),
    ],
)
async def test_one_answer_that_is_none_costs_what_it_tells(
    misdeed: Any, node: HostilePve, certificates: Certificates
) -> None:
    node.misdeeds["/nodes/pve-01/disks/zfs"] = misdeed
    node.misdeeds["/cluster/backup-info/not-backed-up"] = misdeed
    limits, seconds = pace(misdeed)
    async with asking(certificates, node.endpoint, limits=limits) as home:
        own, upstream = await home.hune(seconds), await home.pve(seconds)
    assert (lacking(own), lacking(upstream)) == ({"zfs"}, {"backup-info"})
    assert unfinished(own) | unfinished(upstream) == set()


@pytest.mark.parametrize(
    "misdeed", [drip, silence, flood, say(b"<html>oops"), say(b'{"data": 3}'), DEEP, PACKED_FLOOD, ELSEWHERE]
)
async def test_nothing_but_nonsense_is_an_empty_scrape_in_time(
    misdeed: Any, node: HostilePve, certificates: Certificates
) -> None:
    node.everywhere = misdeed
    limits, seconds = pace(misdeed)
    async with asking(certificates, node.endpoint, limits=limits) as home:
        async with asyncio.timeout(2 * seconds + 60):
            own, upstream = await home.hune(seconds), await home.pve(seconds)
    assert own.is_empty
    assert upstream.is_empty
    assert all(str(problem) for outcome in own.failed for problem in outcome.problems)


async def test_without_quorum_it_is_read_that_there_is_none(node: HostilePve, certificates: Certificates) -> None:
    alone = [
        row | ({"quorate": 0} if row["type"] == "cluster" else {"online": int(row["name"] == "pve-01")})
        for row in node.answers["/cluster/status"]
    ]
    node.answers["/cluster/status"] = alone
    async with asking(certificates, node.endpoint) as home:
        own, upstream = told(await home.hune()), told(await home.pve())
    assert own["hune_pve_quorum_quorate{}"] == 0
    assert own['hune_pve_node_online{node="pve-02"}'] == 0
    assert [value for series, value in upstream.items() if series.startswith('pve_up{id="cluster/')] == [0]
    assert not node.asked("/nodes/pve-02/services")


async def test_an_ended_ticket_is_renewed_within_the_scrape(node: HostilePve, certificates: Certificates) -> None:
    async with asking(certificates, node.endpoint, credentials=LOGIN) as home:
        assert lacking(await home.hune()) == set()
        node.tickets.clear()
        assert lacking(await home.hune()) == lacking(await home.pve()) == set()
        assert node.asked("/access/ticket") == 2


async def test_a_changed_certificate_is_told_and_nothing_is_sent(
    node: HostilePve, certificates: Certificates, tmp_path_factory: pytest.TempPathFactory
) -> None:
    async with asking(certificates, node.endpoint) as home:
        assert lacking(await home.pve()) == set()
        await node.stop()
        node.leaf = make_certificates(tmp_path_factory.mktemp("others"), ("127.0.0.1",)).leaf
        await node.start()
        node.requests.clear()
        scrape = await home.pve()
        # What was read before, and is still young, is told; nothing else.
        assert lacking(scrape) >= {"status", "resources", "cluster"}
        assert "certificate" in str(scrape.failed[0].problems[0])
        assert node.requests == []


async def test_20000_guests_are_told_in_time(node: HostilePve, certificates: Certificates) -> None:
    [guest] = [row for row in node.answers["/cluster/resources"] if row["id"] == "qemu/100"]
    many = [guest | {"id": f"qemu/{vmid}", "vmid": vmid, "name": f"vm-{vmid}"} for vmid in range(1000, 21000)]
    node.answers["/cluster/resources"] += many
    async with asking(certificates, node.endpoint, limits=LARGE) as home:
        upstream = await home.pve()
        assert lacking(upstream) == set()
        assert written(upstream).count(b"\npve_guest_info{") > 20_000
        # Their configurations are asked for little by little: each scrape brings some more.
        own = await home.hune()
        assert unfinished(own) == set()
        assert b"\nhune_pve_quorum_quorate 1\n" in written(own)


def grown(value: Any) -> Any:
    """Return an answer with every text that people choose made a hundred kilobytes long."""
    if isinstance(value, list):
        return [grown(each) for each in value]
    if not isinstance(value, dict):
        return value
    chosen = ("comment", "comments", "description", "tags", "notes", "hastate", "lock", "pool", "error", "model")
    return {
        key: LONG if isinstance(each, str) and (key in chosen or (key == "name" and "vmid" in value)) else grown(each)
        for key, each in value.items()
    }


async def test_texts_of_100_kilobytes_are_cut_in_our_own_series(node: HostilePve, certificates: Certificates) -> None:
    node.answers = {path: grown(answer) for path, answer in node.answers.items()}
    async with asking(certificates, node.endpoint, limits=LARGE) as home:
        own, upstream = await home.hune(), await home.pve()
    assert lacking(own) | lacking(upstream) == set()
    longest = max(written(own).splitlines(), key=len)
    assert len(longest) < 2000, longest[:200]
    # Upstream's are as upstream's.
    assert b'name="' + LONG.encode() in written(upstream)
