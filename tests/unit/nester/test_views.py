"""What the pages say about a snapshot."""

import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from markupsafe import Markup

from hune.nester.language import LANGUAGES, Code
from hune.nester.snapshot import Delivery, Probe, Source
from hune.nester.views.alerts import alerts
from hune.nester.views.look import Look
from hune.nester.views.node import node as node_view
from hune.nester.views.overview import overview
from hune.nester.views.plain import plain
from hune.nester.views.wall import wall
from hune.nester.views.words import shorten
from support.snapshots import NOW, alert, node, port, reading, snapshot

Show = Callable[..., Look]

VIEWS = (overview, wall, alerts, plain)
SCENES = {
    "one old": snapshot(node("pve-01", age=30), node("pve-02")),
    "well": snapshot(node("pve-01"), node("pve-02")),
    "hot": snapshot(node("pve-01", celsius=78), alerts=(alert(),)),
    "dead": snapshot(node("pve-01", up=reading(0.0), celsius=95, age=40), alerts=(alert("NodeDown", value=None),)),
    "cut link": snapshot(node("pve-01", ports=(port(up=False), port("enp1s0f1", bits=1e9)))),
    "stale": snapshot(node("pve-01", age=90), measured_at=NOW - 90),
    "unknown": snapshot(node("pve-01"), alerts=(alert(state="unknown", deliveries=()),)),
    "nothing": snapshot(node("pve-01", celsius=None, up=None, cpu_ratio=None, load=None), measured_at=None),
    "no nodes": snapshot(nodes=()),
    "silent": snapshot(
        sources=(Source("prometheus", NOW - 300, "refused"), Source("hub", NOW - 300), Source("conductor", NOW - 300)),
        measured_at=NOW - 300,
    ),
    "stranger": snapshot(
        alerts=(alert("TestAlert", where="", severity="info", annotations={}, value=None, peak=None, deliveries=()),)
    ),
    "many": snapshot(*(node(f"node-{n:02}", celsius=60 + n) for n in range(20))),
}


def text(look: Look, region: str) -> str:
    """Return the words of a region."""
    return re.sub(r"\s+", " ", look.region(region).striptags())


@pytest.mark.parametrize("code", LANGUAGES)
@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize("view", VIEWS)
def test_every_view_has_words_for_every_state(show: Show, view: object, scene: str, code: Code) -> None:
    look = show(view, SCENES[scene], code)
    html = Markup("").join(look.region(name) for name in look.regions)
    assert "None" not in html.striptags()


@pytest.mark.parametrize("view", VIEWS)
def test_every_part_carries_its_key(show: Show, view: object) -> None:
    for parts in show(view, SCENES["hot"]).regions.values():
        for part in parts:
            first = re.match(r"<[^>]+>", str(part.html))
            assert first is not None
            assert f'data-key="{part.key}"' in first[0]


@pytest.mark.parametrize("view", VIEWS)
def test_no_part_carries_style_or_script(show: Show, view: object) -> None:
    for scene in SCENES.values():
        for parts in show(view, scene).regions.values():
            for part in parts:
                assert not re.search(r"<script|<style|\sstyle=|\son[a-z]+=", str(part.html))


@pytest.mark.parametrize(
    ("scene", "headline"),
    [
        ("well", "All is well"),
        ("hot", "1 critical alert"),
        ("stale", "No fresh values for 1 min"),
        ("unknown", "1 alert that nothing confirms"),
        ("nothing", "Waiting for the first measurements"),
        ("cut link", "Something is beyond its limit"),
    ],
)
def test_first_thing_to_read_says_whether_anything_is_wrong(show: Show, scene: str, headline: str) -> None:
    assert headline in text(show(overview, SCENES[scene]), "verdict").replace("\u00a0", " ")


def test_title_of_the_tab_begins_with_what_is_wrong(show: Show) -> None:
    assert show(overview, SCENES["hot"]).title == "■ 1 critical · homelab"
    assert show(overview, SCENES["stale"]).title == "▨ homelab"
    assert show(overview, SCENES["well"]).title == "homelab"


def test_tile_shows_figure_limit_and_hottest_core(show: Show) -> None:
    words = text(show(overview, SCENES["hot"]), "nodes").replace("\u00a0", " ")
    for expected in ("pve-01", "critical", "78", "limit 70 °C", "Core 3 78°", "CPU", "12%", "48%", "0.9", "10G"):
        assert expected in words


def test_gauge_carries_value_and_threshold(show: Show) -> None:
    html = str(show(overview, SCENES["hot"]).region("nodes"))
    assert 'aria-valuenow="78' in html
    assert '<rect class="gauge-tick" x="62.5%"' in html


def test_node_without_sensors_shows_its_cpu(show: Show) -> None:
    words = text(show(overview, snapshot(node("host", celsius=None))), "nodes")
    assert "12%" in words.replace(" ", "")
    assert "CPU busy" in words


def test_dead_node_shows_its_last_values_hatched_with_their_age(show: Show) -> None:
    look = show(overview, SCENES["dead"])
    assert "tile-down stale" in look.region("nodes")
    assert "values 40 s old" in text(look, "nodes").replace("\u00a0", " ")
    assert "95" in text(look, "nodes")


def test_node_that_died_before_anybody_watched_shows_what_the_store_knows(show: Show, past: object) -> None:
    past.points = {"pve-01": [(NOW - 300, 91.0), (NOW - 120, 94.0)]}  # type: ignore[attr-defined]
    look = show(overview, snapshot(node("pve-01", celsius=None, up=reading(0.0))))
    words = text(look, "nodes").replace("\u00a0", " ")
    assert "94" in words
    assert "values 2 min old" in words
    assert "tile-down stale" in look.region("nodes")


def test_what_the_store_knows_is_never_shown_as_if_it_were_now(show: Show, past: object) -> None:
    past.points = {"pve-01": [(NOW - 120, 48.0)]}  # type: ignore[attr-defined]
    assert "tile-up stale" in show(overview, snapshot(node("pve-01", celsius=None))).region("nodes")


def test_port_of_a_silent_node_is_hatched(show: Show) -> None:
    old = replace(port(), up=reading(1.0, age=30))
    assert "port-is-lit stale" in show(overview, snapshot(node(ports=(old,)))).region("nodes")
    assert "port-is-lit stale" not in show(overview, snapshot(node())).region("nodes")


def test_port_is_called_as_people_call_it(show: Show) -> None:
    fired = alert("LinkDown", labels={"device": "enp1s0f1", "port": "storage A"}, annotations={}, value=None)
    assert "Link storage A down on pve-01" in text(show(overview, snapshot(alerts=(fired,))), "alerts")


def test_slow_link_says_what_was_expected(show: Show) -> None:
    given = {"value": "1", "unit": "Gbit/s", "threshold": "10"}
    fired = alert("LinkSlow", severity="warning", labels={"device": "f0"}, annotations=given, value=1.0, peak=None)
    words = text(show(overview, snapshot(alerts=(fired,))), "alerts")
    assert "Link f0 slow on pve-01: 1G" in words
    assert "expected 10G" in words


def test_sparkline_draws_the_past_and_the_threshold(show: Show, past: object) -> None:
    past.points = {"pve-01": [(NOW - 3600 + 60 * i, 45.0 + i / 10) for i in range(61)]}  # type: ignore[attr-defined]
    html = str(show(overview, SCENES["well"]).region("nodes"))
    assert html.count("spark-line") == 1
    assert html.count("spark-limit") == 1
    assert "no history yet" in html, "the other node has none"


def test_alert_says_what_where_since_when_and_who_was_told(show: Show) -> None:
    words = text(show(overview, SCENES["hot"]), "alerts").replace("\u00a0", " ")
    for expected in ("critical", "CPU 78 °C on pve-01", "limit 70 °C", "peak 81 °C", "2 min", "since", "Discord"):
        assert expected in words


def test_alert_about_a_port_names_its_device_too(show: Show) -> None:
    down = alert("LinkDown", labels={"port": "SFP+ 2", "device": "enp1s0f1"}, annotations={})
    same = alert("LinkDown", labels={"port": "eno1", "device": "eno1"}, annotations={}, id="2")
    words = text(show(overview, snapshot(alerts=(down, same))), "alerts")
    assert "SFP+ 2" in words
    assert "enp1s0f1" in words
    assert words.count("eno1") == 1


def test_alert_that_is_over_says_until_when(show: Show) -> None:
    over = alert(state="resolved", resolved_at=NOW - 60)
    assert "until" in text(show(overview, snapshot(alerts=(over,))), "lately")


def test_alert_in_french(show: Show) -> None:
    words = text(show(overview, SCENES["hot"], "fr"), "alerts")
    for expected in ("critique", "CPU à 78 °C sur pve-01", "limite 70 °C", "depuis"):
        assert expected in words


def test_alert_that_nobody_could_be_told_says_so(show: Show) -> None:
    failed = alert(deliveries=(Delivery("Discord", "failed", NOW - 5, "429"),))
    assert "Discord not reached" in text(show(overview, snapshot(alerts=(failed,))), "alerts")
    assert "nobody told" in text(show(overview, SCENES["unknown"]), "alerts")


def test_while_the_hub_is_silent_nothing_is_said_that_only_it_knows(show: Show) -> None:
    fired = alert(annotations={}, value=None, peak=None, deliveries=())
    sources = (Source("prometheus"), Source("hub", NOW - 3), Source("conductor"))
    look = show(overview, snapshot(alerts=(fired,), sources=sources))
    assert "CPU too hot on pve-01" in text(look, "alerts")
    assert "not known who was told" in text(look, "alerts")
    assert "nobody told" not in text(look, "alerts")
    assert "Nothing ended" not in text(look, "lately")
    assert "Past alerts not known" in text(show(wall, snapshot(sources=sources)), "wall-day")


def test_flood_of_alerts_is_counted_on_the_overview_and_listed_on_its_page(show: Show) -> None:
    flood = snapshot(alerts=tuple(alert("LinkDown", where=f"n{i}", id=str(i), value=None) for i in range(300)))
    assert "and 288 more" in text(show(overview, flood), "alerts")
    assert 'href="/alerts"' in show(overview, flood).region("alerts")
    listed = show(alerts, flood)
    assert len(listed.regions["alerts"]) == 201
    assert "and 100 more: narrow the list down" in text(listed, "alerts")
    assert 'href="/alerts"' not in listed.region("alerts")


def test_page_that_may_not_know_all_alerts_says_so(show: Show) -> None:
    for count, said in ((499, False), (500, True)):
        flood = snapshot(alerts=tuple(alert("LinkDown", where=f"n{i}", id=str(i), value=None) for i in range(count)))
        for view in (overview, alerts):
            assert ("there may be more than these 500" in text(show(view, flood), "verdict")) is said


def test_way_to_the_runbook_is_shown_only_if_there_is_one(show: Show) -> None:
    assert "/runbooks/CpuHot" in show(overview, SCENES["hot"]).region("alerts")
    assert "/runbooks/" not in show(overview, SCENES["stranger"]).region("alerts")


def test_alert_of_a_stranger_speaks_for_itself(show: Show) -> None:
    stranger = alert("DiskFull", severity="warning", annotations={"summary": "disk <b>full</b>"}, value=None)
    html = show(overview, snapshot(alerts=(stranger,))).region("alerts")
    assert "disk &lt;b&gt;full&lt;/b&gt;" in html


def test_names_are_escaped_everywhere(show: Show) -> None:
    wild = snapshot(
        node("<i>", ports=(port("<u>"),)),
        alerts=(alert("<script>", where="<i>", labels={"device": "<u>"}),),
        probes=(Probe("<b>", "tcp", "<b>", reading(1.0)),),
    )
    for view in VIEWS:
        look = show(view, wild)
        html = "".join(str(look.region(name)) for name in look.regions)
        assert not re.search(r"<(i|u|b|script)>", html)


def test_silent_sources_are_named_after_a_while(show: Show) -> None:
    words = text(show(overview, SCENES["silent"]), "banners").replace("\u00a0", " ")
    assert "Prometheus has not answered for 5 min" in words
    assert "The hub has not answered for 5 min" in words
    brief = snapshot(sources=(Source("prometheus", NOW - 5), Source("hub", NOW - 5), Source("conductor")))
    assert show(overview, brief).region("banners") == ""


def test_rules_that_stopped_are_named(show: Show) -> None:
    assert "evaluated no rule" in text(show(overview, SCENES["stale"]), "banners")


def test_missing_conductor_is_a_quiet_word(show: Show) -> None:
    look = show(overview, SCENES["silent"])
    assert "hune up" in text(look, "services")
    assert "conductor" not in text(look, "banners")


def test_services_that_do_not_work_say_why(show: Show) -> None:
    from hune.nester.snapshot import ServiceHealth

    broken = snapshot(services=(ServiceHealth("hub", False, "no answer for 4 s", "127.0.0.1:9094", NOW),))
    assert "no answer for 4 s" in text(show(overview, broken), "services")


def test_wall_shows_four_nodes_and_pins_what_is_critical(show: Show) -> None:
    look = show(wall, SCENES["many"])
    assert len(look.regions["wall-nodes"]) == 4
    assert look.regions["wall-nodes"][0].key == "node-node-11"


@pytest.mark.parametrize(
    ("name", "most", "short"),
    [("pve-01", 9, "pve-01"), ("hypervisor-07", 9, "hyp…or-07"), ("enp1s0f0np0", 6, "en…np0")],
)
def test_long_names_keep_their_ends(name: str, most: int, short: str) -> None:
    assert shorten(name, most) == short
    assert len(shorten(name, most)) <= most


def test_wall_turns_pages_while_nothing_is_critical(show: Show) -> None:
    nodes = [node(f"n{i}") for i in range(6)]
    first, second = (
        [part.key for part in show(wall, snapshot(*nodes, taken_at=at, measured_at=at)).regions["wall-nodes"]]
        for at in (NOW - NOW % 40 - 40, NOW - NOW % 40 - 20)
    )
    assert first == [f"node-n{i}" for i in range(4)]
    assert second == ["node-n4", "node-n5"]


def test_wall_lists_what_fires_longest_first_and_counts_the_rest(show: Show) -> None:
    fired = tuple(alert("LinkDown", where=f"n{i}", id=str(i), starts_at=NOW - 10 * i) for i in range(6))
    look = show(wall, snapshot(alerts=fired))
    assert [part.key for part in look.regions["wall-alerts"]] == ["alert-5", "alert-4", "alert-3", "alerts-more"]
    assert "and 3 more" in text(look, "wall-alerts")


def test_wall_shows_the_day_while_there_is_room(show: Show) -> None:
    assert show(wall, SCENES["well"]).regions["wall-day"]
    fired = (alert("LinkDown", id="1"), alert("CpuHot", id="2"))
    assert show(wall, snapshot(alerts=fired)).regions["wall-day"] == ()


def test_tile_on_the_wall_says_what_is_wrong_unless_its_figure_does(show: Show) -> None:
    down = alert("LinkDown", "cool", labels={"port": "SFP+ 2", "device": "enp1s0f1"}, annotations={})
    scene = snapshot(node("cool"), node("hot", celsius=80.0), node("well"), alerts=(down, alert(where="hot")))
    tiles = {part.key: str(part.html) for part in show(wall, scene).regions["wall-nodes"]}
    assert "SFP+ 2 down" in tiles["node-cool"]
    assert "limit 70" in tiles["node-hot"]
    assert "limit 70" in tiles["node-well"]


def test_day_of_one_temperature_is_no_range(show: Show, past: object) -> None:
    past.points = {"a": [(NOW - 60, 50.2)], "b": [(NOW - 60, 50.0), (NOW, 58.0)]}  # type: ignore[attr-defined]
    day = text(show(wall, snapshot(node("a"), node("b"))), "wall-day")
    assert "50°" in day
    assert "50–50" not in day
    assert "50–58°" in day


def test_only_a_hot_node_colours_its_line(show: Show, past: object) -> None:
    past.points = {name: [(NOW - 60, 50.0), (NOW, 50.0)] for name in ("a", "b")}  # type: ignore[attr-defined]
    scene = snapshot(node("a", celsius=80), node("b", ports=(port(up=False),)))
    assert str(show(wall, scene).region("wall-chart")).count("chart-line tone-critical") == 1


def test_critical_alerts_are_told_to_those_who_listen(show: Show) -> None:
    fired = (alert(id="1"), alert("LinkSlow", id="2", severity="warning"))
    assert show(overview, snapshot(alerts=fired)).critical == {"1": "CPU 78\u00a0°C on pve-01"}


def test_page_of_a_node_shows_its_sensors_and_only_its_alerts(show: Show) -> None:
    fired = (alert(id="1"), alert(where="pve-02", id="2"))
    look = show(node_view, snapshot(node("pve-01"), node("pve-02"), alerts=fired), subject="pve-01")
    assert [part.key for part in look.regions["alerts"]] == ["alert-1"]
    assert text(look, "sensors").count("Core") == 4


def test_page_of_no_node_is_an_error(show: Show) -> None:
    with pytest.raises(KeyError):
        show(node_view, snapshot(), subject="pve-99")


def test_alerts_that_are_over_tell_how_long_they_lasted_and_how_bad_they_were(show: Show) -> None:
    over = alert(state="resolved", starts_at=NOW - 900, resolved_at=NOW - 300, value=66.0)
    words = text(show(alerts, snapshot(alerts=(over,))), "ended").replace("\u00a0", " ")
    for expected in ("CPU 81 °C on pve-01", "10 min", "Discord"):
        assert expected in words
    assert "Nothing ended" in text(show(alerts, snapshot()), "ended")


@pytest.mark.parametrize("unit", ["°C", "%", "Gbit/s", "s", "fans", ""])
@pytest.mark.parametrize("number", ["+Inf", "-Inf", "NaN", "1e999", "1e308"])
@pytest.mark.parametrize("view", VIEWS)
def test_limit_that_is_no_number_breaks_no_page(show: Show, view: object, number: str, unit: str) -> None:
    absurd = alert(value=None, peak=None, annotations={"threshold": number, "value": number, "unit": unit})
    assert show(view, snapshot(node("pve-01"), alerts=(absurd,)), "en").regions
