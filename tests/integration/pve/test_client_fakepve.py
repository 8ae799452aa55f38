"""The client against a whole Proxmox API, with the faults that it plays."""

from collections.abc import AsyncIterator, Iterator

import pytest

from hune.core.clock import SystemClock
from hune.pve.access import Access, Endpoint, Limits, Login, Token, Trust
from hune.pve.client import PveClient
from hune.pve.errors import Failed, Forbidden, NotThere, PveError
from support.fakepve_server import FakePve, fakepve
from support.pve_schema import problems

AUDITOR = ["Sys.Audit", "VM.Audit", "Datastore.Audit"]


@pytest.fixture(scope="module")
def cluster() -> Iterator[FakePve]:
    with fakepve(
        {
            "name": "homelab",
            "nodes": {"pve-01": True, "pve-02": True},
            "vms": [{"vmid": 100, "name": "web", "node": "pve-01", "status": "running"}],
            "cts": [{"vmid": 200, "name": "db", "node": "pve-02", "status": "running"}],
            "users": {"mon@pve": "p4ssw0rd"},
            "tokens": {"mon@pve!t": "s3cr3t"},
            "grants": [["mon@pve", "/", AUDITOR], ["mon@pve!t", "/", AUDITOR]],
        }
    ) as pve:
        yield pve


@pytest.fixture(params=["token", "ticket"])
async def client(request: pytest.FixtureRequest, cluster: FakePve) -> AsyncIterator[PveClient]:
    by_token = request.param == "token"
    credentials = Token("mon@pve!t", "s3cr3t") if by_token else Login("mon@pve", "p4ssw0rd")
    access = Access(
        "homelab",
        (Endpoint(cluster.host, cluster.port),),
        credentials,
        Trust(ca_file=cluster.ca_file),
        Limits(timeout_seconds=30.0),
    )
    async with PveClient(access, SystemClock()) as client:
        yield client


async def test_what_an_auditor_may_read_is_read(client: PveClient) -> None:
    resources = await client.get("/cluster/resources")
    assert {row["id"] for row in resources} >= {"qemu/100", "lxc/200", "node/pve-01", "node/pve-02"}
    assert problems("/cluster/resources", resources) == []
    assert (await client.get("/nodes/pve-01/qemu/100/config"))["name"] == "web"
    assert [tally.path for tally in client.account.tallies][-1] == "/nodes/{node}/qemu/{vmid}/config"


async def test_what_an_auditor_may_not_read_is_told(client: PveClient) -> None:
    with pytest.raises(Forbidden) as caught:
        await client.get("/nodes/pve-01/apt/update")
    assert (caught.value.acl_path, caught.value.privileges) == ("/nodes/pve-01", ("Sys.Modify",))


async def test_guest_and_node_that_are_not_there_are_told(client: PveClient) -> None:
    for path in ("/nodes/pve-01/qemu/999/config", "/nodes/pve-09/status", "/no/such/path"):
        with pytest.raises(NotThere):
            await client.get(path)


async def test_node_that_is_offline_is_named(client: PveClient, cluster: FakePve) -> None:
    cluster.call("set_node_offline", "pve-02")
    try:
        with pytest.raises(Failed, match="node pve-02 can't be reached"):
            await client.get("/nodes/pve-02/status")
        assert await client.get("/nodes/pve-01/status")
    finally:
        cluster.call("set_node_offline", "pve-02", False)


async def test_lost_quorum_is_read(client: PveClient, cluster: FakePve) -> None:
    cluster.call("lose_quorum")
    try:
        status = await client.get("/cluster/status")
        assert [row["quorate"] for row in status if row["type"] == "cluster"] == [0]
    finally:
        cluster.call("regain_quorum")


async def test_revoked_tickets_are_replaced(client: PveClient, cluster: FakePve) -> None:
    await client.get("/version")
    cluster.call("revoke_tickets")
    assert await client.get("/version")
    assert client.account.logins in (0, 2)


async def test_dropped_connections_are_survived(client: PveClient, cluster: FakePve) -> None:
    await client.get("/version")
    cluster.call("flaky_network", drop_rate=0.2, seed=7)
    answered = 0
    try:
        for _ in range(20):
            try:
                await client.get("/version")
                answered += 1
            except PveError:
                # As if the moment had passed in which a lone node that failed isn't asked again.
                client.endpoints.doors[0].tried_at -= 2.0
    finally:
        cluster.call("flaky_network")
    assert answered >= 10
