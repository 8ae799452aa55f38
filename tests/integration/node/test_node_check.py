"""`hune node check` against the real node exporter."""

import asyncio
import json
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hune.cli.node import app
from hune.core.errors import InputError
from hune.http.call import open_session
from hune.site.models import Node
from hune.stack.node_check import LOAD_SENSORS, Finding, judge
from hune.stack.node_facts import ask, ping, reach
from support.ports import free_port


@pytest.fixture
async def exporter() -> AsyncIterator[int]:
    """A node exporter without one of the collectors; its port."""
    port = free_port()
    binary = shutil.which("prometheus-node-exporter") or shutil.which("node_exporter")
    assert binary, "the node exporter is missing: apt-get install prometheus-node-exporter"
    process = await asyncio.create_subprocess_exec(
        binary,
        f"--web.listen-address=127.0.0.1:{port}",
        "--no-collector.loadavg",
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(120):
            while await reach("127.0.0.1", port) != "open":
                assert process.returncode is None
                await asyncio.sleep(0.05)
        yield port
    finally:
        process.terminate()
        await process.wait()


async def look(**settings: object) -> dict[str, Finding]:
    """Return what is found about a node that is taken for another machine, by subject."""
    node = Node.model_validate({"name": "pve-01", "address": "127.0.0.1", "this_host": False} | settings)
    async with open_session() as session:
        return {finding.what: finding for finding in judge(node, await ask(node, session))}


async def test_real_exporter_is_recognised_and_judged(exporter: int) -> None:
    found = await look(
        exporter={"port": exporter}, alive=f"tcp:{exporter}", links=[{"device": "lo"}, {"device": "no0"}]
    )
    assert found["alive"].state == "ok"
    assert found["exporter"].state == "ok"
    assert found["exporter"].detail.startswith("node exporter ")
    assert found["collectors"].detail == "switched off: loadavg"
    assert found["clock"].state == "ok"
    assert "no such port" in found["link no0"].detail
    assert "no such port" not in found["link lo"].detail
    assert "cpu temperature" in found


async def test_nothing_on_the_port_wants_an_exporter() -> None:
    port = free_port()
    found = await look(exporter={"port": port}, alive=f"tcp:{port}")
    assert found["exporter"].detail == f"nothing listens on 127.0.0.1:{port}"
    assert found["alive"].state == "lacking"


async def test_server_that_says_nothing_is_given_up() -> None:
    left = asyncio.Event()

    async def keep_quiet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # The first connection only knocks, the second one asks.
        asked = await reader.read()
        writer.close()
        if asked:
            left.set()

    port = free_port()
    server = await asyncio.start_server(keep_quiet, "127.0.0.1", port)
    node = Node.model_validate({"name": "a", "address": "127.0.0.1", "exporter": {"port": port}})
    async with server, open_session(total_seconds=2.0) as session:
        facts = await ask(node, session)
        await asyncio.wait_for(left.wait(), 60)
    assert facts.metrics is not None
    assert facts.metrics.error == "no answer in time"


async def test_server_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hune.stack.node_facts.MAX_METRICS_BYTES", 1 << 20)

    left = asyncio.Event()

    async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            # It only knocked.
            writer.close()
            return
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n")
        try:
            while True:
                writer.write(b"x 1\n" * 10_000)
                await writer.drain()
        except ConnectionError:
            writer.close()
            left.set()

    port = free_port()
    server = await asyncio.start_server(pour, "127.0.0.1", port)
    async with server:
        found = await look(exporter={"port": port}, alive=f"tcp:{port}")
        await asyncio.wait_for(left.wait(), 60)
    assert "answers with more than 1 MB" in found["exporter"].detail


async def test_host_name_without_address_is_told() -> None:
    assert (await look(address="no-such-host.invalid"))["address"].state == "lacking"


async def test_own_machine_answers_a_ping_where_it_may_be_sent() -> None:
    assert await ping("127.0.0.1") in (True, None)


def test_command_tells_all_nodes_or_the_named_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUNE_DATA_DIR", str(tmp_path / "data"))
    port = free_port()
    site = tmp_path / "site.yaml"
    site.write_text(
        "this_host: false\nnodes:\n"
        f"  - {{name: pve-01, address: 127.0.0.1, this_host: false, exporter: {{port: {port}}}}}\n"
        "  - {name: pve-02, address: no-such-host.invalid}\n"
    )
    runner = CliRunner()
    everything = runner.invoke(app, ["check", "--site", str(site), "--json"])
    assert everything.exit_code == 1
    report = json.loads(everything.output)
    assert report["ready"] is False
    assert [node["node"] for node in report["nodes"]] == ["pve-01", "pve-02"]
    assert report["nodes"][1]["findings"][0]["what"] == "address"

    one = runner.invoke(app, ["check", "PVE-01", "--site", str(site)])
    assert one.exit_code == 1
    assert "on pve-01: apt-get install -y prometheus-node-exporter" in one.output
    assert "pve-02" not in one.output

    wrong = runner.invoke(app, ["check", "pve-1", "--site", str(site)])
    assert isinstance(wrong.exception, InputError)
    assert str(wrong.exception).startswith("pve-1: no such node; did you mean pve-0")


def test_command_for_sensors_is_one_that_a_shell_understands() -> None:
    subprocess.run(["sh", "-n", "-c", LOAD_SENSORS], check=True)
