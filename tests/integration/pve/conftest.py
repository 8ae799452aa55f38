"""Nodes on the wire, the certificates they show, and clients that ask them."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from hune.core.clock import Clock, SystemClock
from hune.pve.access import Access, Endpoint, Trust
from hune.pve.client import PveClient
from support.certificates import Certificates, make_certificates
from support.hostile_pve import HostilePve, hostile_pve
from support.pve_stand import PATIENT, TOKEN, Connect, cluster_status


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"), ("127.0.0.1", "pve-01"))


@pytest.fixture
async def nodes(certificates: Certificates) -> AsyncIterator[list[HostilePve]]:
    """Three nodes of one cluster: they share tickets, and each knows itself."""
    async with (
        hostile_pve(certificates.leaf, name="pve-01") as first,
        hostile_pve(certificates.leaf, name="pve-02") as second,
        hostile_pve(certificates.leaf, name="pve-03") as third,
    ):
        cluster = [first, second, third]
        for node in cluster:
            node.tickets = first.tickets
            node.answers = {
                "/version": {"version": "9.0.10", "release": "9.0", "repoid": "0123456789abcdef"},
                "/cluster/status": cluster_status(cluster, node),
                **{f"/nodes/{other.name}/qemu": [] for other in cluster},
            }
        yield cluster


@pytest.fixture
async def connect(certificates: Certificates) -> AsyncIterator[Connect]:
    """Make clients, closed at the end."""
    clients: list[PveClient] = []

    def make(*endpoints: HostilePve | Endpoint, clock: Clock | None = None, **changes: Any) -> PveClient:
        settings: dict[str, Any] = {
            "credentials": TOKEN,
            "trust": Trust(ca_file=str(certificates.ca)),
            "limits": PATIENT,
            **changes,
        }
        doors = tuple(one if isinstance(one, Endpoint) else one.endpoint for one in endpoints)
        client = PveClient(Access("lab", doors, **settings), clock or SystemClock())
        clients.append(client)
        return client

    yield make
    for client in clients:
        await client.close()
