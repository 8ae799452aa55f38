"""The services run on uvloop: what depends on the event loop holds there too."""

import asyncio

import pytest
import uvloop

from hune.core.clock import SystemClock
from hune.pve.access import Access, Endpoint, Limits, Trust
from hune.pve.client import PveClient
from hune.pve.errors import Unreachable
from support.certificates import Certificates
from support.hostile_pve import black_hole, hang_up_midway, hostile_pve, silence
from support.pve_stand import LOGIN

LIMITS = Limits(timeout_seconds=60.0, connect_seconds=2.0)


async def scenario(certificates: Certificates) -> None:
    trust = Trust(fingerprints=(certificates.leaf.fingerprint,))
    async with (
        hostile_pve(certificates.leaf, name="pve-01") as good,
        hostile_pve(certificates.renewed, name="pve-02") as changed,
    ):
        good.answers["/version"] = {"version": "9.0.10"}
        with black_hole() as hole:
            doors = (Endpoint(hole.host, hole.port), changed.endpoint, good.endpoint)
            async with PveClient(Access("lab", doors, LOGIN, trust, LIMITS), SystemClock()) as client:
                await asyncio.gather(*(client.get("/version") for _ in range(20)))
                assert [door.trouble.partition(" ")[0] for door in client.endpoints.doors] == ["no", "its", ""]
                assert client.account.logins == 1
                good.everywhere = silence
                with pytest.raises(Unreachable, match="connects, but does not answer"):
                    await client.get("/version")
        good.everywhere = hang_up_midway
        async with PveClient(Access("lab", (good.endpoint,), LOGIN, trust, LIMITS), SystemClock()) as client:
            with pytest.raises(Unreachable, match="broke off"):
                await client.get("/version")
        assert changed.requests == []


def test_client_works_on_uvloop(certificates: Certificates) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(scenario(certificates))
