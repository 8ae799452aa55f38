"""The conductor keeps everything alive, tells what is wrong, and leaves nothing behind."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import subprocess
import time
import urllib.error
from pathlib import Path

import pytest

from hune.stack.ports import is_free
from support.ports import free_port
from support.product import COMMAND, Product, get_json, query, wait_until, wait_until_equal

SERVICES = {"prometheus", "victoriametrics", "alertmanager", "node-exporter", "blackbox-exporter", "hub", "nester"}
PROCESSES = ("prometheus", "victoriametrics", "alertmanager", "node-exporter", "blackbox-exporter", "services")
KILLS = 50 if os.environ.get("HUNE_TEST_LONG") else len(PROCESSES)


def test_everything_works_and_says_what_was_checked(running: Product) -> None:
    wait_until(lambda: running.health()["healthy"], "everything works")
    report = running.ask("health")
    assert report["healthy"]
    assert running.ask("status")["site"] == running.status()["site"]
    assert {row["name"] for row in report["services"]} >= SERVICES
    assert all(row["detail"] and row["pid"] and row["address"].startswith("127.0.0.1:") for row in report["services"])


def test_more_than_a_thousand_series_are_in_prometheus_and_the_same_in_the_store(running: Product) -> None:
    prometheus, store = running.url("prometheus"), running.url("victoriametrics")

    def enough() -> bool:
        rows = query(prometheus, 'count({job=~"node|prometheus|victoriametrics|alertmanager"})')
        return bool(rows) and float(rows[0]["value"][1]) > 1000

    wait_until(enough, "a thousand series")
    end = time.time()
    wait_until_equal(prometheus, store, start=end - 60, end=end)


def test_nothing_listens_beyond_loopback(running: Product) -> None:
    pids = {row["pid"] for row in running.status()["processes"]}
    inodes = set()
    for pid in pids:
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                # As socket:[4711].
                kind, _, inode = str(descriptor.readlink()).partition(":")
                if kind == "socket":
                    inodes.add(inode.strip("[]"))
    for table, loopback in (("/proc/net/tcp", "0100007F"), ("/proc/net/tcp6", "00000000000000000000000001000000")):
        for line in Path(table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in inodes:
                assert fields[1].split(":")[0] == loopback, line


def test_nobody_silences_alerts_without_the_key_which_is_told_to_nobody(running: Product) -> None:
    silences = f"{running.url('alertmanager')}/api/v2/silences"
    with pytest.raises(urllib.error.HTTPError, match="401"):
        get_json(silences)
    assert get_json(silences, running.key_to("alertmanager")) == []
    keys = running.data_dir / "keys"
    assert keys.stat().st_mode & 0o077 == 0
    word = (keys / "alertmanager").read_text().strip().encode()
    for process in running.status()["processes"]:
        assert word not in Path(f"/proc/{process['pid']}/cmdline").read_bytes()
    for path, content in running.contents("config", "logs", "run"):
        assert word not in content, path


def test_a_second_start_on_the_same_directory_is_refused(running: Product) -> None:
    result = running.run("up", "--detach", "--auto-ports")
    assert result.returncode != 0
    assert "already running" in result.stderr


def test_clean_refuses_while_running(running: Product) -> None:
    result = running.run("clean", "--yes")
    assert result.returncode == 2
    assert "hune down" in result.stderr


def test_an_unchanged_site_plans_and_reloads_nothing(running: Product) -> None:
    ports = {row["name"]: row["address"] for row in running.status()["services"]}
    assert running.ask("plan")["changes"] == []
    done = running.ask("reload")
    assert not any(done[what] for what in ("started", "restarted", "reloaded", "stopped"))
    assert {row["name"]: row["address"] for row in running.status()["services"]} == ports


def test_a_site_file_that_is_written_later_is_planned_and_taken_up(product: Product) -> None:
    product.up()
    pid = product.pid("prometheus")
    product.write_site("name: rack\nnodes:\n  - {name: pve-01, address: 127.0.0.1}\n")
    assert any("pve-01" in line for line in product.ask("plan")["changes"])
    product.ask("reload")
    assert product.status()["site"] == "rack"
    assert product.pid("prometheus") == pid
    assert product.ask("plan")["changes"] == []


def test_logs_are_printed_by_name_and_unknown_names_are_told(running: Product) -> None:
    assert "ready after" in running.run("logs", "conductor", "-n", "200").stdout
    result = running.run("logs", "prometeus")
    assert result.returncode == 2
    assert "prometheus" in result.stderr


@pytest.mark.parametrize("number", range(KILLS))
def test_a_killed_process_comes_back_and_no_sample_is_missing(running: Product, number: int) -> None:
    # Each in turn, then random ones; the seed is the number, so that a failure can be repeated.
    name = PROCESSES[number] if number < len(PROCESSES) else random.Random(number).choice(PROCESSES)
    prometheus, store = running.url("prometheus"), running.url("victoriametrics")
    began = time.time()
    before = running.pid(name)
    os.kill(before, signal.SIGKILL)
    wait_until(lambda: running.pid(name) not in (0, before) and running.health()["healthy"], f"{name} works again")

    def complete() -> bool:
        status = running.status()
        return not status["has_gap"] and status["complete_until"] > began - 60

    wait_until(complete, "the gap is closed")
    end = time.time()
    wait_until_equal(prometheus, store, start=began - 30, end=end)


def test_a_killed_conductor_leaves_no_process_and_the_next_start_recovers(product: Product) -> None:
    status = product.up()
    pids = [row["pid"] for row in status["processes"]]
    os.kill(status["pid"], signal.SIGKILL)
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids), "all children are gone")
    assert product.up()["healthy"]


@pytest.mark.long
def test_samples_that_the_store_never_took_hold_nothing_up(product: Product) -> None:
    status = product.up()
    pids = {row["name"]: row["pid"] for row in status["processes"]}
    os.kill(pids["victoriametrics"], signal.SIGSTOP)
    # Longer than a scrape interval: there are samples to send.
    time.sleep(20)
    os.kill(status["pid"], signal.SIGKILL)
    os.kill(pids["victoriametrics"], signal.SIGKILL)
    gone = lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids.values())  # noqa: E731
    wait_until(gone, "all children are gone")
    assert product.up()["healthy"]


def test_samples_of_a_clock_that_went_ahead_do_not_hide_the_present(product: Product) -> None:
    product.up()
    product.down()
    # As after a start with a clock an hour ahead, which was set right since.
    ahead = time.time() + 3600
    for segment in (product.data_dir / "data" / "prometheus" / "wal").glob("0*"):
        os.utime(segment, (ahead, ahead))
    assert product.up()["healthy"]
    assert (product.data_dir / "data" / "prometheus-ahead" / "wal").exists()
    assert "the clock was set back" in product.run("logs", "conductor").stdout


def test_a_stopped_stack_leaves_no_process(product: Product) -> None:
    status = product.up()
    product.down()
    assert not any(Path(f"/proc/{row['pid']}").exists() for row in status["processes"])
    assert "not running" in product.run("status").stderr
    assert product.run("clean", "--yes").returncode == 0
    assert not product.data_dir.exists()


def test_a_taken_port_is_told_with_its_holder(product: Product) -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", port)):
        result = product.run("up", "--detach", "--auto-ports", "--port", f"prometheus={port}")
    assert result.returncode != 0
    assert f"port {port} is held by" in result.stderr
    assert f"pid {os.getpid()}" in result.stderr


def test_a_node_exporter_that_already_listens_is_used(product: Product, tmp_path: Path) -> None:
    port = free_port()
    argv = ["prometheus-node-exporter", f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"]
    with (tmp_path / "exporter.log").open("w") as log, subprocess.Popen(argv, stdout=log, stderr=log) as exporter:
        try:
            wait_until(lambda: not is_free("127.0.0.1", port), "the exporter listens")
            status = product.up("--port", f"node-exporter={port}")
            [row] = [row for row in status["services"] if row["name"] == "node-exporter"]
            assert row["healthy"]
            assert row["pid"] == 0
            assert any("already listens" in note for note in status["notes"])
            product.down()
            assert exporter.poll() is None
        finally:
            exporter.terminate()


@pytest.mark.parametrize(
    ("site", "words"),
    [
        ("nodes: [{name: a}]", ["site.yaml:1:", "address"]),
        ("engines: {prometheus: {path: /bin/does-not-exist}}", ["engines.prometheus.path"]),
        ("engines: {prometheus: {path: /bin/false}}", ["prometheus", "--version failed"]),
        ("receivers: [{name: d, discord: {webhook: 'env:HUNE_NO_SUCH_VARIABLE'}}]", ["HUNE_NO_SUCH_VARIABLE"]),
        ("engines: {prometheus: {retention: forever}}", ["site.yaml:1:", "retention"]),
    ],
)
def test_a_site_that_can_not_be_run_is_told_in_clear_lines(product: Product, site: str, words: list[str]) -> None:
    product.write_site(site + "\n")
    result = product.run("up", "--detach", "--auto-ports")
    assert result.returncode != 0
    for word in words:
        assert word in result.stderr
    assert "not running" in product.run("status").stderr


def test_a_refused_change_leaves_the_running_stack_as_it_was(product: Product) -> None:
    site = product.write_site("name: first\n")
    status = product.up()
    site.write_text("name: first\nnodes: [{name: broken}]\n")
    result = product.run("reload")
    assert result.returncode != 0
    assert "site.yaml:2:" in result.stderr
    after = product.status()
    wait_until(lambda: product.health()["healthy"], "everything works")
    assert [row["pid"] for row in after["processes"]] == [row["pid"] for row in status["processes"]]


def test_a_change_is_planned_then_reloaded_without_restarting_prometheus(product: Product) -> None:
    site = product.write_site("name: first\n")
    product.up()
    pid = product.pid("prometheus")
    site.write_text("name: first\nprobes: [{name: own-page, type: tcp, target: '127.0.0.1:22'}]\n")
    changes = product.ask("plan", "--auto-ports")["changes"]
    assert any("own-page" in line for line in changes)
    done = product.ask("reload")
    assert set(done["reloaded"]) == {"prometheus", "blackbox-exporter", "services"}
    assert not done["restarted"]
    prometheus = product.url("prometheus")
    wait_until(lambda: query(prometheus, 'up{job="probe",probe="own-page"}'), "the new probe runs")
    assert product.pid("prometheus") == pid


def test_a_full_disk_is_told_and_leaves_nothing_running(tmp_path: Path) -> None:
    product = Product(tmp_path)
    product.data_dir.mkdir()
    script = 'mount -t tmpfs -o size=32k,mode=700 tmpfs "$0" && exec "$@"'
    command = [*COMMAND, "up", "--detach", "--auto-ports", "--data-dir", str(product.data_dir)]
    unshare = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--mount", "--map-root-user"]
    result = subprocess.run(
        [*unshare, "sh", "-c", script, str(product.data_dir), *command],
        capture_output=True,
        text=True,
        env=product.environ,
        cwd=product.work,
        timeout=240,
        check=False,
    )
    assert result.returncode == 1, result.stderr
    assert "No space left on device" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_broken_data_directory_is_told(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file where a directory belongs")
    result = Product(tmp_path).run("up", "--detach", "--auto-ports")
    assert result.returncode != 0
    assert str(tmp_path / "data") in result.stderr
