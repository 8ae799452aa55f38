"""A cluster is asked through whichever of its nodes answers."""

import asyncio

import pytest

from hune.pve.access import Endpoint, Limits, Trust
from hune.pve.errors import Failed, OverBudget, TimedOut, Unreachable
from support.certificates import Certificates
from support.hostile_pve import HostilePve, black_hole, hang_up, hostile_pve, refuse, silence
from support.ports import free_port, loopback_addresses
from support.pve_stand import Connect, cluster_status, until
from support.stepped_clock import SteppedClock


async def test_dead_endpoint_is_left_for_the_next(nodes: list[HostilePve], connect: Connect) -> None:
    await nodes[0].stop()
    client = connect(*nodes)
    for _ in range(5):
        assert await client.get("/version")
    assert (nodes[1].asked("/version"), nodes[2].asked("/version")) == (5, 0)
    assert client.endpoints.doors[0].trouble == "connection refused"


async def test_black_holed_endpoint_costs_one_time_out(nodes: list[HostilePve], connect: Connect) -> None:
    with black_hole() as hole:
        client = connect(hole, nodes[0], limits=Limits(timeout_seconds=60.0, connect_seconds=2.0))
        for _ in range(2):
            await asyncio.gather(*(client.get("/cluster/status") for _ in range(5)))
        # Only trials in the background go on, which ask for something else.
        tried = [tally for tally in client.account.tallies if tally.path == "/cluster/status"]
        assert {tally.outcome: tally.calls for tally in tried} == {"unreachable": 5, "ok": 10}
        assert client.endpoints.doors[0].trouble == "no connection within 2 s"
        assert nodes[0].asked("/cluster/status") == 10


async def test_endpoint_that_never_shakes_hands_is_left(nodes: list[HostilePve], connect: Connect) -> None:
    held: list[asyncio.StreamWriter] = []

    async def hold(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.append(writer)

    port = free_port()
    server = await asyncio.start_server(hold, "127.0.0.1", port)
    try:
        limits = Limits(timeout_seconds=60.0, connect_seconds=2.0)
        assert await connect(Endpoint("127.0.0.1", port), nodes[0], limits=limits).get("/version")
        assert held
    finally:
        for writer in held:
            writer.transport.abort()
        server.close()
        await server.wait_closed()


async def test_node_that_falls_silent_is_left_while_calls_wait_for_it(
    nodes: list[HostilePve], connect: Connect
) -> None:
    client = connect(*nodes, limits=Limits(timeout_seconds=600.0, connect_seconds=2.0))
    await client.get("/version")
    nodes[0].everywhere = silence
    # They don't wait for the whole time-out of 600 s: a trial tells after a moment that nothing comes any more.
    async with asyncio.timeout(120):
        answers = await asyncio.gather(*(client.get("/cluster/status") for _ in range(5)))
    assert [row["name"] for row in answers[0] if row.get("local")] == ["pve-02"]
    assert client.endpoints.doors[0].trouble == "connects, but does not answer"


async def test_slow_answer_does_not_condemn_a_node_that_works(nodes: list[HostilePve], connect: Connect) -> None:
    nodes[0].misdeeds["/nodes/pve-01/qemu"] = silence
    client = connect(*nodes, limits=Limits(timeout_seconds=5.0, connect_seconds=4.0))
    with pytest.raises(TimedOut, match=r"/nodes/pve-01/qemu: .* did not answer within 5 s"):
        await client.get("/nodes/pve-01/qemu")
    await client.get("/version")
    assert client.endpoints.doors[0].trouble == ""
    assert nodes[1].requests == []


async def test_dead_endpoint_is_found_alive_again_in_the_background(nodes: list[HostilePve], connect: Connect) -> None:
    await nodes[0].stop()
    client = connect(*nodes)
    await client.get("/version")
    await nodes[0].start()
    await until(lambda: not client.endpoints.doors[0].trouble)
    # What works is kept to.
    await client.get("/version")
    assert nodes[1].asked("/version") == 2


async def test_lone_endpoint_that_comes_back_is_asked_at_once(nodes: list[HostilePve], connect: Connect) -> None:
    await nodes[0].stop()
    client = connect(nodes[0])
    with pytest.raises(Unreachable, match=r"127\.0\.0\.1:\d+: connection refused$"):
        await client.get("/version")
    await nodes[0].start()
    client.endpoints.doors[0].tried_at -= 2.0  # as if a moment had passed
    assert await client.get("/version")


async def test_all_dead_is_one_line_that_tells_each(nodes: list[HostilePve], connect: Connect) -> None:
    for node in nodes:
        await node.stop()
    client = connect(*nodes, clock=SteppedClock())
    with pytest.raises(Unreachable) as caught:
        await client.get("/version")
    assert str(caught.value).startswith("lab: none of its endpoints can be asked: 127.0.0.1:")
    assert str(caught.value).count("connection refused") == 3
    # While that is fresh, nobody waits for it again.
    before = client.account.calls
    with pytest.raises(Unreachable):
        await client.get("/version")
    assert client.account.calls == before


async def test_connection_cut_without_an_answer_is_tried_elsewhere(nodes: list[HostilePve], connect: Connect) -> None:
    nodes[0].everywhere = hang_up
    client = connect(*nodes)
    assert await client.get("/version")
    assert client.account.retries == 1


async def test_connection_closed_while_it_was_idle_is_no_failure(nodes: list[HostilePve], connect: Connect) -> None:
    client = connect(nodes[0])
    await client.get("/version")
    await nodes[0].stop()
    await nodes[0].start()
    assert await client.get("/version")
    assert client.endpoints.doors[0].trouble == ""


async def test_paths_of_a_node_go_to_that_node(nodes: list[HostilePve], connect: Connect) -> None:
    client = connect(*nodes)
    await client.get("/nodes/pve-03/qemu")
    await client.get("/version")
    assert [request.path for request in nodes[2].requests] == ["/nodes/pve-03/qemu"]
    assert [request.path for request in nodes[0].requests] == ["/version"]


async def test_paths_of_a_dead_node_go_to_another(nodes: list[HostilePve], connect: Connect) -> None:
    await nodes[2].stop()
    client = connect(*nodes)
    nodes[0].misdeeds["/nodes/pve-03/qemu"] = refuse(595, "No route to host")
    with pytest.raises(Failed, match="node pve-03 can't be reached"):
        await client.get("/nodes/pve-03/qemu")
    # That is pve-03's fault, not the messenger's.
    assert client.endpoints.doors[0].trouble == ""


async def test_node_asked_for_itself_is_never_replaced(nodes: list[HostilePve], connect: Connect) -> None:
    await nodes[1].stop()
    client = connect(*nodes)
    with pytest.raises(Unreachable, match="connection refused"):
        await client.get("/cluster/metrics/export", node="pve-02")
    with pytest.raises(Unreachable, match="address of node pve-09 is not known; add the node"):
        await client.get("/cluster/metrics/export", node="pve-09")
    assert nodes[0].requests == nodes[2].requests == []


async def test_node_whose_daemon_is_dead_is_left_for_a_while(nodes: list[HostilePve], connect: Connect) -> None:
    nodes[0].misdeeds["/cluster/status"] = refuse(595, "Connection refused")
    client = connect(*nodes, clock=SteppedClock())
    assert await client.get("/cluster/status")
    assert client.endpoints.doors[0].trouble == "answers 595 Connection refused"
    assert await client.get("/version")
    assert nodes[0].asked("/version") == 0


async def test_node_that_falters_is_better_than_none(nodes: list[HostilePve], connect: Connect) -> None:
    nodes[0].misdeeds["/cluster/status"] = refuse(595, "Connection refused")
    client = connect(nodes[0])
    with pytest.raises(Failed, match="its own daemon can't be reached"):
        await client.get("/cluster/status")
    assert await client.get("/version")


async def test_other_nodes_are_learned_and_stand_in(certificates: Certificates, connect: Connect) -> None:
    first_host, second_host = loopback_addresses(2)
    async with (
        hostile_pve(certificates.leaf, name="pve-01", host=first_host) as first,
        hostile_pve(certificates.leaf, name="pve-02", host=second_host) as second,
    ):
        await second.stop()
        second.port = first.port
        await second.start()
        for node in (first, second):
            node.answers = {"/version": {"version": "9.0.10"}, "/cluster/status": cluster_status([first, second], node)}
        # The certificates name no address but 127.0.0.1.
        by_fingerprint = Trust(fingerprints=(certificates.leaf.fingerprint,))
        client = connect(Endpoint(first.host, first.port), learn_nodes=True, trust=by_fingerprint)
        await client.get("/version")
        await until(lambda: [str(door.endpoint.node) for door in client.endpoints.doors] == ["pve-01", "pve-02"])
        await until(lambda: not client.endpoints.doors[1].trouble)
        assert await client.get("/cluster/status", node="pve-02")
        await first.stop()
        assert await client.get("/version")


async def test_learned_address_that_leads_nowhere_costs_no_call_anything(
    nodes: list[HostilePve], connect: Connect
) -> None:
    gone = dict(nodes[0].answers["/cluster/status"][1], name="pve-04", id="node/pve-04", ip="127.0.0.9", local=0)
    nodes[0].answers["/cluster/status"].append(gone)
    client = connect(nodes[0], learn_nodes=True)
    await client.get("/cluster/status")
    await until(lambda: client.endpoints.doors[-1].trouble == "connection refused")
    for _ in range(3):
        await client.get("/nodes/pve-01/qemu")
    assert client.account.retries == 0


async def test_quorum_loss_is_an_answer_like_any_other(nodes: list[HostilePve], connect: Connect) -> None:
    nodes[0].answers["/cluster/status"] = cluster_status(nodes, nodes[0], quorate=0)
    assert (await connect(*nodes).get("/cluster/status"))[0]["quorate"] == 0


async def test_budget_is_kept(nodes: list[HostilePve], connect: Connect) -> None:
    client = connect(nodes[0], limits=Limits(timeout_seconds=9.0, calls_per_minute=8.0))
    results = await asyncio.gather(*(client.get("/version") for _ in range(20)), return_exceptions=True)
    refused = [result for result in results if isinstance(result, OverBudget)]
    assert len(refused) == 18
    assert str(refused[0]) == "lab: /version: more than 8 calls a minute; ask less often, or raise the budget"
    assert nodes[0].asked("/version") == 2


async def test_call_that_gets_no_turn_ends_in_time(nodes: list[HostilePve], connect: Connect) -> None:
    client = connect(nodes[0], limits=Limits(timeout_seconds=0.3, concurrency=1))
    await client.pace.take(0.0)
    with pytest.raises(TimedOut, match=r"lab: /version: too many calls are ahead within 0\.3 s"):
        await client.get("/version")
    assert (client.pace.running, client.pace.waiting) == (1, 0)
    assert nodes[0].requests == []


async def test_cancelled_call_gives_its_turn_back(nodes: list[HostilePve], connect: Connect) -> None:
    nodes[0].misdeeds["/nodes/pve-01/qemu"] = silence
    client = connect(nodes[0], limits=Limits(timeout_seconds=60.0, connect_seconds=20.0, concurrency=1))
    task = asyncio.create_task(client.get("/nodes/pve-01/qemu"))
    await until(lambda: nodes[0].asked("/nodes/pve-01/qemu") == 1)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert await client.get("/version")
    assert [tally.outcome for tally in client.account.tallies] == ["cancelled", "ok"]


async def test_time_outs_slow_the_pace_and_answers_raise_it_again(nodes: list[HostilePve], connect: Connect) -> None:
    nodes[0].misdeeds["/nodes/pve-01/qemu"] = silence
    limits = Limits(timeout_seconds=2.0, connect_seconds=20.0, concurrency=8)
    client = connect(nodes[0], clock=SteppedClock(), limits=limits)
    with pytest.raises(TimedOut):
        await client.get("/nodes/pve-01/qemu")
    assert client.pace.limit == 4
    for _ in range(40):
        await client.get("/version")
    assert client.pace.limit == 8
