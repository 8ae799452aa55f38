"""Where no conductor runs there is an adapter to a database that the site names, or none, and that is told."""

from __future__ import annotations

import json

from hune.deploy import compose, systemd
from hune.deploy.rendering import Rendering
from support.sites import site_of

PRIVATE = "name: a\nstores: {timescale: {}}\n"
NAMED = "name: a\nstores: {timescale: {url: 'env:DATABASE_URL', query: true}}\n"


def in_containers(text: str) -> Rendering:
    return compose.render(site_of(text), compose.Image())


def as_units(text: str) -> Rendering:
    return systemd.render_processes(site_of(text), systemd.Place())


def test_a_database_of_hune_s_own_is_left_out_with_all_that_needs_it() -> None:
    for rendering in (in_containers(PRIVATE), as_units(PRIVATE)):
        assert not [path for path in rendering.files if "timescale" in path or "postgresql" in path]
        [prometheus] = [text for path, text in rendering.files.items() if path.endswith("/prometheus.yml")]
        assert [row["name"] for row in json.loads(prometheus)["remote_write"]] == ["store"]
        assert any("name one with stores.timescale.url" in note for note in rendering.notes)
    assert "timescale" not in in_containers(PRIVATE).files["compose.yaml"]


def test_an_adapter_to_a_named_database_has_a_container_of_its_own() -> None:
    rendering = in_containers(NAMED)
    text = rendering.files["compose.yaml"]
    assert "timescale:" in text
    assert "${DATABASE_URL:?" in text
    assert json.loads(rendering.files["config/hune/timescale.json"])["database"] == "env:DATABASE_URL"
    prometheus = json.loads(rendering.files["config/prometheus/prometheus.yml"])
    assert prometheus["remote_write"][1]["url"] == "http://timescale:9201/api/v1/write"
    assert any("stores.timescale.query is left out" in note for note in rendering.notes)
    assert "timescale-query" not in text


def test_an_adapter_to_a_named_database_has_a_unit_of_its_own() -> None:
    rendering = as_units(NAMED)
    assert "run timescale --data-dir /var/lib/hune" in rendering.files["hune-timescale.service"]
    assert "EnvironmentFile=-/etc/hune/environment" in rendering.files["hune-timescale.service"]
    assert "EnvironmentFile" not in rendering.files["hune-timescale-query.service"]
    assert not rendering.notes
