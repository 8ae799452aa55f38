"""Ports: which are given, which are taken, and by whom."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import pytest

from hune.core.errors import InputError
from hune.core.layout import Layout
from hune.site.models import DEFAULT_PORTS, Site
from hune.stack.ports import holder, parse_overrides, settle
from support.ports import free_port


def everywhere_free() -> dict[str, int]:
    return {name: free_port() for name in DEFAULT_PORTS if Site().wants(name)}


def apply(site: Site, layout: Layout) -> None:
    """Leave behind what a conductor does that applied a plan for this site."""
    layout.run.mkdir(parents=True)
    ports = {name: site.port(name) for name in DEFAULT_PORTS}
    (layout.run / "plan.json").write_text(json.dumps({"ports": ports}))


def test_looking_at_ports_writes_nothing(tmp_path: Path) -> None:
    settle(Site(), Layout(tmp_path), {}, auto=True, running=False)
    assert list(tmp_path.iterdir()) == []


def test_overrides_name_a_service_and_a_port() -> None:
    assert parse_overrides(["prometheus=19090", "hub=19094"]) == {"prometheus": 19090, "hub": 19094}


@pytest.mark.parametrize(
    "given", ["prometheus", "prometheus=", "prometheus=x", "prometheus=0", "prometheus=65536", "p=1"]
)
def test_other_overrides_are_refused_with_a_remedy(given: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_overrides([given])
    assert given in caught.value.message
    assert caught.value.remedy


def test_a_taken_port_is_named_with_the_program_that_holds_it(tmp_path: Path) -> None:
    ports = everywhere_free()
    with socket.create_server(("127.0.0.1", ports["prometheus"])):
        with pytest.raises(InputError) as caught:
            settle(Site(), Layout(tmp_path), ports, auto=False, running=False)
        assert f"pid {os.getpid()}" in holder(ports["prometheus"])
    assert f"port {ports['prometheus']} is held by" in caught.value.message
    assert "--auto-ports" in caught.value.remedy


def test_who_holds_a_port_is_found_though_it_closes_other_files_meanwhile() -> None:
    port, lower = free_port(), os.open(os.devnull, os.O_RDONLY)
    with socket.create_server(("127.0.0.1", port)):
        # What lists the descriptors takes this place, before that of the socket, and is gone when it is looked at.
        os.close(lower)
        assert f"pid {os.getpid()}" in holder(port)


def test_all_conflicts_are_told_at_once(tmp_path: Path) -> None:
    ports = everywhere_free()
    ports["hub"] = ports["nester"]
    with socket.create_server(("127.0.0.1", ports["prometheus"])), pytest.raises(InputError) as caught:
        settle(Site(), Layout(tmp_path), ports, auto=False, running=False)
    assert "prometheus: port" in caught.value.message
    assert "is also" in caught.value.message


def test_chosen_ports_are_written_into_the_site(tmp_path: Path) -> None:
    ports = everywhere_free()
    settled = settle(Site(), Layout(tmp_path), ports, auto=False, running=False)
    assert {name: settled.site.port(name) for name in ports} == ports
    assert settled.site.url("node-exporter") == f"http://127.0.0.1:{ports['node-exporter']}"


def test_this_host_is_scraped_where_its_exporter_listens(tmp_path: Path) -> None:
    nodes = [{"name": "here", "address": "127.0.0.1"}, {"name": "there", "address": "192.0.2.7"}]
    ports = everywhere_free()
    site = settle(Site.model_validate({"nodes": nodes}), Layout(tmp_path), ports, auto=False, running=False).site
    assert [node.exporter.port for node in site.nodes] == [ports["node-exporter"], 9100]


def test_automatic_ports_are_distinct_low_and_stay_the_same_next_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Whatever a product beside this test takes meanwhile.
    monkeypatch.setattr("hune.stack.ports.is_free", lambda *_: True)
    first = settle(Site(), Layout(tmp_path), {}, auto=True, running=False).site
    apply(first, Layout(tmp_path))
    second = settle(Site(), Layout(tmp_path), {}, auto=True, running=False).site
    chosen = {name: first.port(name) for name in DEFAULT_PORTS}
    assert len(set(chosen.values())) == len(chosen)
    assert max(chosen.values()) < 32768
    assert {name: second.port(name) for name in DEFAULT_PORTS} == chosen


def test_ports_that_the_running_stack_holds_itself_are_no_conflict(tmp_path: Path) -> None:
    ports = everywhere_free()
    layout = Layout(tmp_path)
    apply(settle(Site(), layout, ports, auto=False, running=False).site, layout)
    with socket.create_server(("127.0.0.1", ports["prometheus"])):
        settled = settle(Site(), layout, ports, auto=False, running=True)
    assert settled.site.port("prometheus") == ports["prometheus"]


def test_an_engine_elsewhere_needs_no_port_here(tmp_path: Path) -> None:
    site = Site.model_validate({"engines": {"victoriametrics": {"url": "https://metrics.example.org/store"}}})
    ports = everywhere_free()
    del ports["victoriametrics"]
    settled = settle(site, Layout(tmp_path), ports, auto=False, running=False)
    assert settled.site.url("victoriametrics") == "https://metrics.example.org/store"
