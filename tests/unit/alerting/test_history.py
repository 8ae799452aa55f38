"""The history: every edge is noted where it happens, and can be exported."""

from __future__ import annotations

import csv
import io
import json
import sqlite3

import pytest

from hune.alerting.doors.archive import COLUMNS, _cell, as_csv, as_lines
from hune.alerting.doors.documents import alert_document, event_document
from hune.alerting.state import book, care, outbox, past
from hune.alerting.state.episode import Care, Ending
from hune.alerting.state.history import of_episodes
from hune.alerting.state.outbox import Which
from support.alerts import make_alert


def opened(connection: sqlite3.Connection, node: str = "a", *receivers: str, now: float = 1000.0) -> int:
    episode = book.open_episode(connection, make_alert(node=node, starts_at=now), now=now)
    book.address(connection, episode, receivers or ["discord"], now=now)
    return episode


def told(connection: sqlite3.Connection, *, now: float) -> None:
    items = outbox.pending(connection, "discord", now=9000.0)
    outbox.mark_sent(connection, "discord", items[0], message="77", edited=True, now=now)


def events(connection: sqlite3.Connection, episode: int) -> list[tuple[float, str, str, str, object]]:
    rows = of_episodes(connection, [episode])[episode]
    return [(row.at, row.kind, row.receiver, row.by, row.detail) for row in rows]


def test_life_of_an_alert_is_noted_edge_by_edge(connection: sqlite3.Connection) -> None:
    episode = opened(connection)
    told(connection, now=1001.0)
    care.take(connection, episode, Care(1002.0, "anna", None, "on it"), receiver="mail")
    book.mark_unknown(connection, episode, now=1003.0)
    book.mark_unknown(connection, episode, now=1004.0)
    book.confirm(connection, episode, now=1005.0)
    book.confirm(connection, episode, now=1006.0)
    care.end(connection, episode, by="anna", now=1007.0)
    book.resolve(connection, episode, at=1008.0, ending=Ending.MEASURED, now=1009.0)
    book.resolve(connection, episode, at=1010.0, ending=Ending.DECLARED, now=1010.0)
    told(connection, now=1011.0)
    assert events(connection, episode) == [
        (1000.0, "opened", "", "", {"value": 78.0}),
        (1001.0, "told", "discord", "", {"told": "firing", "message": "77"}),
        (1002.0, "acknowledged", "mail", "anna", {"note": "on it"}),
        (1003.0, "unknown", "", "", {}),
        (1005.0, "firing", "", "", {}),
        (1007.0, "care_ended", "", "anna", {"reason": "released"}),
        (1009.0, "resolved", "", "", {"ending": "measured", "peak": 78.0}),
        (1011.0, "told", "discord", "", {"told": "resolved", "message": "77"}),
    ]


def test_what_a_receiver_refuses_is_noted_once(connection: sqlite3.Connection) -> None:
    first, second = opened(connection, "a"), opened(connection, "b")
    [item, _] = outbox.pending(connection, "discord", now=9000.0)
    outbox.mark_refused(connection, "discord", [item], problem="answered 400", now=1001.0)
    for now in (1002.0, 1003.0):
        outbox.mark_waiting(connection, "discord", problem="answered 404", broken=True, now=now)
    outbox.revive(connection, Which(), now=1004.0)
    outbox.mark_waiting(connection, "discord", problem="no answer", broken=False, now=1005.0)
    outbox.retire(connection, ["console"], now=1006.0)
    assert [event[:2] for event in events(connection, first)] == [
        (1000.0, "opened"),
        (1001.0, "refused"),
        (1004.0, "resent"),
        (1006.0, "discarded"),
    ]
    assert [event[:2] for event in events(connection, second)][1:3] == [(1002.0, "refused"), (1004.0, "resent")]


def test_digest_is_noted_with_each_alert_it_counted(connection: sqlite3.Connection) -> None:
    episodes = [opened(connection, "a"), opened(connection, "b")]
    items = outbox.pending(connection, "discord", now=9000.0)
    number, leased = outbox.open_digest(connection, "discord", items, now=1001.0)
    outbox.mark_digest_sent(connection, "discord", leased, number, now=1002.0)
    for episode in episodes:
        assert events(connection, episode)[-1] == (1002.0, "told", "discord", "", {"told": "firing", "digest": number})


def test_past_is_searched_by_time_rule_and_node(connection: sqlite3.Connection) -> None:
    numbers = [opened(connection, f"n{n}", now=1000.0 + 100 * n) for n in range(5)]
    for number in numbers[:4]:
        book.resolve(connection, number, at=1050.0 + 100 * number, ending=Ending.MEASURED, now=5000.0)

    def found(**wanted: object) -> list[int]:
        rows, going_on = past.search(connection, past.Search(**wanted), before=2**63 - 1, limit=99)  # type: ignore[arg-type]
        assert going_on == 0
        return [episode.id for episode, _ in rows]

    assert found() == numbers[::-1]
    assert found(since=1300.0) == [numbers[4], numbers[3], numbers[2]]
    assert found(until=1200.0) == [numbers[1], numbers[0]]
    assert found(node="n3", rule="CpuHot") == [numbers[3]]
    assert found(rule="NodeDown") == []


def test_search_of_much_goes_on_where_it_stopped(connection: sqlite3.Connection) -> None:
    numbers = [opened(connection, f"n{n}") for n in range(7)]
    seen, before = [], 2**63 - 1
    while before:
        rows, before = past.search(connection, past.Search(), before=before, limit=3)
        seen += [episode.id for episode, _ in rows]
    assert seen == numbers[::-1]


def test_search_passes_over_all_that_is_forgotten(connection: sqlite3.Connection) -> None:
    """After a year of floods numbers are in the millions, and most of them nobody's."""
    old = opened(connection, "old")
    connection.execute("UPDATE sqlite_sequence SET seq = 36000000 WHERE name = 'episode'")
    new = opened(connection, "new")
    rows, going_on = past.search(connection, past.Search(), before=2**63 - 1, limit=99)
    assert ([episode.id for episode, _ in rows], going_on) == ([new, old], 0)


def test_export_holds_labels_of_anybodys(connection: sqlite3.Connection) -> None:
    episode = opened(connection, '=HYPERLINK("http://x","y")\n,é')
    care.take(connection, episode, Care(1002.0, "@SUM(1)", None, "+1"))
    [(shown, deliveries)], _ = past.search(connection, past.Search(), before=99, limit=9)
    row = {
        **alert_document(shown, deliveries, None, now=1e9),
        "events": [event_document(event) for event in of_episodes(connection, [episode])[episode]],
    }
    [read] = [json.loads(line) for line in as_lines([row]).splitlines()]
    assert read["labels"]["node"] == '=HYPERLINK("http://x","y")\n,é'
    lines = list(csv.reader(io.StringIO(as_csv([]) + as_csv([row]))))
    assert lines[0] == list(COLUMNS)
    assert [line[11] for line in lines[1:]] == ["opened", "acknowledged"]
    assert not [cell for line in lines for cell in line if cell[:1] in ("=", "+", "-", "@")]
    assert lines[1][5] == "1970-01-01T00:16:40.000+00:00"


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("pve-01", "pve-01"),
        ("a-b; c = d", "a-b; c = d"),
        ("=1+1", "'=1+1"),
        (" \t=1+1", "'  =1+1"),
        ("\r\n@SUM(1)", "' @SUM(1)"),
        ("＝1", "'＝1"),
        ("fan;=HYPERLINK(1)", "fan;'=HYPERLINK(1)"),
        ('fan; "+1', "fan;' \"+1"),
        ("one\n=two\x1b[31m\x9b", "one =two [31m "),
        (-5.0, -5.0),
        (None, ""),
    ],
)
def test_no_spreadsheet_calculates_what_labels_say(text: object, cell: object) -> None:
    assert _cell(text) == cell


def test_exported_lines_steer_no_terminal() -> None:
    [line] = as_lines([{"by": "é\x1b[31m\x9b31m\x7f\u2028"}]).splitlines(keepends=True)[:1]
    assert not [char for char in line.rstrip("\n") if ord(char) < 32 or 0x7F <= ord(char) < 0xA0]
    assert json.loads(as_lines([{"by": "é\x9b"}])) == {"by": "é\x9b"}
