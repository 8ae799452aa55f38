"""The alert book: every episode from firing to resolved, as statements on the hub's file.

The functions take the connection they work on and are run by the `Database`: the writing ones in a transaction.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from hune.alerting import holds
from hune.alerting.holds import AT_ONCE, Due, Hold, HoldKind, Terms, at_once
from hune.alerting.state import care, history, withholding
from hune.alerting.state.episode import Dead, Delivery, Ending, Episode, Incoming, State
from hune.alerting.state.history import Kind
from hune.alerting.state.rows import delivery_of, episode_of

_SAME = "fingerprint = ? AND starts_at BETWEEN ? - 0.001 AND ? + 0.001"
"""The very same beginning of an alert: Prometheus tells milliseconds."""
_STRAGGLING_SECONDS = 60.0
"""For how long one of several Alertmanagers may repeat what another has declared to be over."""

ReceiversOf = Callable[[Incoming], Sequence[str]]
IsKnown = Callable[[str], bool]
IsChecked = Callable[[Mapping[str, str]], bool]


@dataclass
class Taken:
    """What a notification changed."""

    opened: list[int] = field(default_factory=list)
    resolved: list[int] = field(default_factory=list)
    claimed: list[int] = field(default_factory=list)
    """Declared as over by Alertmanager; not believed yet."""
    resent: int = 0
    silenced: bool = False
    """Something of it is under a silence, by which Alertmanager wouldn't have sent it."""


def take(
    connection: sqlite3.Connection,
    alerts: Iterable[Incoming],
    *,
    receivers_of: ReceiversOf,
    is_known: IsKnown,
    is_checked: IsChecked,
    is_told_once: IsKnown,
    now: float,
    test_alert_seconds: float,
    terms: Terms = AT_ONCE,
) -> Taken:
    """Enter a notification into the book.

    The end of what `is_checked` (by its labels) is only a claim; that of what `is_told_once` is no news.
    """
    taken = Taken()
    for alert in alerts:
        once = is_told_once(alert.labels.get("alertname", ""))
        taken.silenced |= alert.firing and any(hold.kind is HoldKind.SILENCE for hold in terms.holds(alert.labels))
        if not alert.firing and not once:
            _take_end(connection, alert, receivers_of(alert), is_checked, terms, now, taken)
        elif not alert.firing or (once and _is_known_since(connection, alert)):
            taken.resent += 1
        elif alert.starts_at is None or once:
            held = terms.holds(alert.labels)
            episode = open_episode(connection, alert, now=now, expires_at=now + test_alert_seconds, held=held)
            _address(connection, episode, receivers_of(alert), State.FIRING, now, terms.due_of(alert.labels))
            taken.opened.append(episode)
        else:
            _take_firing(connection, alert, receivers_of(alert), is_known, terms, now, taken)
    return taken


def _is_known_since(connection: sqlite3.Connection, alert: Incoming) -> bool:
    moment = (alert.fingerprint, alert.starts_at, alert.starts_at)
    return connection.execute(f"SELECT 1 FROM episode WHERE {_SAME}", moment).fetchone() is not None  # noqa: S608


def _take_firing(
    connection: sqlite3.Connection,
    alert: Incoming,
    receivers: Sequence[str],
    is_known: IsKnown,
    terms: Terms,
    now: float,
    taken: Taken,
) -> None:
    due = terms.due_of(alert.labels)
    episode = _open_one(connection, alert.fingerprint)
    if episode is not None:
        taken.resent += 1
        refresh(connection, episode, alert.annotations, alert.value, heard_at=now)
        if not is_known(episode.alertname):
            confirm(connection, episode.id, now=now)
        _address(connection, episode.id, receivers, State.FIRING, now, due)
        return
    # What was measured as over stays over, however long Alertmanager repeats it; a receiver that hears of
    # it only now is told that it was. What was only declared to be, or forgotten, is not: it fires all the same.
    over = connection.execute(
        # It counts since when an end is declared, which may be long after it.
        f"SELECT id FROM episode WHERE {_SAME} AND ending <> ? AND (ending <> ? OR EXISTS"  # noqa: S608
        " (SELECT 1 FROM event WHERE event.episode = episode.id AND event.kind = ? AND event.at >= ?))"
        " ORDER BY id DESC LIMIT 1",
        (
            *(alert.fingerprint, alert.starts_at, alert.starts_at),
            *(Ending.EXPIRED, Ending.DECLARED, Kind.RESOLVED, now - _STRAGGLING_SECONDS),
        ),
    ).fetchone()
    if over is not None:
        taken.resent += 1
        _address(connection, over["id"], receivers, State.RESOLVED, now, due)
        withholding.withhold(connection, over["id"], now=now)
        return
    opened = open_episode(connection, alert, now=now, held=terms.holds(alert.labels))
    _address(connection, opened, receivers, State.FIRING, now, due)
    taken.opened.append(opened)


def _take_end(
    connection: sqlite3.Connection,
    alert: Incoming,
    receivers: Sequence[str],
    is_checked: IsChecked,
    terms: Terms,
    now: float,
    taken: Taken,
) -> None:
    moment, due = min(now, alert.ends_at or now), terms.due_of(alert.labels)
    for episode in _open_all(connection, alert.fingerprint):
        # What began at the same time is the same, whenever it ended: the clock may have been set back.
        is_earlier = alert.starts_at is not None and alert.starts_at < episode.starts_at - 0.001
        if is_earlier and episode.expires_at is None and moment < episode.starts_at:
            continue
        _address(connection, episode.id, receivers, State.FIRING, now, due)
        if episode.expires_at is None and is_checked(episode.labels):
            connection.execute(
                "UPDATE episode SET claimed_at = ?, heard_at = ?, doubted_at = coalesce(doubted_at, ?) WHERE id = ?",
                (moment, now, now, episode.id),
            )
            taken.claimed.append(episode.id)
        else:
            resolve(connection, episode.id, at=moment, ending=Ending.DECLARED, now=now, due=due)
            taken.resolved.append(episode.id)


def open_episode(
    connection: sqlite3.Connection,
    alert: Incoming,
    *,
    now: float,
    expires_at: float | None = None,
    held: Sequence[Hold] = (),
) -> int:
    """Begin an episode, held if something holds it, and return its number."""
    value = alert.value
    row = connection.execute(
        "INSERT INTO episode (fingerprint, labels, annotations, state, starts_at, received_at, heard_at, expires_at,"
        " value, peak, held) VALUES (?, ?, ?, 'firing', ?, ?, ?, ?, ?, ?, ?) RETURNING id",
        (
            alert.fingerprint,
            json.dumps(dict(alert.labels)),
            json.dumps(dict(alert.annotations)),
            now if alert.starts_at is None else alert.starts_at,
            now,
            now,
            expires_at,
            value,
            value,
            holds.written(held),
        ),
    ).fetchone()
    history.record(connection, row["id"], Kind.OPENED, at=now, value=value)
    if held:
        withholding.note_held(connection, row["id"], held, now=now)
    return int(row["id"])


def address(
    connection: sqlite3.Connection, episode: int, receivers: Iterable[str], *, now: float, due: Due = at_once
) -> None:
    """Have the receivers told of a firing episode, each as soon as it is `due`."""
    _address(connection, episode, receivers, State.FIRING, now, due)


def _address(
    connection: sqlite3.Connection, episode: int, receivers: Iterable[str], wanted: State, now: float, due: Due
) -> None:
    moments = [(receiver, due(receiver)) for receiver in receivers]
    connection.executemany(
        "INSERT OR IGNORE INTO delivery (episode, receiver, wanted, queued_at, due_at) VALUES (?, ?, ?, ?, ?)",
        [(episode, receiver, wanted, max(now, moment), moment) for receiver, moment in moments],
    )


def resolve(
    connection: sqlite3.Connection,
    episode: int,
    *,
    at: float,
    ending: Ending,
    now: float,
    due: Due = at_once,
    heard_at: float | None = None,
) -> None:
    """End an episode, and have everybody told who was told of it, as soon as that is `due`.

    An expired one is only closed. Who didn't hear of it because it is held, or not due yet, never does. Given
    `heard_at`, when it was last heard of as far as is known, nothing is done if it was heard of since.
    """
    over = connection.execute(
        "UPDATE episode SET state = 'resolved', resolved_at = max(?, starts_at), ending = ?, claimed_at = NULL,"
        " doubted_at = NULL WHERE id = ? AND state <> 'resolved' AND (? IS NULL OR heard_at = ?) RETURNING peak",
        (at, ending, episode, heard_at, heard_at),
    ).fetchone()
    if over is None:
        return
    history.record(connection, episode, Kind.RESOLVED, at=now, ending=ending, peak=over["peak"])
    care.call_off(connection, episode)
    rows = connection.execute("SELECT receiver, told FROM delivery WHERE episode = ?", (episode,)).fetchall()
    for receiver, told in rows:
        if told is not None and ending is Ending.EXPIRED:
            continue
        moment = due(receiver)
        connection.execute(
            # That it is over is another message than the one that was refused.
            "UPDATE delivery SET wanted = 'resolved', queued_at = ?, due_at = ?, dead = iif(dead = ?, ?, dead)"
            " WHERE episode = ? AND receiver = ?",
            (max(now, moment), moment, Dead.LETTER, Dead.NO, episode, receiver),
        )
    withholding.withhold(connection, episode, now=now)


def refresh(
    connection: sqlite3.Connection,
    episode: Episode,
    annotations: Mapping[str, str],
    value: float | None,
    *,
    heard_at: float | None = None,
) -> None:
    """Take over what is said of an open episode now; the highest value stays its peak."""
    connection.execute(
        "UPDATE episode SET annotations = ?, value = coalesce(?, value),"
        " peak = max(coalesce(peak, ?), coalesce(?, peak)), heard_at = coalesce(?, heard_at) WHERE id = ?",
        (json.dumps(dict(annotations or episode.annotations)), value, value, value, heard_at, episode.id),
    )


def confirm(connection: sqlite3.Connection, episode: int, *, now: float) -> None:
    """Prometheus says that it fires."""
    if connection.execute("SELECT 1 FROM episode WHERE id = ? AND state = 'unknown'", (episode,)).fetchone():
        history.record(connection, episode, Kind.FIRING, at=now)
    connection.execute(
        "UPDATE episode SET state = 'firing', doubted_at = NULL, claimed_at = NULL"
        " WHERE id = ? AND state <> 'resolved'",
        (episode,),
    )


def doubt(connection: sqlite3.Connection, episode: int, *, since: float) -> None:
    """Nobody confirms it any more; no word to people yet."""
    connection.execute(
        "UPDATE episode SET doubted_at = coalesce(doubted_at, ?) WHERE id = ? AND state <> 'resolved'", (since, episode)
    )


def mark_unknown(connection: sqlite3.Connection, episode: int, *, now: float) -> None:
    """It has been in doubt for too long to be called firing."""
    changed = connection.execute("UPDATE episode SET state = 'unknown' WHERE id = ? AND state = 'firing'", (episode,))
    if changed.rowcount:
        history.record(connection, episode, Kind.UNKNOWN, at=now)


def open_episodes(connection: sqlite3.Connection) -> list[Episode]:
    """Return all that are firing or unknown, in order of arrival."""
    rows = connection.execute("SELECT * FROM episode INDEXED BY episode_open WHERE state <> 'resolved' ORDER BY id")
    return [episode_of(row) for row in rows]


def _open_all(connection: sqlite3.Connection, fingerprint: str) -> list[Episode]:
    rows = connection.execute(
        # Without statistics SQLite may as well search the whole history of the alert.
        "SELECT * FROM episode INDEXED BY episode_open WHERE fingerprint = ? AND state <> 'resolved' ORDER BY id",
        (fingerprint,),
    )
    return [episode_of(row) for row in rows]


def _open_one(connection: sqlite3.Connection, fingerprint: str) -> Episode | None:
    return next((one for one in _open_all(connection, fingerprint) if one.expires_at is None), None)


def was_over_since(connection: sqlite3.Connection, fingerprint: str, moment: float) -> bool:
    """Whether an episode of this alert is open, or was seen to end at or after a moment: not only forgotten."""
    row = connection.execute(
        "SELECT 1 FROM episode WHERE fingerprint = ?"
        " AND (state <> 'resolved' OR resolved_at >= ? AND ending <> ?) LIMIT 1",
        (fingerprint, moment, Ending.EXPIRED),
    ).fetchone()
    return row is not None


def list_episodes(
    connection: sqlite3.Connection, *, since: float, limit: int, first: Iterable[str] = ()
) -> list[tuple[Episode, list[Delivery]]]:
    """Return the open episodes and those resolved after `since`, latest first, with what was told of each.

    What fires of the alerts named in `first` comes before everything else, then what is critical, so that no flood of
    others hides it.
    """
    rows = connection.execute(
        # By their own indexes: there may be years beside them.
        "SELECT * FROM episode WHERE id IN (SELECT id FROM episode WHERE state <> 'resolved'"
        " UNION ALL SELECT id FROM episode WHERE state = 'resolved' AND resolved_at >= ?)"
        " ORDER BY state = 'resolved',"
        " state <> 'firing' OR json_extract(labels, '$.alertname') NOT IN (SELECT value FROM json_each(?)),"
        " state <> 'resolved' AND json_extract(labels, '$.severity') IS NOT 'critical',"
        " id DESC LIMIT ?",
        (since, json.dumps([*first]), limit),
    )
    episodes = [episode_of(row) for row in rows]
    told = deliveries_of(connection, [episode.id for episode in episodes])
    return [(episode, told.get(episode.id, [])) for episode in episodes]


def get(connection: sqlite3.Connection, episode: int) -> tuple[Episode, list[Delivery]] | None:
    """Return one episode with what was told of it, None if there is none of that number (any more)."""
    row = connection.execute("SELECT * FROM episode WHERE id = ?", (episode,)).fetchone()
    return None if row is None else (episode_of(row), deliveries_of(connection, [episode]).get(episode, []))


def list_digest(
    connection: sqlite3.Connection, digest: int
) -> tuple[sqlite3.Row, list[tuple[Episode, sqlite3.Row]]] | None:
    """Return a digest (receiver, created_at, sent_at) and what it counted, or None if there is none of that number."""
    head = connection.execute("SELECT * FROM digest WHERE id = ?", (digest,)).fetchone()
    if head is None:
        return None
    rows = connection.execute(
        "SELECT episode.*, digest_item.known, digest_item.told FROM digest_item"
        " JOIN episode ON episode.id = digest_item.episode WHERE digest = ? ORDER BY episode.id",
        (digest,),
    ).fetchall()
    return head, [(episode_of(row), row) for row in rows]


def count_by_state(connection: sqlite3.Connection) -> dict[str, int]:
    """Return how many open episodes are in each state."""
    rows = connection.execute("SELECT state, count(*) FROM episode WHERE state <> 'resolved' GROUP BY state")
    return {row[0]: row[1] for row in rows}


def deliveries_of(connection: sqlite3.Connection, episodes: Sequence[int]) -> dict[int, list[Delivery]]:
    """Return what is told of these episodes, a delivery for each receiver."""
    found: dict[int, list[Delivery]] = {}
    rows = connection.execute(
        "SELECT * FROM delivery WHERE episode IN (SELECT value FROM json_each(?)) ORDER BY episode, receiver",
        (json.dumps(list(episodes)),),
    )
    for row in rows:
        found.setdefault(row["episode"], []).append(delivery_of(row))
    return found
