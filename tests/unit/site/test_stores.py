"""What the site file says of a store for SQL."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hune.site.models import Site
from hune.site.problems import SiteErrors
from hune.site.secrets import check_all

Load = Callable[..., Site]


@pytest.mark.parametrize("text", ["stores: {timescale: {}}", "stores:\n  timescale:\n"])
def test_named_is_wanted_and_all_else_has_defaults(text: str, load_text: Load) -> None:
    site = load_text(text)
    assert [site.wants(name) for name in ("timescale", "postgresql", "timescale-query")] == [True, True, False]
    assert (site.port("timescale"), site.url("postgresql")) == (9201, "postgresql://127.0.0.1:5433")
    assert Site.model_validate_json(site.model_dump_json()) == site


def test_left_out_there_is_none(load_text: Load) -> None:
    site = load_text("name: a")
    assert not any(site.wants(name) for name in ("timescale", "postgresql", "timescale-query"))
    assert Site.model_validate_json(site.model_dump_json()) == site


def test_a_named_database_is_not_run_here(load_text: Load) -> None:
    site = load_text("stores: {timescale: {url: 'env:DATABASE_URL', query: true}}")
    assert [site.wants(name) for name in ("timescale", "postgresql", "timescale-query")] == [True, False, True]


@pytest.mark.parametrize(
    ("text", "place", "what", "remedy"),
    [
        (
            "stores: {timescale: {url: 'postgresql://u:secret@h/d'}}",
            "1:27: stores.timescale.url",
            "a secret is given by reference",
            "write env:NAME or file:/absolute/path",
        ),
        (
            "stores: {timescale: {retention: 12h}}",
            "1:33: stores.timescale.retention",
            "not of the right form",
            "write whole days, weeks or years: 90d",
        ),
        (
            "stores: {timescale: {metrics: [{match: 'a(', retention: 3d}]}}",
            "1:40: stores.timescale.metrics[0].match",
            "not a regular expression",
            "write one like node_cpu_.*",
        ),
        (
            "stores: {timescale: {metrics: [{match: a}]}}",
            "1:32: stores.timescale.metrics[0]",
            "says nothing",
            "give retention, downsample, or both",
        ),
        (
            "stores: {timescale: {retention: 10d, metrics: [{match: a, retention: 2w}]}}",
            "1:70: stores.timescale.metrics[0].retention",
            "longer than stores.timescale.retention, after which everything is dropped",
            "give a shorter one here, or a longer one there",
        ),
        (
            "stores: {timescale: {metrics: [{match: a, retention: 5d, downsample: {after: 1w, every: 5m}}]}}",
            "1:32: stores.timescale.metrics[0]",
            "would be dropped before it is downsampled",
            "give a longer retention, or leave one out",
        ),
        (
            "stores: {timescale: {metrics: [{match: a, downsample: {after: 1w, every: 2d}}]}}",
            "1:74: stores.timescale.metrics[0].downsample.every",
            "not between two seconds and a day",
            "write it like 5m",
        ),
        (
            "stores: {timescale: {url: 'env:A'}}\nservices: {timescale: {url: 'http://h:9201'}}",
            "1:27: stores.timescale.url",
            "the adapter runs elsewhere (services.timescale.url), and it alone writes to the database",
            "give the URL of the database there, and leave it out here",
        ),
        (
            "stores: {timescale: {}}\nengines: {prometheus: {port: 9201}}",
            "2:30: engines.prometheus.port",
            "port 9201 is that of timescale",
            "choose another port",
        ),
        (
            "engines: {postgresql: {url: 'http://h:5432'}}",
            "1:24: engines.postgresql.url",
            "unknown key",
            "known here: port, path, version",
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_place_and_a_remedy(
    text: str, place: str, what: str, remedy: str, load_text: Load
) -> None:
    with pytest.raises(SiteErrors) as refused:
        load_text(text)
    assert str(refused.value).splitlines() == [f"site.yaml:{place}: {what}; {remedy}"]


def test_a_port_is_free_where_nothing_of_it_runs(load_text: Load) -> None:
    assert load_text("engines: {prometheus: {port: 9201}, alertmanager: {port: 5433}}").port("prometheus") == 9201


def test_a_reference_to_something_else_than_a_database_is_told_without_it(load_text: Load) -> None:
    site = load_text("stores: {timescale: {url: 'env:DATABASE_URL'}}")
    assert check_all(site, {"DATABASE_URL": "postgresql://hune:s3cr3t@192.0.2.7:5432/hune\n"}) == []
    [problem] = check_all(site, {"DATABASE_URL": "mysql://hune:s3cr3t@192.0.2.7/hune"})
    assert "not the URL of a PostgreSQL; put the URL alone in it: postgresql://" in str(problem)
    assert "s3cr3t" not in str(problem)
