"""What goes wrong costs what it concerns, in time, and is told."""

from __future__ import annotations

import gzip
import socket
import ssl
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from hune.collect.pve.assignment import FILE, Assignment
from hune.site.models import Site
from support.fakepve_server import FakePve, fakepve
from support.ports import free_port
from support.pve_exporters import OURS, Exporter, Series, config_for, exporter, series


def target(pve: FakePve) -> dict[str, object]:
    return {"target": f"{pve.host}:{pve.port}"}


def names(found: Series) -> set[str]:
    return {row[0] for row in found}


def failed(found: Series) -> set[str]:
    return {dict(row[2])["collector"] for row in found if row[0] == "pve_collector_success" and row[3] == 0}


def test_a_refused_path_costs_its_own_series_only(cluster: FakePve, ours: Exporter) -> None:
    whole = ours.series("/pve", target(cluster))
    assert failed(whole) == set()
    cluster.call("fail", "GET", "/replication", 403, "Permission check failed (/vms, VM.Audit)")
    found = ours.series("/pve", target(cluster))
    assert failed(found) == {"replication"}
    gone = names(whole) - names(found)
    assert all(name.startswith("pve_replication") for name in gone)
    assert {row for row in whole if not row[0].startswith("pve_replication")} < found


def test_nothing_at_all_is_a_503_with_its_reason(cluster: FakePve, tmp_path: Path) -> None:
    config = tmp_path / "pve.yml"
    config.write_text(f"default: {{user: {cluster.user}, password: wrong-Passw0rd, verify_ssl: no}}")
    with exporter(OURS, config=config) as running:
        status, body = running.get("/pve", target(cluster))
        assert (status, b"not let in" in body) == (503, True)
        assert b"wrong-Passw0rd" not in body
        nobody, reason = running.get("/pve", {"target": f"127.0.0.1:{free_port()}"})
        assert (nobody, b"refused" in reason) == (503, True)
        assert ("pve_request_errors_total", "counter", (("module", "default"),), 2.0) in running.series("/metrics")


def test_a_node_that_is_slow_does_not_outlast_the_deadline(cluster: FakePve, tmp_path: Path) -> None:
    # Calls may take longer than the node does, and scrapes may not.
    config = config_for(cluster, tmp_path / "pve.yml", "  timeout: 600\n")
    cluster.set(time_scale=1.0)
    cluster.call("slow_network", 300.0, node="pve-01")
    with exporter(OURS, config=config) as ours:
        soon = {"X-Prometheus-Scrape-Timeout-Seconds": "6"}
        status, body = ours.get("/pve", target(cluster), headers=soon, seconds=200.0)
    found = series(body)
    assert status == 200
    assert failed(found) >= {"subscription", "config", "replication"}
    assert {"pve_up", "pve_guest_info", "pve_version_info"} <= names(found)


def test_what_came_too_late_is_there_at_the_next_scrape(cluster: FakePve, ours: Exporter) -> None:
    cluster.set(time_scale=1.0)
    cluster.call("slow_network", 1.0)
    soon = {"X-Prometheus-Scrape-Timeout-Seconds": "0.5"}
    status, _ = ours.get("/pve", {**target(cluster), "node": 0}, headers=soon)
    assert status == 503
    status, body = ours.get("/pve", {**target(cluster), "node": 0})
    assert (status, failed(series(body))) == (200, set())


def test_concurrent_scrapes_share_their_calls(cluster: FakePve, ours: Exporter) -> None:
    ours.get("/pve", target(cluster))
    cluster.set(time_scale=1.0)
    cluster.clear("requests")
    ours.get("/pve", target(cluster))
    alone = len(cluster.get("requests"))
    # A scrape takes longer than eight threads to begin.
    cluster.call("slow_network", 2.0)
    cluster.clear("requests")
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: ours.get("/pve", target(cluster)), range(8)))
    # One of the eight may have come so late that it began anew.
    assert len(cluster.get("requests")) <= 2 * alone
    assert {status for status, _ in answers} == {200}
    assert len({frozenset(series(body)) for _, body in answers}) == 1


def test_text_is_packed_for_who_asks(cluster: FakePve, ours: Exporter) -> None:
    plain = ours.get("/pve", target(cluster))[1]
    packed = ours.get("/pve", target(cluster), headers={"Accept-Encoding": "deflate, gzip"})[1]
    assert gzip.decompress(packed) == plain


def test_what_upstream_lacks_is_told_with_how_each_collector_fared(cluster: FakePve, ours: Exporter) -> None:
    found = ours.series("/hune", target(cluster))
    upstream = ours.series("/pve", target(cluster))
    assert names(found) & names(upstream) == set()
    assert all(name.startswith(("hune_pve_", "hune_guest_", "pve_collector_")) for name in names(found))
    collectors = {dict(row[2])["collector"] for row in found if row[0] == "pve_collector_success"}
    assert {"ha", "quorum", "guest-config"} <= collectors
    assert collectors == {dict(row[2])["collector"] for row in found if row[0] == "pve_collector_duration_seconds"}


def test_beyond_loopback_nobody_gets_the_credentials_who_is_not_allowed(cluster: FakePve, config: Path) -> None:
    with exporter(OURS, "--allow-target", cluster.host, config=config, host="0.0.0.0") as running:
        assert running.get("/pve", target(cluster))[0] == 200
        status, body = running.get("/pve", {"target": "192.0.2.1"})
        assert status == 403
        assert body.decode().count("\n") == 1
        assert "--allow-target" in body.decode()
        assert running.get("/pve", {"target": "a/b"})[0] == 400


def test_what_asking_costs_is_told(cluster: FakePve, config: Path) -> None:
    with exporter(OURS, "--collector.pve-api-metrics", "--collector.target-metrics", config=config) as running:
        running.get("/pve", target(cluster))
        found = running.series("/metrics")
    calls = {dict(row[2])["path"]: row[3] for row in found if row[0] == "hune_pve_api_calls_total"}
    assert calls["/cluster/resources"] == 1
    assert calls["/nodes/{node}/qemu/{vmid}/config"] == 6
    assert {"pve_scrape_api_duration_seconds_sum", "pve_scrape_target_duration_seconds_sum"} <= names(found)
    asked = {dict(row[2])["url"] for row in found if row[0] == "pve_scrape_api_duration_seconds_count"}
    assert f"https://{cluster.host}:{cluster.port}/api2/json/cluster/status" in asked


def test_a_site_names_its_clusters_and_survives_a_node_that_is_dead(tmp_path: Path) -> None:
    port = free_port()
    # The first node accepts connections, and never says a word.
    with (
        fakepve({"name": "home", "nodes": {"pve-02": True}, "port": port}) as pve,
        socket.create_server(("127.0.0.9", port)),
    ):
        secret = tmp_path / "secret"
        secret.write_text(pve.password)
        site = Site.model_validate(
            {
                "nodes": [{"name": "pve-01", "address": "127.0.0.9"}, {"name": "pve-02", "address": pve.host}],
                "proxmox": [
                    {
                        "name": "home",
                        "nodes": ["pve-01", "pve-02"],
                        "port": port,
                        "ca_file": pve.ca_file,
                        "login": {"user": pve.user, "password": f"file:{secret}"},
                    }
                ],
            }
        )
        (tmp_path / "config").mkdir()
        (tmp_path / "config" / FILE).write_text(Assignment.of(site).to_json())
        with exporter(OURS, "--data-dir", str(tmp_path)) as running:
            headers = {"X-Prometheus-Scrape-Timeout-Seconds": "60"}
            status, body = running.get("/pve", {"target": "home", "node": 0}, headers=headers)
            assert (status, failed(series(body))) == (200, set())
            status, body = running.get("/pve", {"target": "pve-02", "cluster": 0}, headers=headers)
            assert status == 200
            assert ("pve_subscription_info", (("id", "node/pve-02"), ("level", "unknown"))) in {
                (row[0], row[2]) for row in series(body)
            }
            assert running.get("/pve", {"target": "127.0.0.1:9"})[0] == 403
            assert running.get("/health")[0] == 200


def test_https_is_served_with_the_files_that_are_named(cluster: FakePve, config: Path, tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    argv = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    argv += ["-days", "1", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([*argv, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    context = ssl.create_default_context(cafile=certificate)
    flags = ("--server.keyfile", str(key), "--server.certfile", str(certificate))
    with exporter(OURS, *flags, config=config, context=context) as running:
        assert running.get("/pve", target(cluster))[0] == 200
