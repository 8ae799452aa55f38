"""What people do so that nobody is told: silences, which are Alertmanager's, and maintenance, which is the hub's."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from hune.alerting.doors.access import Actor, Barred, guarded, read_document
from hune.alerting.doors.desk import LAST_NUMBER, MAX_NOTE, open_alert, text_of, who
from hune.alerting.doors.keys import Keys
from hune.alerting.holds import HoldKind, calendar, silences, windows
from hune.alerting.holds.calendar import Period
from hune.alerting.holds.holder import Holder
from hune.alerting.holds.windows import Maintenance, Scope
from hune.alerting.state import book
from hune.alerting.state.database import Database
from hune.core.clock import Clock
from hune.core.errors import InputError, Refused, Unavailable
from hune.promapi.alertmanager import Silence, SilenceMatcher
from hune.site.models import Site
from hune.site.values import LABEL_PATTERN

MAX_SECONDS = 90 * 86400.0
MAX_SECONDS_OF_A_LINK = 7 * 86400.0
"""Whoever followed the link of a message may silence that alert, for not so long."""
_MAX_MATCHERS = 50
_MAX_TEXT = 4096
_MAX_AHEAD = 366 * 86400.0
_MAX_DECLARED = 500
_MOST_SECONDS = 1e12


def routes(database: Database, clock: Clock, keys: Keys, holder: Holder, site: Site) -> list[BaseRoute]:
    """Return the routes; what they change is in force when they answer."""

    async def list_silences(_request: Request) -> Response:
        held, now = await database.read(_held), clock.now()
        rows = [_silence_document(one, now, held.get(one.id, [])) for one in holder.silences if one.ends_at > now]
        return JSONResponse({"now": now, "problem": holder.problem, "silences": rows})

    async def silence(request: Request, actor: Actor) -> Response:
        document = await read_document(request)
        labels = await _labels_meant(document, actor)
        matchers = _matchers(document) if labels is None else silences.exactly(labels)
        if actor.episode is not None and labels is not None and document.get("matchers") is not None:
            _check_exactly(_matchers(document), matchers)
        seconds = _seconds(document, MAX_SECONDS if actor.may_do_everything else MAX_SECONDS_OF_A_LINK)
        by, reason, now = who(document, actor), _reason(document), clock.now()
        try:
            identity = await holder.alertmanager.create_silence(
                matchers, starts_at=now, ends_at=now + seconds, by=by, reason=reason
            )
        except Refused as error:
            raise InputError(error.message.partition(": ")[2], remedy="correct the matchers") from None
        with suppress(Unavailable):
            await holder.poll()
        held = await database.read(_held)
        return JSONResponse({"id": identity, "ends_at": now + seconds, "alerts": held.get(identity, [])})

    async def _labels_meant(document: Mapping[str, Any], actor: Actor) -> Mapping[str, str] | None:
        """Return the labels of the one alert that is to be silenced, None if matchers say what."""
        number = document.get("alert", actor.episode)
        if number is None:
            return None
        if type(number) is not int or not 0 <= number <= LAST_NUMBER:
            raise InputError("alert: not a number", remedy="give that of an open alert, or matchers")
        episode = await database.read(lambda connection: open_alert(connection, number, actor))
        if not actor.may_do_everything and any(hold.kind is HoldKind.SILENCE for hold in episode.holds):
            raise Barred(409, f"alert {number}: is silenced already")
        return episode.labels

    async def unsilence(request: Request, actor: Actor) -> Response:
        actor.check_everything()
        identity = request.path_params["id"]
        try:
            if not re.fullmatch(r"[0-9A-Za-z-]{1,64}", identity):
                raise Refused("no id of a silence")
            await holder.alertmanager.expire_silence(identity)
        except Refused:
            raise Barred(404, "no such silence, or it is over", remedy="see: hune alert silences") from None
        with suppress(Unavailable):
            await holder.poll()
        return JSONResponse({"id": identity})

    async def list_maintenance(_request: Request) -> Response:
        now = clock.now()
        rows = [_window_document(one, now) for one in holder.windows]
        return JSONResponse({"now": now, "maintenance": [row for row in rows if row is not None]})

    async def maintain(request: Request, actor: Actor) -> Response:
        actor.check_everything()
        document, now = await read_document(request), clock.now()
        scope, period = _scope(document, site), _period(document, now)
        by, reason = who(document, actor), _reason(document)

        def store(connection: sqlite3.Connection) -> int:
            if len(windows.declared(connection, now=now)) >= _MAX_DECLARED:
                raise InputError("too many windows", remedy="end some: hune alert maintenance list")
            return windows.declare(connection, scope, period, by=by, reason=reason)

        number = await database.write(store)
        await holder.review()
        return JSONResponse({"id": str(number), "begins": period.begins, "ends": period.ends})

    async def end_maintenance(request: Request, actor: Actor) -> Response:
        actor.check_everything()
        identity = request.path_params["id"]
        if any(one.id == identity and one.every is not None for one in holder.windows):
            raise Barred(409, "this window stands in the site file", remedy="change it there, then: hune reload")
        number = int(identity) if re.fullmatch(r"[0-9]{1,18}", identity) else 0
        if not await database.write(partial(windows.end, number=number, now=clock.now())):
            raise Barred(404, "no such window, or it is over", remedy="see: hune alert maintenance list")
        await holder.review()
        return JSONResponse({"id": identity})

    return [
        Route("/silences", list_silences),
        Route("/silences", guarded(silence, keys, clock), methods=["POST"]),
        Route("/silences/{id}", guarded(unsilence, keys, clock), methods=["DELETE"]),
        Route("/maintenance", list_maintenance),
        Route("/maintenance", guarded(maintain, keys, clock), methods=["POST"]),
        Route("/maintenance/{id}", guarded(end_maintenance, keys, clock), methods=["DELETE"]),
    ]


# -- what is shown ---------------------------------------------------------------------------------------------------


def _held(connection: sqlite3.Connection) -> dict[str, list[int]]:
    """Return the open alerts that each silence holds."""
    found: dict[str, list[int]] = {}
    for episode in book.open_episodes(connection):
        for hold in episode.holds:
            found.setdefault(hold.id, []).append(episode.id)
    return found


def _silence_document(silence: Silence, now: float, alerts: Sequence[int]) -> dict[str, Any]:
    return {
        "id": silence.id,
        "state": "pending" if now < silence.starts_at else "active",
        "matchers": [
            {"name": one.name, "value": one.value, "is_regex": one.is_regex, "is_equal": one.is_equal}
            for one in silence.matchers
        ],
        "text": ", ".join(map(str, silence.matchers)),
        "begins": silence.starts_at,
        "ends": silence.ends_at,
        "by": silence.by,
        "reason": silence.reason,
        "alerts": list(alerts),
    }


def _window_document(window: Maintenance, now: float) -> dict[str, Any] | None:
    """Return a window with the period that is, or comes next; None if it is over."""
    period = calendar.current(window.schedule, now) or next(window.schedule.periods(now), None)
    if period is None:
        return None
    return {
        "id": window.id,
        "in_site_file": window.every is not None,
        "every": window.every or None,
        "scope": window.scope.to_dict(),
        "active": period.begins <= now,
        "begins": period.begins,
        "ends": period.ends,
        "by": window.by,
        "reason": window.reason,
    }


# -- what is asked ---------------------------------------------------------------------------------------------------


def _matchers(document: Mapping[str, Any]) -> list[SilenceMatcher]:
    rows = document.get("matchers")
    if not isinstance(rows, list) or not 0 < len(rows) <= _MAX_MATCHERS:
        raise InputError("matchers: none", remedy=f"give 1 to {_MAX_MATCHERS}: {{name, value}}")
    return [_matcher(row, f"matchers[{number}]") for number, row in enumerate(rows)]


def _matcher(row: object, where: str) -> SilenceMatcher:
    if not isinstance(row, dict):
        raise InputError(f"{where}: not an object", remedy="give {name, value}")
    name, value = row.get("name"), row.get("value")
    is_regex, is_equal = row.get("is_regex", False), row.get("is_equal", True)
    if not isinstance(name, str) or not re.fullmatch(LABEL_PATTERN, name):
        raise InputError(f"{where}.name: not the name of a label", remedy="write it as alerts have it: node")
    if not isinstance(value, str) or len(value) > _MAX_TEXT:
        raise InputError(f"{where}.value: not a text, or too long", remedy="write what the label says")
    if not isinstance(is_regex, bool) or not isinstance(is_equal, bool):
        raise InputError(f"{where}: is_regex and is_equal are true or false", remedy="correct them")
    return SilenceMatcher(name, value, is_regex, is_equal)


def _check_exactly(given: Sequence[SilenceMatcher], exact: Sequence[SilenceMatcher]) -> None:
    if set(given) != set(exact):
        raise Barred(
            403, "this key is for one alert: its silence names exactly that one's labels", remedy="leave out matchers"
        )


def _seconds(document: Mapping[str, Any], most: float) -> float:
    seconds = _number(document, "seconds")
    if seconds is None or not 1 <= seconds <= most:
        raise InputError("seconds: not a duration", remedy=f"give 1 to {most:.0f}")
    return seconds


def _number(document: Mapping[str, Any], key: str) -> float | None:
    value = document.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    # Compared, not converted: an integer of JSON can be larger than any float.
    return float(value) if abs(value) <= _MOST_SECONDS else None


def _reason(document: Mapping[str, Any]) -> str:
    reason = text_of(document, "reason", MAX_NOTE)
    if not reason:
        raise InputError("reason: missing", remedy="say why: others will want to know")
    return reason


def _scope(document: Mapping[str, Any], site: Site) -> Scope:
    given = document.get("scope")
    if not isinstance(given, dict):
        raise InputError("scope: missing", remedy="name nodes, groups, clusters or probes; {} is the whole site")
    known = {
        "nodes": [node.name for node in site.nodes],
        "groups": list(site.groups),
        "clusters": [cluster.name for cluster in site.proxmox],
        "probes": [probe.name for probe in site.probes],
    }
    for key, names in given.items():
        if key not in known:
            raise InputError("scope: unknown key", remedy=f"known: {', '.join(known)}")
        if not isinstance(names, list) or not names:
            # Nothing named is the whole site, and whoever wrote this meant less.
            raise InputError(f"scope.{key}: not a list of names", remedy=f"give some, or leave {key} out")
        if unknown := [name for name in names if name not in known[key]]:
            raise InputError(
                f"scope.{key}: {text_of({key: str(unknown[0])}, key, 80)} is not in the site",
                remedy=f"there are: {', '.join(known[key][:10]) or 'none'}",
            )
    return Scope.from_dict(given)


def _period(document: Mapping[str, Any], now: float) -> Period:
    begins, ends = _number(document, "begins"), _number(document, "ends")
    if document.get("begins") is None:
        begins = now
    if begins is None or ends is None:
        raise InputError("begins, ends: not moments", remedy="give seconds since the epoch")
    if begins > now + _MAX_AHEAD:
        raise InputError("begins: more than a year ahead", remedy="use the site file's maintenance")
    if ends <= max(begins, now) or ends - begins > MAX_SECONDS:
        raise InputError("ends: before it begins, over already, or longer than 90 days", remedy="correct it")
    return Period(begins, ends)
