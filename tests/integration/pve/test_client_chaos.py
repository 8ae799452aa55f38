"""Whatever nodes do, every call ends in time, with an answer or an error of its own kind, and leaves nothing behind."""

import asyncio
import random

import pytest

from hune.pve.access import Limits
from hune.pve.errors import PveError
from support.hostile_pve import (
    HostilePve,
    Misdeed,
    Request,
    drip,
    flood,
    hang_up,
    hang_up_midway,
    refuse,
    say,
    silence,
)
from support.pve_stand import LOGIN, TOKEN, Connect, until

MISDEEDS: list[Misdeed] = [
    drip,
    flood,
    hang_up,
    hang_up_midway,
    silence,
    say(b"garbage"),
    say(b"", status=302, more="Location: https://127.0.0.1:1/\r\n"),
    refuse(403, "Permission check failed (/, Sys.Audit)"),
    refuse(500, "got timeout"),
    refuse(503, "Service Unavailable"),
    refuse(595, "No route to host"),
    refuse(596, "Connection timed out"),
    refuse(401, "no ticket"),
]
PATHS = ("/version", "/cluster/status", "/nodes/pve-01/qemu", "/nodes/pve-02/qemu", "/nodes/pve-03/qemu")
PATIENT_SECONDS = 180.0


@pytest.mark.parametrize("seed", range(4))
async def test_every_call_ends_in_its_time(seed: int, nodes: list[HostilePve], connect: Connect) -> None:
    rng = random.Random(seed)
    limits = Limits(timeout_seconds=1.0, connect_seconds=0.5, concurrency=8, max_answer_bytes=1 << 20)
    client = connect(*nodes, limits=limits, credentials=rng.choice((TOKEN, LOGIN)), learn_nodes=True)
    kinds, over = set[type[object]](), asyncio.Event()
    # One refusal silences a client for seconds: in most runs there is none.
    misdeeds = MISDEEDS if seed == 0 else MISDEEDS[:-1]

    async def misbehave(request: Request, writer: asyncio.StreamWriter) -> None:
        misdeed = rng.choice(misdeeds) if rng.random() < 0.4 else say(b'{"data": []}')
        if request.path == "/access/ticket" and rng.random() < 0.8:
            misdeed = say(b'{"data": {"ticket": "PVE:x"}}')
        await misdeed(request, writer)

    async def mischief() -> None:
        while not over.is_set():
            node = rng.choice(nodes)
            await node.stop()
            await asyncio.sleep(0.05)
            await node.start()
            await asyncio.sleep(0.1)

    async def ask() -> None:
        await asyncio.sleep(rng.random())
        try:
            await client.get(rng.choice(PATHS), node=rng.choice(["", "", "", "pve-02"]))
        except PveError as error:
            kinds.add(type(error))
            told = str(error)
        else:
            told = ""
        assert "\n" not in told

    for node in nodes:
        node.everywhere = misbehave
    trouble = asyncio.create_task(mischief())
    try:
        # Each ends within its time-out; turns are waited for within it too.
        async with asyncio.timeout(PATIENT_SECONDS):
            await asyncio.gather(*(ask() for _ in range(80)))
    finally:
        over.set()
        await trouble
    assert kinds
    # What is left runs in the background: it learns which nodes there are.
    await until(lambda: client.pace.running == client.pace.waiting == 0)
    assert all(not door.calls for door in client.endpoints.doors)
    for node in nodes:
        await node.stop()
        await node.start()
        node.everywhere = None
    # And once they behave again, they are asked again.
    async with asyncio.timeout(PATIENT_SECONDS):
        while True:
            try:
                await client.get("/version")
                break
            except PveError:
                client.endpoints.doors[0].tried_at -= 1.0
                await asyncio.sleep(0.05)


async def test_closing_ends_everything_that_runs(nodes: list[HostilePve], connect: Connect) -> None:
    before = asyncio.all_tasks()
    client = connect(*nodes, limits=Limits(timeout_seconds=60.0, connect_seconds=20.0), learn_nodes=True)
    await nodes[1].stop()
    await client.get("/nodes/pve-02/qemu", {})
    nodes[0].everywhere = silence
    waiting = asyncio.create_task(client.get("/version"))
    await asyncio.sleep(0.2)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await client.close()
    left = {task.get_name() for task in asyncio.all_tasks() - before if "HostilePve" not in repr(task)}
    assert left == set()
