"""Gathering what is known of one rule and one thing: from Prometheus, Alertmanager, the site and the hub's book."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from hune.alerting.addressing import receivers_of, routes_of
from hune.alerting.catalogue import ALERTS, Alert, is_known
from hune.alerting.catalogue.own import SERVICES
from hune.alerting.holds import Labels, Terms
from hune.alerting.state.database import Database
from hune.alerting.why import measuring, records, subjects
from hune.alerting.why.facts import Facts, Measured, RuleState, Told
from hune.alerting.why.records import Record
from hune.alerting.why.subjects import Question
from hune.core.clock import Clock
from hune.core.errors import HuneError, InputError
from hune.promapi.alertmanager import AlertmanagerClient
from hune.promapi.prometheus import PrometheusClient, Sample
from hune.site.models import Site

_NOBODYS = ("Watchdog",)
"""Alerts that nobody is told of."""
_NOT_IDENTITY = ("alertname", "severity", "site", "lab")


@dataclass(frozen=True)
class _Rules:
    """What Prometheus says of its alerting rules, by name; `problem`: why it says nothing."""

    rows: Mapping[str, Mapping[str, Any]]
    problem: str = ""

    def alerts(self, name: str) -> Sequence[Mapping[str, Any]]:
        found: Sequence[Mapping[str, Any]] = self.rows.get(name, {}).get("alerts") or ()
        # What fires comes before what is only pending.
        return sorted(found, key=lambda row: row["state"] != "firing")


class Asker:
    """Asks everybody; what doesn't answer is part of the answer."""

    def __init__(
        self,
        database: Database,
        prometheus: PrometheusClient,
        alertmanager: AlertmanagerClient,
        site: Site,
        clock: Clock,
        terms: Callable[[float], Terms],
    ) -> None:
        self._database = database
        self._prometheus = prometheus
        self._alertmanager = alertmanager
        self._site = site
        self._clock = clock
        self._terms = terms
        self._measures = measuring.measures(site)

    async def ask(self, question: Question) -> Facts:
        """Return what is known. Raises InputError if the question means nothing here, Unavailable without the book."""
        record, number = None, question.number
        if number is not None:
            record = await self._database.read(lambda connection: records.find(connection, number))
            if record is None:
                raise InputError(f"alert {number}: not known, or too old", remedy="see the list of alerts")
            question = Question(record.episode.alertname)
        rules = await self._rules()
        name = record.episode.alertname if record else subjects.rule_of(question.rule, {*ALERTS, *rules.rows})
        alert = ALERTS.get(name)
        labels, others = await self._subject(name, alert, question, rules, record)
        if record is None:
            identity = alert.identity if alert else tuple(labels)
            record = await self._database.read(partial(records.latest, name=name, identity=identity, labels=labels))
        row = next((row for row in rules.alerts(name) if _holds(row["labels"], labels)), None)
        said = self._said(name, alert, labels, row, record)
        measured, explained = await asyncio.gather(self._measured(name, labels, rules), self._explained(said))
        now = self._clock.now()
        terms = self._terms(now)
        title, what = self._words(name, alert)
        return Facts(
            now=now,
            name=name,
            title=title,
            what=what,
            labels=said,
            is_watched=alert is None or subjects.is_watched(self._site, name, alert.identity, labels),
            is_found=alert is None or (subjects.is_whole(labels, alert.identity) and not measured.is_absent),
            others=others,
            there=subjects.watched_there(self._site, labels),
            limit=measuring.limit(self._site, name, labels),
            measured=measured,
            rule=self._rule(name, rules, row),
            explained_by=explained.by,
            holds=terms.holds(said),
            alertmanager_problem=explained.problem,
            receivers=() if name in _NOBODYS else tuple(_told(self._site, said, terms)),
            episode=record.episode if record else None,
            deliveries=record.deliveries if record else (),
            care=record.care if record else None,
        )

    # -- what is meant -----------------------------------------------------------------------------------------------

    async def _subject(
        self, name: str, alert: Alert | None, question: Question, rules: _Rules, record: Record | None
    ) -> tuple[Labels, tuple[str, ...]]:
        """Return the labels of the thing that is meant, and how others are called that might be."""
        if record is not None:
            labels = record.episode.labels
            identity = alert.identity if alert else tuple(label for label in labels if label not in _NOT_IDENTITY)
            return {label: labels[label] for label in identity if label in labels}, ()
        episodes = await self._database.read(partial(records.known, name=name))
        seen = [row["labels"] for row in rules.alerts(name)] + [one.labels for one in episodes]
        names = {label for one in seen for label in one} - {*_NOT_IDENTITY}
        identity = alert.identity if alert else tuple(sorted(names))
        subjects.check_labels(name, identity, question.labels)
        place = subjects.places(self._site, name, identity).get(question.resource, {})
        where = {label: text for label, text in question.labels.items() if label in ("node", "cluster")}
        measured = await self._measurable(name, {**place, **where})
        known = [
            {label: one[label] for label in identity if one.get(label)}
            for one in (*seen, *subjects.of_site(self._site, name, identity), *measured)
        ]
        found = subjects.matching(known, question.resource, question.labels)
        if not question.resource and not question.labels and len(found) > 1 and not rules.alerts(name):
            # Any of many that are well: nobody means that.
            found = []
        if not found:
            labels = subjects.assumed(self._site, name, identity, question, known)
            beside = subjects.matching(known, "", {label: labels[label] for label in place if label in labels})
            return labels, tuple(subjects.named(other) for other in beside if other != labels) if place else ()
        return found[0], tuple(subjects.named(other) for other in found[1:])

    async def _measurable(self, name: str, given: Labels) -> list[Labels]:
        """Return the labels of all that the rule judges, as far as it has the given ones."""
        measure, _ = self._measures.get(name, ("", ""))
        asked = [measuring.value(name, measure)] if measure else []
        asked += [expression for expression in (measuring.remembered(name), measuring.wrong(name)) if expression]
        answers = await asyncio.gather(*(self._query(measuring.of(one, given)) for one in asked))
        return [sample.labels for answer in answers for sample in answer or ()]

    def _said(
        self, name: str, alert: Alert | None, labels: Labels, row: Mapping[str, Any] | None, record: Record | None
    ) -> Labels:
        """Return all labels of the alert: its own, or those that it would have."""
        if row is not None:
            return {**row["labels"], "site": self._site.name}
        if record is not None and record.episode.is_open:
            return record.episode.labels
        severity = alert.severity if alert else None
        probe = next((one for one in self._site.probes if one.name == labels.get("probe")), None)
        severity = severity or (probe.severity if probe else None)
        lab = {"lab": "true"} if subjects.is_lab(self._site, labels) else {}
        severity = severity or (SERVICES.get(labels.get("service", "")) if alert else None)
        heartbeat = next((one for one in self._site.expects if one.name == labels.get("heartbeat")), None)
        severity = severity or (heartbeat.severity if heartbeat else None)
        return {
            "alertname": name,
            **({"severity": severity} if severity else {}),
            **labels,
            **lab,
            "site": self._site.name,
        }

    def _words(self, name: str, alert: Alert | None) -> tuple[str, str]:
        """Return the alert's title, and what it says about itself unless that depends on what is looked up."""
        title = alert.words(self._site.language).title if alert else name
        what = self._measures.get(name, ("", ""))[1]
        return title, "" if "{{" in what else what

    # -- what is measured --------------------------------------------------------------------------------------------

    async def _rules(self) -> _Rules:
        try:
            answer = await self._prometheus.call("GET", "/api/v1/rules?type=alert")
            return _Rules(by_name(rule for group in answer["groups"] for rule in group["rules"]))
        except HuneError as error:
            return _Rules({}, str(error))
        except (KeyError, TypeError) as error:
            return _Rules({}, f"answered something else than rules ({type(error).__name__})")

    def _rule(self, name: str, rules: _Rules, row: Mapping[str, Any] | None) -> RuleState | None:
        if name in ALERTS and not is_known(name):
            return RuleState("own")
        return None if rules.problem else _state(rules.rows.get(name), row)

    async def _query(self, expression: str) -> list[Sample] | None:
        """Return what Prometheus answers, None if it doesn't."""
        try:
            return await self._prometheus.query(expression)
        except HuneError:
            return None

    async def _measured(self, name: str, labels: Labels, rules: _Rules) -> Measured:
        if rules.problem:
            return Measured(problem=rules.problem)
        measure, _ = self._measures.get(name, ("", ""))
        reads, reasons = measuring.reads(name, labels), measuring.reasons(name)
        of_thing = {label: text for label, text in labels.items() if text}
        asked = {
            "value": measuring.of(measuring.value(name, measure), of_thing) if measure else "",
            "remembered": _of(measuring.remembered(name), of_thing),
            "wrong": _of(measuring.wrong(name), of_thing),
            "age": measuring.age(name, labels),
            **{f"read {collector}": expression for collector, expression in reads.items()},
            **{f"reason {key}": measuring.of(expression, of_thing) for key, expression in reasons.items()},
        }
        keys = [key for key, expression in asked.items() if expression]
        answers = dict(zip(keys, await asyncio.gather(*(self._query(asked[key]) for key in keys)), strict=True))
        value = _first(answers.get("value"))
        is_read = all(answers[f"read {collector}"] for collector in reads)
        wrong = answers.get("wrong")
        is_wrong: bool | None = None
        if name in measuring.WRONG_AT:
            is_wrong = None if value is None else value == measuring.WRONG_AT[name]
        elif wrong:
            is_wrong = True
        elif wrong is not None and reads and is_read:
            is_wrong = False
        return Measured(
            value=value,
            age=_first(answers.get("age")),
            remembered=None if value is not None else _first(answers.get("remembered")),
            is_wrong=is_wrong,
            unread=tuple(collector for collector in reads if not answers[f"read {collector}"]),
            is_absent=bool(reads) and is_read and not is_wrong and answers.get("value") == [],
            reasons=tuple(key for key in reasons if answers[f"reason {key}"]),
        )

    # -- what Alertmanager makes of it -------------------------------------------------------------------------------

    async def _explained(self, said: Labels) -> _Explained:
        try:
            return _Explained(tuple(await self._alertmanager.inhibitors(said)))
        except HuneError as error:
            return _Explained(problem=str(error))


@dataclass(frozen=True)
class _Explained:
    """Which alerts inhibit one, as Alertmanager says."""

    by: tuple[Labels, ...] = ()
    problem: str = ""


def by_name(rules: Iterable[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Return rules by their names, several of one name as one: the alerts of all, and the error of any."""
    found: dict[str, Mapping[str, Any]] = {}
    for rule in rules:
        known = found.get(rule["name"], {})
        alerts = [*(known.get("alerts") or ()), *(rule.get("alerts") or ())]
        error = known.get("lastError") or rule.get("lastError") or ""
        found[rule["name"]] = {**rule, "alerts": alerts, "lastError": error}
    return found


def _of(expression: str, labels: Labels) -> str:
    return measuring.of(expression, labels) if expression else ""


def _first(answer: Sequence[Sample] | None) -> float | None:
    return next((sample.value for sample in answer or () if sample.value == sample.value), None)


def _holds(labels: Labels, wanted: Labels) -> bool:
    return all(labels.get(label, "") == text for label, text in wanted.items())


def _state(rule: Mapping[str, Any] | None, row: Mapping[str, Any] | None) -> RuleState:
    if rule is None:
        return RuleState("absent")
    state = RuleState(
        "inactive",
        hold_seconds=float(rule.get("duration") or 0.0),
        evaluated_at=_moment(rule.get("lastEvaluation")),
        error=str(rule.get("lastError") or ""),
    )
    if row is None:
        return state
    return replace(state, state="firing" if row["state"] == "firing" else "pending", active_at=_moment(row["activeAt"]))


def _moment(text: object) -> float | None:
    try:
        moment = datetime.fromisoformat(str(text)).timestamp()
    except (ValueError, OverflowError):
        return None
    return moment if moment > 0 else None


def _told(site: Site, labels: Labels, terms: Terms) -> list[Told]:
    if labels.get("alertname") == "DailyTest":
        return [Told(labels["receiver"], "")] if labels.get("receiver") else []
    taken = routes_of(site, labels)

    def by(receiver: str) -> str:
        route = next((route for route in taken if receiver in route.receivers), None)
        return ", ".join(f"{label}={text}" for label, text in route.match.items()) if route else ""

    return [Told(receiver, by(receiver), terms.due(labels, receiver)) for receiver in receivers_of(site, labels)]
