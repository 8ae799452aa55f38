"""Where a site comes from, what overlays add to it, and what it is without a file."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from hune.site.detect import ThisHost
from hune.site.load import find, load, load_with_positions
from hune.site.models import Node, Site
from hune.site.problems import Position, SiteErrors

NODE = "nodes:\n  - {name: pve-01, address: 10.0.0.11}\n"


def test_find_prefers_the_option_then_the_environment_then_the_folder(tmp_path: Path) -> None:
    assert find(None, {}, tmp_path) is None
    (tmp_path / "site.yaml").write_text(NODE)
    assert find(None, {}, tmp_path) == tmp_path / "site.yaml"
    assert find(None, {"HUNE_SITE": ""}, tmp_path) == tmp_path / "site.yaml"
    assert find(None, {"HUNE_SITE": "/etc/hune.yaml"}, tmp_path) == Path("/etc/hune.yaml")
    assert find(Path("mine.yaml"), {"HUNE_SITE": "/etc/hune.yaml"}, tmp_path) == Path("mine.yaml")


def test_find_does_not_overlook_a_broken_link(tmp_path: Path) -> None:
    (tmp_path / "site.yaml").symlink_to("gone.yaml")
    assert find(None, {}, tmp_path) == tmp_path / "site.yaml"


def test_without_a_file_the_site_is_this_machine(host: ThisHost) -> None:
    site = load(None, environ={}, host=host)
    assert site.name == "watch"
    assert [(node.name, node.address, node.kind, node.is_remote) for node in site.nodes] == [
        ("watch", "127.0.0.1", "linux", False)
    ]
    assert site.nodes[0].links == []
    assert site.receivers == []
    assert site.routes == []


def test_without_a_file_a_hypervisor_is_one(host: ThisHost) -> None:
    assert load(None, environ={}, host=replace(host, kind="proxmox")).nodes[0].kind == "proxmox"


def test_without_a_file_the_environment_names_the_receiver_of_critical_alerts(host: ThisHost) -> None:
    site = load(None, environ={"DISCORD_WEBHOOK_URL": "https://discord.example/hook"}, host=host)
    (receiver,) = site.receivers
    assert receiver.name == "discord"
    assert receiver.lab
    assert receiver.discord is not None
    assert receiver.discord.webhook == "env:DISCORD_WEBHOOK_URL"
    assert [(route.match, route.receivers) for route in site.routes] == [({"severity": ["critical"]}, ["discord"])]
    assert load(None, environ={"DISCORD_WEBHOOK_URL": " "}, host=host).receivers == []


def test_with_a_file_the_environment_adds_no_receiver(load_text: Callable[..., Site]) -> None:
    assert load_text(NODE, environ={"DISCORD_WEBHOOK_URL": "https://discord.example/hook"}).receivers == []


def test_file_without_nodes_means_this_machine_too(load_text: Callable[..., Site]) -> None:
    site = load_text("name: home\n")
    assert site.name == "home"
    assert [node.name for node in site.nodes] == ["watch"]


def test_this_host_is_added_when_no_node_is_this_machine(load_text: Callable[..., Site]) -> None:
    site = load_text(NODE)
    assert [(node.name, node.is_remote) for node in site.nodes] == [("pve-01", True), ("watch", False)]


def test_this_host_is_not_added_when_it_is_not_wanted(load_text: Callable[..., Site]) -> None:
    assert [node.name for node in load_text("this_host: false\n" + NODE).nodes] == ["pve-01"]


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.5", "watch", "'::1'"])
def test_this_host_is_recognised_by_its_address(address: str, load_text: Callable[..., Site]) -> None:
    site = load_text(NODE + f"  - {{name: here, address: {address}}}\n")
    assert [(node.name, node.is_remote) for node in site.nodes] == [("pve-01", True), ("here", False)]


def test_node_can_be_declared_this_host(load_text: Callable[..., Site]) -> None:
    site = load_text(NODE + "  - {name: here, address: hune.lan, this_host: true}\n")
    assert [(node.name, node.is_remote) for node in site.nodes] == [("pve-01", True), ("here", False)]


def test_this_host_takes_a_name_that_is_free_whatever_the_case(load_text: Callable[..., Site]) -> None:
    site = load_text("nodes:\n  - {name: Watch, address: a}\n  - {name: watch-host, address: b}\n")
    assert site.nodes[-1].name == "watch-host3"


def test_this_host_is_measured_where_its_exporter_listens(load_text: Callable[..., Site]) -> None:
    site = load_text("listen: 10.0.0.5\nengines: {node_exporter: {port: 9109}}\n")
    assert site.nodes[0].exporter_address == "10.0.0.5:9109"
    assert not site.nodes[0].is_remote
    assert load_text("listen: 0.0.0.0\n").nodes[0].exporter_address == "127.0.0.1:9100"


def test_lab_nodes_do_not_count_as_this_host(load_text: Callable[..., Site]) -> None:
    site = load_text("name: home\n", "nodes: [{name: pve-01, address: 127.0.1.11, lab: true}]\n")
    assert [(node.name, node.is_remote) for node in site.nodes] == [("pve-01", True), ("watch", False)]


def test_overlays_add_nodes_groups_probes_and_receivers(load_text: Callable[..., Site]) -> None:
    site = load_text(
        NODE + "receivers: [{name: log, console: true}]\nroutes: [{receivers: [log, hot-line]}]\ngroups: {a: {}}\n",
        "nodes: [{name: lab-01, address: 127.0.1.11, lab: true, group: b}]\ngroups: {b: {}}\n",
        "probes: [{name: p, type: icmp, target: a}]\nreceivers: [{name: hot-line, console: true}]\n",
    )
    assert [node.name for node in site.nodes] == ["pve-01", "lab-01", "watch"]
    assert sorted(site.groups) == ["a", "b"]
    assert [probe.name for probe in site.probes] == ["p"]
    assert [receiver.name for receiver in site.receivers] == ["log", "hot-line"]


def test_overlays_go_over_a_site_without_a_file(in_folder: Path, host: ThisHost) -> None:
    (in_folder / "lab.yaml").write_text("nodes: [{name: lab-01, address: 127.0.1.11, lab: true}]\n")
    site = load(None, overlays=[Path("lab.yaml")], environ={}, host=host)
    assert [node.name for node in site.nodes] == ["lab-01", "watch"]


@pytest.mark.parametrize(
    ("overlay", "told"),
    [
        (
            "nodes:\n  - {name: PVE-01, address: 127.0.1.11}\n",
            "over1.yaml:2:12: nodes[1].name: the name 'PVE-01' is taken at site.yaml:2:12; choose another name",
        ),
        ("groups:\n  a: {}\n", "over1.yaml:2:3: groups.a: 'a' is in site.yaml:3:10 already; choose another name"),
        (
            "routes: []\n",
            "over1.yaml:1:1: routes: not for an overlay; an overlay has only nodes, groups, probes, proxmox, receivers",
        ),
        ("node: []\n", "over1.yaml:1:1: node: not for an overlay; did you mean nodes?"),
        ("nodes: {}\n", "over1.yaml:1:8: nodes: not a list; write nodes as in the site file"),
        ("", "over1.yaml:1:1: empty; write one with: hune site init --force"),
        (
            "nodes:\n  - {name: b}\n",
            "over1.yaml:2:5: nodes[1].address: missing; give the management address: an IP address or a host name",
        ),
    ],
)
def test_faults_of_an_overlay_name_its_file(overlay: str, told: str, load_text: Callable[..., Site]) -> None:
    with pytest.raises(SiteErrors) as caught:
        load_text(NODE + "groups: {a: {}}\n", overlay)
    assert str(caught.value) == told


def test_faults_of_site_and_overlays_are_told_together(load_text: Callable[..., Site]) -> None:
    with pytest.raises(SiteErrors) as caught:
        load_text("language: de\n", "nodes: [{name: a}]\n", "\tx: 1\n")
    assert [problem.where.file for problem in caught.value.problems] == ["over1.yaml", "over2.yaml", "site.yaml"]


def test_missing_overlay_is_told(in_folder: Path, host: ThisHost) -> None:
    with pytest.raises(SiteErrors, match=r"^gone\.yaml: no such file"):
        load(None, overlays=[Path("gone.yaml")], environ={}, host=host)


def test_places_of_values_are_kept(in_folder: Path, host: ThisHost) -> None:
    (in_folder / "site.yaml").write_text("receivers:\n  - name: d\n    discord:\n      webhook: env:X\n")
    loaded = load_with_positions(Path("site.yaml"), environ={}, host=host)
    assert loaded.locate(("receivers", 0, "discord", "webhook")) == Position("site.yaml", 4, 16)
    assert loaded.locate(("receivers", 7, "name")) == Position("site.yaml", 2, 3)


def test_yaml_1_1_traps_stay_text(load_text: Callable[..., Site]) -> None:
    site = load_text(
        "nodes:\n  - name: on\n    address: no.lan\n"
        "    labels: {shift: 12:30, since: 2024-01-01, answer: no, mode: 0o9, yes: y, on: off}\n"
        "routes: []\n"
    )
    assert site.nodes[0].name == "on"
    assert site.nodes[0].labels == {
        "shift": "12:30",
        "since": "2024-01-01",
        "answer": "no",
        "mode": "0o9",
        "yes": "y",
        "on": "off",
    }


def test_numbers_are_those_of_yaml_1_2(load_text: Callable[..., Site]) -> None:
    ports = "engines: {prometheus: {port: 0o21615}, alertmanager: {port: 0x2385}, victoriametrics: {port: 010000}}\n"
    engines = load_text(ports).engines
    assert (engines.prometheus.port, engines.alertmanager.port, engines.victoriametrics.port) == (9101, 9093, 10000)


def test_byte_order_mark_and_windows_line_ends_are_no_fault(load_text: Callable[..., Site]) -> None:
    assert load_text(b"\xef\xbb\xbfname: home\r\nlanguage: fr\r\n").language == "fr"


def test_aliases_repeat_what_they_name(load_text: Callable[..., Site]) -> None:
    site = load_text(
        "nodes:\n  - {name: a, address: a, links: &ports [{device: eno1, speed: 2.5G}]}\n"
        "  - {name: b, address: b, links: *ports}\n"
    )
    assert site.nodes[0].links == site.nodes[1].links
    assert site.nodes[1].links[0].speed == 2_500_000_000


def test_site_survives_json(load_text: Callable[..., Site]) -> None:
    for example in sorted((Path(__file__).parents[3] / "examples").glob("*.yaml")):
        site = load_text(example.read_text())
        assert Site.model_validate_json(site.model_dump_json()) == site


@pytest.mark.parametrize("speed", [10**6, 10**9, 2_500_000_000, 1_234_567_890, 10**13])
def test_every_speed_survives_json(speed: int) -> None:
    node = Node.model_validate({"name": "a", "address": "a", "links": [{"device": "eno1", "speed": speed}]})
    assert Node.model_validate_json(node.model_dump_json()) == node
