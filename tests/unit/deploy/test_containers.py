"""The site as containers see it."""

from pathlib import Path

import pytest

from hune.core.errors import InputError
from hune.deploy.containers import CONTAINED, contained, image_of, notes_on
from hune.site.models import Site
from support.sites import ELSEWHERE, EXAMPLES, ODD, example, site_of


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_contained_site_is_a_site_again(path: Path) -> None:
    inside = contained(example(path)).site
    assert Site.model_validate_json(inside.model_dump_json()) == inside


def test_everything_is_reached_by_its_name() -> None:
    inside = contained(site_of("name: a")).site
    names = ("prometheus", "victoriametrics", "alertmanager", "node-exporter", "blackbox-exporter", "hub", "nester")
    assert [inside.url(name) for name in names] == [
        "http://prometheus:9090",
        "http://victoriametrics:8428",
        "http://alertmanager:9093",
        "http://node-exporter:9100",
        "http://blackbox-exporter:9115",
        "http://hub:9094",
        "http://nester:8080",
    ]


def test_ports_of_the_site_are_the_host_s_only() -> None:
    inside = contained(site_of(ODD)).site
    assert inside.url("prometheus") == "http://prometheus:9090"
    assert inside.url("hub") == "http://hub:9094"
    assert inside.public_url == "http://127.0.0.1:18080"


def test_exporter_keeps_its_port_because_it_stands_in_the_host_s_network() -> None:
    inside = contained(site_of(ODD)).site
    assert inside.url("node-exporter") == "http://node-exporter:19100"


def test_this_host_is_measured_through_the_gateway_and_stays_this_host() -> None:
    [node] = contained(site_of("name: a")).site.nodes
    assert (node.name, node.address, node.is_remote) == ("machine", "node-exporter", False)


def test_other_nodes_stay_as_they_are() -> None:
    site = site_of(ODD)
    assert contained(site).site.nodes[1] == site.nodes[1]


def test_what_runs_elsewhere_is_reached_there() -> None:
    inside = contained(site_of(ELSEWHERE)).site
    assert inside.url("victoriametrics") == "https://store.example.com/select"
    assert inside.url("hub") == "http://198.51.100.21:9094"
    assert [node.address for node in inside.nodes] == ["198.51.100.7"]


def test_everything_out_of_reach_is_told_at_once() -> None:
    site = site_of(
        """
        name: a
        nodes:
          - {name: other, address: 127.0.0.1, exporter: {port: 9200}}
          - {name: named, address: localhost, exporter: {port: 9300}, this_host: true}
        engines:
          victoriametrics: {url: "http://localhost:8428"}
          alertmanager: {url: "http://[::1]:9093/prefix"}
          prometheus: {url: "http://0.0.0.0:9090"}
        """
    )
    with pytest.raises(InputError) as refused:
        contained(site)
    lines = str(refused.value).splitlines()
    assert len(lines) == 5
    assert all("give an address of this host that other machines reach" in line for line in lines)
    assert {line.partition(": ")[0] for line in lines} == {
        "engines.victoriametrics.url",
        "engines.alertmanager.url",
        "engines.prometheus.url",
        "node other",
        "node named",
    }


@pytest.mark.parametrize("name", CONTAINED)
def test_every_engine_has_a_pinned_image(name: str) -> None:
    repository, _, tag = image_of(name, Site()).partition(":")
    assert repository.count("/") == 1
    assert tag.startswith("v")
    assert tag.count(".") == 2
    assert contained(site_of("name: a")).binaries[name].version > (0,)


def test_version_of_the_site_is_the_image_s() -> None:
    assert image_of("prometheus", site_of(ODD)) == "prom/prometheus:v3.5.0"


def test_version_that_is_no_tag_is_refused() -> None:
    site = site_of("name: a\nengines: {prometheus: {version: '2.42.0+ds-5'}}")
    with pytest.raises(InputError, match=r"engines\.prometheus\.version: prom/prometheus:v2\.42\.0\+ds-5 is no name"):
        contained(site)


def test_differences_from_the_site_file_are_told() -> None:
    site = site_of(
        """
        name: a
        listen: 0.0.0.0
        engines: {prometheus: {path: /usr/bin/prometheus}}
        probes: [{name: own, type: tcp, target: "127.0.0.1:22"}, {name: far, type: tcp, target: "192.0.2.1:22"}]
        """
    )
    notes = "\n".join(notes_on(site))
    assert "/usr/bin/prometheus stays unused" in notes
    assert "listen 0.0.0.0 stays unused" in notes
    assert "probe own: 127.0.0.1:22 is the blackbox exporter's own container" in notes
    assert "probe far" not in notes
