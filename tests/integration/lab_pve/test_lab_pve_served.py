"""The lab's Proxmox API on its sockets: TLS, tokens, machines that die, and other programs that ask it."""

import asyncio
import http.client
import json
import re
import signal
import socket
import ssl
import stat
from pathlib import Path
from typing import Any

import pytest

from hune.collect.pve.collector import Collection
from hune.collect.pve.collectors import collectors
from hune.collect.pve.settings import Settings
from hune.collect.pve.source import Source
from hune.core.clock import SystemClock
from hune.core.layout import Layout
from hune.core.service import start
from hune.http.control import call
from hune.lab.places import socket_path
from hune.lab.pve import identity
from hune.lab.service import Lab
from hune.pve.access import Access, Endpoint, Limits, Token, Trust
from hune.pve.client import PveClient
from hune.pve.errors import Failed, Forbidden, LoginRefused, Unreachable
from support.lab import ADDRESSES, PATIENCE_SECONDS, RunningLab, wait_until
from support.pve_exporters import UPSTREAM, exporter

NODES = tuple(ADDRESSES)


def secret(layout: Layout) -> str:
    return identity.token_path(layout).read_text().strip()


async def client(lab: RunningLab, *nodes: str, token: str = "") -> PveClient:
    """Return Hune's own client, which trusts nothing but the certificate that the overlay names."""
    proof = await asyncio.to_thread(identity.ensure, lab.layout)
    return PveClient(
        Access(
            "lab",
            tuple(Endpoint(ADDRESSES[node], lab.state.machine_port, node) for node in nodes or NODES),
            Token(identity.TOKEN_ID, token or proof.token.partition("=")[2]),
            Trust(fingerprints=(proof.fingerprint,)),
            # As slow as a busy machine makes it.
            Limits(timeout_seconds=PATIENCE_SECONDS, connect_seconds=PATIENCE_SECONDS / 4),
        ),
        SystemClock(),
    )


def connection(lab: RunningLab, node: str) -> http.client.HTTPSConnection:
    context = ssl.create_default_context(cadata=identity.ensure(lab.layout).certificate)
    return http.client.HTTPSConnection(*lab.machine(node), timeout=PATIENCE_SECONDS, context=context)


def ask(lab: RunningLab, open_one: http.client.HTTPSConnection, path: str) -> Any:
    headers = {"Authorization": f"PVEAPIToken={identity.TOKEN_ID}={secret(lab.layout)}"}
    open_one.request("GET", f"/api2/json{path}", headers=headers)
    answer = open_one.getresponse()
    assert answer.status == 200, answer.reason
    return json.loads(answer.read())["data"]


def test_key_and_token_are_for_the_owner_only(lab: RunningLab) -> None:
    for path in (identity.token_path(lab.layout), identity.certificate_path(lab.layout)):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_certificate_names_every_node(lab: RunningLab) -> None:
    for node in NODES:
        kept = connection(lab, node)  # checks name and signature
        names = [row["node"] for row in ask(lab, kept, "/nodes")]
        assert names == list(NODES)
        used = kept.sock
        assert ask(lab, kept, "/version")["release"] == "9.1"
        assert kept.sock is used, "the connection was not kept"
        kept.close()


async def test_hunes_client_reads_it_and_is_refused_where_it_should_be(lab: RunningLab) -> None:
    async with await client(lab) as ours:
        assert (await ours.get("/cluster/status"))[0]["quorate"] == 1
        await asyncio.to_thread(lab.do, "break", fault="forbid", subject="Sys.Modify")
        with pytest.raises(Forbidden) as caught:
            await ours.get("/nodes/pve-03/apt/update")
        assert (caught.value.privileges, caught.value.acl_path) == (("Sys.Modify",), "/nodes/pve-03")
    async with await client(lab, token="00000000-0000-4000-8000-000000000000") as stranger:
        with pytest.raises(LoginRefused):
            await stranger.get("/version")


async def test_every_collector_finds_what_it_looks_for(lab: RunningLab) -> None:
    async with await client(lab) as ours:
        source = Source(ours, SystemClock())
        for collector in collectors(Settings()):
            for node in ("",) if collector.scope == "cluster" else NODES:
                run = Collection(source, node)
                with source.round():
                    await collector.collect(run)
                assert run.problems == [], collector.name
                if collector.name != "tasks":  # where none failed and none runs, there is nothing to tell
                    assert list(run.out.chunks()), collector.name
        await source.close()


def test_prometheus_pve_exporter_reads_it(lab: RunningLab, tmp_path: Path) -> None:
    user, _, name = identity.TOKEN_ID.partition("!")
    config = tmp_path / "pve.yml"
    config.write_text(
        f"default:\n  user: {user}\n  token_name: {name}\n  token_value: {secret(lab.layout)}\n  verify_ssl: false\n"
    )
    lab.do("break", fault="stop", subject="sql-1")
    with exporter(UPSTREAM, config=config) as upstream:
        found = upstream.series(target=":".join(map(str, lab.machine("pve-01"))), cluster=1, node=1)
    up = {dict(labels)["id"]: value for name, _, labels, value in found if name == "pve_up"}
    assert {up[f"node/{node}"] for node in NODES} == {1}
    assert (up["qemu/104"], up["qemu/105"], up["cluster/lab"]) == (0, 1, 1)
    assert sum(name == "pve_guest_info" for name, *_ in found) == 99
    assert {name for name, *_ in found} >= {"pve_ha_state", "pve_onboot_status", "pve_replication_failed_syncs"}


async def test_a_dead_machine_shows_in_both(lab: RunningLab) -> None:
    async with await client(lab, "pve-01") as other, await client(lab, "pve-02") as own:
        await other.get("/version")
        await own.get("/version")
        await asyncio.to_thread(lab.do, "kill", node="pve-02", how="refuse")
        with pytest.raises(OSError, match="refused"):
            await asyncio.to_thread(lab.metrics, "pve-02")
        with pytest.raises(Unreachable):
            await own.get("/nodes/pve-02/status", node="pve-02")
        with pytest.raises((Failed, Unreachable)):
            await other.get("/nodes/pve-02/status")
        online = {row["name"]: row["online"] for row in await other.get("/cluster/status") if row["type"] == "node"}
        assert online == {"pve-01": 1, "pve-02": 0, "pve-03": 1}


def test_a_guests_ports_go_with_it(lab: RunningLab) -> None:
    def ports() -> set[str]:
        found = (
            re.search(r'device="(tap|veth|fw..)(104)[ip]0"', series) for series in lab.metrics("pve-01", "netclass")
        )
        return {match.group(1) for match in found if match}

    def status() -> Any:
        kept = connection(lab, "pve-01")
        try:
            return ask(lab, kept, "/nodes/pve-01/qemu/104/status/current")["status"]
        finally:
            kept.close()

    wait_until(lambda: status() == "running", "the guest starting after its node")
    wait_until(lambda: ports() == {"tap", "fwbr", "fwln", "fwpr"}, "the guest's ports")
    lab.do("break", fault="stop", subject="104")
    assert (ports(), status()) == (set(), "stopped")
    lab.do("mend", subject="104")
    assert (ports(), status()) == ({"tap", "fwbr", "fwln", "fwpr"}, "running")


def test_a_fenced_node_is_dead_in_both(lab: RunningLab) -> None:
    lab.do("fence", node="pve-03")
    assert lab.status()["pve-03"]["power"] == "refuse"
    kept = connection(lab, "pve-01")
    states = ask(lab, kept, "/cluster/ha/status/manager_status")["manager_status"]["node_status"]
    kept.close()
    assert states["pve-03"] == "fence"


def test_connections_that_are_open_end_when_the_machine_dies(lab: RunningLab) -> None:
    kept = connection(lab, "pve-02")
    ask(lab, kept, "/version")
    lab.do("kill", node="pve-02", how="refuse")
    with pytest.raises((OSError, http.client.HTTPException)):
        ask(lab, kept, "/version")
    kept.close()


def test_connections_that_are_open_fall_silent_when_packets_vanish(lab: RunningLab) -> None:
    kept = connection(lab, "pve-02")
    ask(lab, kept, "/version")
    lab.do("kill", node="pve-02", how="hang")
    kept.sock.settimeout(0.5)
    with pytest.raises(TimeoutError):
        ask(lab, kept, "/version")
    kept.close()


def test_a_machine_whose_exporter_died_keeps_its_connections(lab: RunningLab) -> None:
    kept = connection(lab, "pve-02")
    ask(lab, kept, "/version")
    lab.do("kill", node="pve-02", how="exporter")
    assert ask(lab, kept, "/version")
    kept.close()


def test_who_only_knocks_or_talks_nonsense_does_no_harm(lab: RunningLab) -> None:
    for said in (b"", b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x00\x05hello"):
        with socket.create_connection(lab.machine("pve-01"), PATIENCE_SECONDS) as plain:
            plain.sendall(said)
    kept = connection(lab, "pve-01")
    kept.connect()
    kept.sock.sendall(b"this is not HTTP\r\n\r\n")
    assert kept.sock.recv(1) == b""
    kept.close()
    again = connection(lab, "pve-01")
    assert ask(lab, again, "/version")
    again.close()


def test_status_tells_what_is_broken(lab: RunningLab) -> None:
    lab.do("break", fault="fill", subject="pve-01/local-zfs", value=96)
    _, answer = call(socket_path(lab.layout), "GET", "/status", timeout_seconds=PATIENCE_SECONDS)
    (fault,) = answer["faults"]
    assert (fault["fault"], fault["subject"], fault["text"]) == ("fill", "pve-01/local-zfs", "96 % full")
    assert lab.refusal("break", fault="fill", subject="pve-01/local-zfs", value=101).startswith("101: ")


def test_a_crash_of_the_lab_changes_nothing(new_lab: RunningLab) -> None:
    lab = new_lab
    paths = ("/cluster/replication", "/cluster/backup", "/nodes/pve-01/certificates/info", "/cluster/config/nodes")

    def shown() -> list[Any]:
        kept = connection(lab, "pve-01")
        try:
            (tank,) = ask(lab, kept, "/nodes/pve-03/disks/zfs")
            return [*(ask(lab, kept, path) for path in paths), tank["health"]]
        finally:
            kept.close()

    lab.start()
    lab.do("break", fault="degrade-pool", subject="pve-03")
    before = shown()
    lab.stop(signal.SIGKILL)
    lab.start()
    assert shown() == before
    assert before[-1] == "DEGRADED"


async def test_nothing_blocks_the_loop_while_it_answers(new_lab: RunningLab) -> None:
    async with asyncio.timeout(2 * PATIENCE_SECONDS), asyncio.TaskGroup() as group:
        task = await start(group, Lab(new_lab.layout))
        history = {"history": "1", "local-only": "1"}
        async with await client(new_lab) as ours:
            await asyncio.gather(
                *(ours.get("/cluster/metrics/export", history, node=node) for node in NODES),
                *(ours.get("/cluster/resources") for _ in range(5)),
                ours.get("/nodes/pve-02/storage/pbs/content", {"content": "backup"}),
            )
            await asyncio.to_thread(new_lab.do, "break", fault="stop", subject="sql-1")
            await asyncio.to_thread(new_lab.do, "kill", node="pve-02", how="hang")
            await asyncio.to_thread(new_lab.do, "revive")
            await asyncio.to_thread(new_lab.do, "mend")
        task.cancel()
