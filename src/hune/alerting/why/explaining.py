"""What is known of an alert, put into plain words: a pure function of the facts, the same list for page and command."""

from __future__ import annotations

import time
from collections.abc import Iterable

from hune.alerting.catalogue import ALERTS
from hune.alerting.holds import Hold, HoldKind, Labels
from hune.alerting.notifiers.phrasing import clean, cut, duration, figure
from hune.alerting.routing import CONSOLE
from hune.alerting.state.episode import Delivery, State
from hune.alerting.why.facts import Facts, Finding, Limit
from hune.alerting.why.subjects import named
from hune.alerting.why.words import WORDS
from hune.alerting.words import described

_MOST_NAMED = 10
_LONGEST = 500
_STATE_OF = {"sent": "fine", "pending": "attention", "failed": "attention", "withheld": "neutral"}


def explain(facts: Facts, language: str) -> list[Finding]:
    """Return the answers, the shortest of all first."""
    words = _Words(facts, language)
    return [
        words.verdict(),
        *words.watched(),
        *words.value(),
        words.limit(),
        words.rule(),
        *words.reasons(),
        *words.inhibited(),
        *words.hushed(),
        *words.routed(),
        *words.delivered(),
        *words.care(),
        *words.others(),
    ]


class _Words:
    def __init__(self, facts: Facts, language: str) -> None:
        self._facts = facts
        self._words = WORDS[language]
        said = ALERTS.get(facts.name)
        self._title = said.words(language).title if said else facts.title
        self._what = described(facts.name, facts.what, language)

    # -- the verdict -------------------------------------------------------------------------------------------------

    def verdict(self) -> Finding:
        answer, state = self._verdict()
        episode = self._facts.episode
        if episode is not None and not self._is_firing and episode.resolved_at is not None:
            answer += self._say("over", self._moment(episode.starts_at), self._moment(episode.resolved_at))
        return self._finding("verdict", answer, state, clean(self._title))

    @property
    def _is_firing(self) -> bool:
        rule, episode = self._facts.rule, self._facts.episode
        return (rule is not None and rule.state == "firing") or (episode is not None and episode.is_open)

    def _verdict(self) -> tuple[str, str]:
        facts, rule, episode, measured = self._facts, self._facts.rule, self._facts.episode, self._facts.measured
        if episode is not None and episode.state is State.UNKNOWN and not (rule and rule.state == "firing"):
            return self._say("unknown"), "unknown"
        if self._is_firing:
            return self._firing()
        if rule is not None and rule.state == "pending" and rule.active_at is not None:
            left = max(0.0, rule.active_at + rule.hold_seconds - facts.now)
            return self._say("pending", duration(left)), "attention"
        if rule is None:
            return self._say("not_asked", clean(measured.problem)), "unknown"
        if not facts.is_watched:
            return self._say("unwatched"), "attention"
        if rule.state == "absent":
            return self._say("absent"), "unknown"
        if rule.error:
            return self._say("failing"), "wrong"
        if self._reasons:
            return self._say("left_out", self._reason(self._reasons[0])), "attention"
        return self._quiet()

    @property
    def _reasons(self) -> tuple[str, ...]:
        """Why the rule leaves it out; what is measured within its limit needs no reason."""
        limit, measured = self._facts.limit, self._facts.measured
        is_within = limit is not None and measured.value is not None and not limit.is_crossed(measured.value)
        return () if is_within or measured.unread else measured.reasons

    def _firing(self) -> tuple[str, str]:
        facts, rule, episode = self._facts, self._facts.rule, self._facts.episode
        since = self._moment(
            episode.starts_at if episode is not None and episode.is_open else (rule and rule.active_at) or facts.now
        )
        if not facts.receivers and not facts.deliveries:
            return self._say("firing", since), "wrong"
        told = [one.receiver for one in facts.deliveries if one.told and one.receiver != CONSOLE]
        if told:
            return self._say("firing_told", since, ", ".join(told)), "wrong"
        return self._say("firing_untold", since, self._why_untold()), "wrong"

    def _why_untold(self) -> str:
        facts = self._facts
        if facts.explained_by:
            return self._say("is_inhibited", self._alert(facts.explained_by[0]))
        if facts.holds:
            return self._say("is_silenced" if facts.holds[0].kind is HoldKind.SILENCE else "is_held")
        if all(one.receiver == CONSOLE for one in facts.receivers):
            return self._say("no_receiver")
        waits = next((one for one in facts.deliveries if one.problem), None)
        return self._say("not_accepted", waits.receiver) if waits else self._say("not_heard")

    def _quiet(self) -> tuple[str, str]:
        measured, limit = self._facts.measured, self._facts.limit
        if measured.unread:
            return self._say("unread"), "unknown"
        if not self._facts.is_found:
            return self._say("not_found"), "neutral"
        if limit is not None and measured.value is not None:
            value = figure(measured.value, limit.unit)
            if limit.is_crossed(measured.value):
                return self._say("crossed", value), "attention"
            return self._say("within", value, figure(limit.value, limit.unit)), "fine"
        if measured.is_wrong:
            return self._say("excused"), "attention"
        if measured.is_wrong is False:
            return self._say("well"), "fine"
        if measured.value is None and self._own():
            return self._say("silent"), "unknown"
        return self._say("quiet"), "fine"

    # -- the answers -------------------------------------------------------------------------------------------------

    def watched(self) -> Iterable[Finding]:
        facts = self._facts
        if facts.is_watched:
            return
        there = self._say("there", self._list(facts.there)) if facts.there else ""
        if "device" in facts.labels and not facts.there:
            there = self._say("nothing_there")
        yield self._finding("watched", self._say("no"), "attention", there)

    def value(self) -> Iterable[Finding]:
        facts, measured, limit = self._facts, self._facts.measured, self._facts.limit
        if measured.problem:
            yield self._finding("value", self._say("nothing"), "unknown", self._problem())
            return
        age = "" if measured.age is None else self._say("age", duration(measured.age))
        seen = self._say("last_seen", duration(measured.age)) if measured.age is not None else self._say("never_seen")
        if measured.value is not None and limit is not None:
            state = "wrong" if limit.is_crossed(measured.value) else "fine"
            yield self._finding("value", figure(measured.value, limit.unit), state, age)
        elif not facts.is_found and not measured.unread:
            yield self._finding("value", self._say("nothing"), "neutral", seen)
        elif measured.is_wrong is not None:
            word, state = ("wrong", "wrong") if measured.is_wrong else ("in_order", "fine")
            yield self._finding("value", self._say(word), state, age)
        elif measured.value is not None and not measured.unread:
            yield self._finding("value", figure(measured.value, ""), "neutral", age)
        elif measured.unread:
            detail = f"{self._say('unread_by', self._list(measured.unread))}; {seen}"
            yield self._finding("value", self._say("nothing"), "unknown", detail)
        elif measured.remembered is not None:
            unit = limit.unit if limit else ""
            answer = self._say("remembered", figure(measured.remembered, unit))
            yield self._finding("value", answer, "unknown", seen)
        elif self._own():
            yield self._finding("value", self._say("nothing"), "unknown", seen)

    def limit(self) -> Finding:
        facts, limit = self._facts, self._facts.limit
        wait = facts.rule.hold_seconds if facts.rule else 0.0
        hold = self._say("hold", duration(wait)) if wait else ""
        if limit is None:
            return self._finding("limit", self._what or self._say("as_soon"), "neutral", hold)
        answer = self._say(limit.sign, figure(limit.value, limit.unit))
        if limit.clear is not None:
            answer += self._say(f"clears_{limit.sign}", figure(limit.clear, limit.unit))
        return self._finding("limit", answer, "neutral", "; ".join(filter(None, (self._origin(limit), hold))))

    def rule(self) -> Finding:
        facts, rule = self._facts, self._facts.rule
        if rule is None:
            return self._finding("rule", self._problem(), "unknown")
        if rule.error:
            return self._finding("rule", self._say("error", clean(rule.error)), "wrong")
        evaluated = ""
        if rule.evaluated_at is not None:
            evaluated = self._say("evaluated", duration(facts.now - rule.evaluated_at))
        since = self._moment(rule.active_at or facts.now)
        if rule.state == "pending":
            fires = self._moment((rule.active_at or facts.now) + rule.hold_seconds)
            return self._finding("rule", self._say("state_pending", since, fires), "attention", evaluated)
        state = {"inactive": "fine", "firing": "wrong", "absent": "unknown", "own": "neutral"}[rule.state]
        return self._finding("rule", self._say(f"state_{rule.state}", since), state, evaluated)

    def reasons(self) -> Iterable[Finding]:
        for key in self._reasons:
            yield self._finding("reason", self._reason(key), "attention")

    def inhibited(self) -> Iterable[Finding]:
        for labels in self._facts.explained_by:
            yield self._finding("inhibited", self._say("by_alert", self._alert(labels)), "attention")

    def hushed(self) -> Iterable[Finding]:
        if self._facts.alertmanager_problem:
            problem = self._say("alertmanager", clean(self._facts.alertmanager_problem))
            yield self._finding("silence", problem, "unknown")
        for hold in self._facts.holds:
            yield self._hold(hold)

    def _hold(self, hold: Hold) -> Finding:
        by = clean(hold.by) or self._say("site_file")
        answer = self._say("by_person", by, self._moment(hold.until))
        topic = "silence" if hold.kind is HoldKind.SILENCE else "maintenance"
        return self._finding(topic, answer, "attention", hold.reason)

    def routed(self) -> Iterable[Finding]:
        facts = self._facts
        people = [one for one in facts.receivers if one.receiver != CONSOLE]
        detail = "; ".join(
            self._say("via", one.receiver, one.route or self._say("everything"))
            + (self._say("from", self._moment(one.due_at)) if one.due_at > facts.now else "")
            for one in people
        )
        answer = ", ".join(one.receiver for one in facts.receivers) or self._say("nobody")
        yield self._finding("routed", answer, "neutral" if people else "attention", detail)

    def delivered(self) -> Iterable[Finding]:
        for one in self._facts.deliveries:
            answer, state = self._delivery(one)
            details = [one.problem, self._say("step", one.step) if one.step else ""]
            if one.digest is not None and one.state == "sent":
                details.append(self._say("digest", one.digest))
            question = self._say("delivery?", one.receiver)
            yield self._finding("delivery", answer, state, "; ".join(filter(None, details)), question=question)

    def _delivery(self, delivery: Delivery) -> tuple[str, str]:
        facts, state = self._facts, _STATE_OF.get(delivery.state, "wrong")
        if delivery.state == "sent":
            key = "sent_over" if delivery.told is State.RESOLVED else "sent"
            return self._say(key, self._moment(delivery.at or facts.now)), state
        if delivery.state in ("pending", "failed"):
            if facts.episode is not None and facts.episode.holds:
                return self._say("held"), "neutral"
            if delivery.due_at > facts.now:
                return self._say("due", self._moment(delivery.due_at)), "neutral"
        return self._say("pending_delivery" if delivery.state == "pending" else delivery.state), state

    def care(self) -> Iterable[Finding]:
        care = self._facts.care
        if care is not None:
            moment = self._moment(care.at if care.until is None else care.until)
            yield self._finding("care", self._say(care.state, clean(care.by), moment), "neutral", care.note)

    def others(self) -> Iterable[Finding]:
        if self._facts.others:
            answer = f"{self._facts.name} {named(self._own())}".strip()
            yield self._finding("others", answer, "neutral", self._say("also", self._list(self._facts.others)))

    # -- words -------------------------------------------------------------------------------------------------------

    def _finding(self, topic: str, answer: str, state: str, detail: str = "", *, question: str = "") -> Finding:
        asked = question or self._say(f"{topic}?")
        return Finding(topic, asked, cut(clean(answer), _LONGEST), state, cut(clean(detail), _LONGEST))

    def _say(self, key: str, *parts: object) -> str:
        return self._words[key].format(*parts)

    def _moment(self, seconds: float) -> str:
        return time.strftime(self._words["moment"], time.gmtime(seconds))

    def _problem(self) -> str:
        return self._say("asked_in_vain", clean(self._facts.measured.problem))

    def _origin(self, limit: Limit) -> str:
        return self._say(f"origin_{limit.origin}", limit.place)

    def _reason(self, key: str) -> str:
        return self._say({"unknown": "undecided", "pending": "first_backup"}.get(key, key))

    def _alert(self, labels: Labels) -> str:
        place = next((labels[label] for label in ("node", "probe", "cluster", "service") if labels.get(label)), "")
        return clean(f"{labels.get('alertname', '')} {place}")

    def _own(self) -> dict[str, str]:
        hidden = ("alertname", "severity", "site", "lab")
        return {label: text for label, text in self._facts.labels.items() if label not in hidden}

    def _list(self, names: Iterable[str]) -> str:
        listed = list(names)
        more = self._say("more", len(listed) - _MOST_NAMED) if len(listed) > _MOST_NAMED else ""
        return ", ".join(listed[:_MOST_NAMED]) + more
