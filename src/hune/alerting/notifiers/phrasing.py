"""The words of messages, in the site's language, and figures as people write them."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping

from hune.alerting.catalogue import ALERTS, THINGS
from hune.alerting.notifiers import Notice
from hune.alerting.notifiers.next_steps import NEXT_STEPS
from hune.alerting.state.episode import Again, Episode, State, number

_WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "critical": "CRITICAL",
        "warning": "WARNING",
        "info": "INFO",
        "alert": "ALERT",
        "resolved": "RESOLVED",
        "unwatched": "NO LONGER WATCHED",
        "passed": "CAME AND WENT",
        "node": "Node",
        "value": "Value",
        "limit": "limit {}",
        "since": "Since",
        "lasted": "Lasted",
        "peak": "Peak",
        "peak_of": "peak {}",
        "where": "Where",
        "next": "Next step",
        "links": "Links",
        "runbook": "Runbook",
        "page": "Open in Hune",
        "lab": "LAB",
        "lab_note": "LAB: simulated, no real machine",
        "after": "after {}",
        "was_firing": "was firing",
        "more": "+{} more",
        "list": "list all {}",
        "firing_count": "{} firing",
        "resolved_count": "{} resolved",
        "passed_count": "{} came and went",
        "test_summary": "Test: messages of Hune reach this receiver",
        "test_description": "Somebody asked for this message. There is nothing to do.",
        "again_reminder": "reminder: still firing for {}",
        "again_snooze_over": "the snooze is over: still firing for {}",
        "again_unknown": "the snooze is over: after {} nobody knows whether it still fires",
        "again_escalation": "nobody has looked after it for {}",
        "acknowledged": "Looked after by",
        "snoozed": "Snoozed by",
        "until": "until {}",
        "acknowledge": "Acknowledge…",
        "look_after": "Who looks after it…",
        "away": "Messages could not be delivered from {} on; this is how things stand.",
    },
    "fr": {
        "critical": "CRITIQUE",
        "warning": "AVERTISSEMENT",
        "info": "INFO",
        "alert": "ALERTE",
        "resolved": "RÉSOLU",
        "unwatched": "PLUS SURVEILLÉ",
        "passed": "TRANSITOIRE",
        "node": "Nœud",
        "value": "Valeur",
        "limit": "limite {}",
        "since": "Depuis",
        "lasted": "Durée",
        "peak": "Maximum",
        "peak_of": "maximum {}",
        "where": "Où",
        "next": "À faire",
        "links": "Liens",
        "runbook": "Procédure",
        "page": "Ouvrir dans Hune",
        "lab": "LAB",
        "lab_note": "LAB : simulé, aucune machine réelle",
        "after": "après {}",
        "was_firing": "était actif",
        "more": "+{} autres",
        "list": "voir les {}",
        "firing_count": "{} en cours",
        "resolved_count": "{} résolues",
        "passed_count": "{} apparues et disparues",
        "test_summary": "Essai : les messages de Hune arrivent ici",
        "test_description": "Quelqu'un a demandé ce message. Il n'y a rien à faire.",
        "again_reminder": "rappel : toujours actif depuis {}",
        "again_snooze_over": "report terminé : toujours actif depuis {}",
        "again_unknown": "report terminé : après {}, on ignore si l'alerte est encore active",
        "again_escalation": "personne ne s'en occupe depuis {}",
        "acknowledged": "Pris en charge par",
        "snoozed": "Reporté par",
        "until": "jusqu'au {}",
        "acknowledge": "Prendre en charge…",
        "look_after": "Qui s'en occupe…",
        "away": "Aucun message n'a pu être remis depuis {} ; voici l'état actuel.",
    },
}
_ICONS = {
    "critical": "🔥",
    "warning": "⚠️",
    "info": "ℹ️",
    "alert": "🔔",
    "resolved": "✅",
    "unwatched": "⏏️",
    "passed": "☑️",
}
_HIDDEN_LABELS = {"alertname", "severity", "node", "site", "lab", "job", "instance", "monitor", "prometheus"}
_JOINERS = "\u200c\u200d"
_ISOLATE, _END_OF_ISOLATE = "\u2068", "\u2069"
_MOST_MARKS = 4


class Wording:
    """Words and figures in one language."""

    def __init__(self, language: str) -> None:
        self._language = language
        self._words = _WORDS[language]

    def say(self, key: str, *parts: object) -> str:
        """Return a word or sentence of the catalogue."""
        return self._words[key].format(*parts)

    def kind(self, notice: Notice) -> str:
        """Return the key of what a notice is: a severity, `resolved`, `passed` or `unwatched`."""
        if notice.came_and_went:
            return "passed"
        if notice.told is State.RESOLVED:
            return "unwatched" if notice.episode.ending == "unwatched" else "resolved"
        return self.severity(notice.episode)

    def severity(self, episode: Episode) -> str:
        """Return the key of an episode's severity, `alert` if it has none that is known."""
        return episode.severity if episode.severity in ("critical", "warning", "info") else "alert"

    def badge(self, key: str) -> str:
        """Return icon and word of a severity or outcome."""
        return f"{_ICONS[key]} {self.say(key)}"

    def icon(self, key: str) -> str:
        """Return the icon alone."""
        return _ICONS[key]

    def title(self, episode: Episode) -> str:
        """Return what kind of alert it is: `CPU too hot`, or its name if it isn't of the catalogue."""
        alert = ALERTS.get(episode.alertname)
        return alert.words(self._language).title if alert else self._name(episode)

    def summary(self, notice: Notice) -> str:
        """Return the alert in one line, the node's name in it; of one that is over, what it was."""
        episode = notice.episode
        if notice.told is State.RESOLVED and episode.alertname in ALERTS:
            place = self._place(episode)
            text = f"{self.title(episode)} · {place}" if place else self.title(episode)
        else:
            text = clean(episode.annotations.get("summary", "")) or self._name(episode)
        node = clean(episode.labels.get("node", ""))
        return f"{node}: {text}" if node and node.casefold() not in text.casefold() else text

    def _name(self, episode: Episode) -> str:
        # A name of nothing that can be seen is none.
        return clean(episode.alertname) or self.say("alert")

    def _place(self, episode: Episode) -> str:
        """Return which of the things on a node it was; of a cluster, everything that tells it from its siblings."""
        labels = episode.labels
        if "cluster" not in labels:
            return clean(
                next((labels[name] for name in ("device", "probe", "heartbeat", *THINGS) if labels.get(name)), "")
            )
        identity = ALERTS[episode.alertname].identity
        return clean(" ".join(labels[name] for name in identity if name != "node" and labels.get(name)))

    def again(self, notice: Notice) -> str:
        """Return why an alert is told once more, or to somebody who isn't named by the routes; else nothing."""
        if notice.again is Again.NO or notice.told is not State.FIRING:
            return ""
        if notice.again is Again.SNOOZE_OVER and notice.episode.state is State.UNKNOWN:
            return self.say("again_unknown", duration(notice.now - notice.episode.starts_at))
        since = notice.alone_since if notice.again is Again.ESCALATION else None
        begun = notice.episode.starts_at if since is None else since
        return self.say(f"again_{notice.again.name.lower()}", duration(notice.now - begun))

    def next_step(self, episode: Episode) -> str:
        """Return the one thing to do about an alert of the catalogue, or nothing."""
        return NEXT_STEPS[self._language].get(episode.alertname, "")

    def value(self, episode: Episode, *, peak: bool = False) -> str:
        """Return the value (or the peak) with its unit, or nothing if the alert has none."""
        number_or_none = episode.peak if peak else episode.value
        if number_or_none is not None:
            return figure(number_or_none, episode.annotations.get("unit", ""))
        return "" if peak else clean(episode.annotations.get("value", ""))

    def limit(self, episode: Episode) -> str:
        """Return the threshold with its unit, or nothing if the alert has none."""
        text = episode.annotations.get("threshold", "")
        threshold = number(text)
        return clean(text) if threshold is None else figure(threshold, episode.annotations.get("unit", ""))

    def peak(self, episode: Episode) -> str:
        """Return the peak with its unit if it lies above the threshold: only then higher is worse."""
        threshold = number(episode.annotations.get("threshold"))
        if episode.peak is None or threshold is None or episode.peak < threshold:
            return ""
        return self.value(episode, peak=True)

    def where(self, episode: Episode, *, besides: str = "") -> str:
        """Return the labels that tell the thing from its siblings, `chip coretemp_0`, and don't stand `besides`."""
        shown = [
            (key, text)
            for key, text in sorted(episode.labels.items())
            if key not in _HIDDEN_LABELS and clean(text) not in besides
        ]
        return " · ".join(f"{clean(key)} {cut(clean(text), 120)}" for key, text in shown[:6])


def figure(value: float, unit: str) -> str:
    """Return a number as people write it: `78.4 °C`, `1.25 GB/s`, `3`."""
    unit = clean(unit)
    if unit in ("B/s", "bytes/s", "By/s", "B", "bytes"):
        bits = 8 if "/" in unit else 1
        for prefix, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
            if abs(value) * bits >= size:
                return f"{_short(value * bits / size)} {prefix}{'bit/s' if bits == 8 else 'B'}"
        return f"{_short(value * bits)} {'bit/s' if bits == 8 else 'B'}"
    if unit in ("ratio", "%"):
        return f"{_short(value * 100 if unit == 'ratio' else value)} %"
    return f"{_short(value)} {unit}".strip()


def _short(value: float) -> str:
    if value == 0 or 1e-3 <= abs(value) < 1e6:
        digits = 0 if abs(value) >= 1000 else 1 if abs(value) >= 10 else 3
        text = f"{value:.{digits}f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    return f"{value:.3g}"


def duration(seconds: float) -> str:
    """Return a duration in its two largest units: `3 min 12 s`."""
    rest = max(0, round(seconds))
    parts: list[str] = []
    for name, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        count, rest = divmod(rest, size)
        if count or (name == "s" and not parts):
            parts.append(f"{count} {name}")
        elif parts:
            break
    return " ".join(parts[:2])


def lasted(episode: Episode) -> str:
    """Return how long a resolved episode lasted."""
    return duration((episode.resolved_at or episode.starts_at) - episode.starts_at)


def clean(text: str) -> str:
    """Return text on one line, without characters that control, hide or turn it; right-to-left text is isolated."""
    kept = []
    turned = False
    marks = 0
    for character in text[:4096]:
        category = unicodedata.category(character)
        # A tower of accents would cover the lines above and below.
        marks = marks + 1 if category in ("Mn", "Me") else 0
        if marks > _MOST_MARKS:
            continue
        if category in ("Cc", "Zl", "Zp", "Zs"):
            kept.append(" ")
        elif category not in ("Cf", "Cs", "Co", "Cn") or character in _JOINERS:
            kept.append(character)
            turned = turned or unicodedata.bidirectional(character) in ("R", "AL", "AN")
    line = " ".join("".join(kept).split())
    if not line.strip(_JOINERS + " "):
        return ""
    return f"{_ISOLATE}{line}{_END_OF_ISOLATE}" if turned else line


def width(text: str) -> int:
    """Return the length in UTF-16 units, the strictest of the ways in which channels count."""
    return len(text) + sum(character > "\uffff" for character in text)


def cut(text: str, limit: int) -> str:
    """Return text of at most `limit` UTF-16 units, `…` at the end of what was shortened, and no isolate left open."""
    if width(text) <= limit:
        return text
    isolated = _ISOLATE in text
    room, kept = limit - 1 - isolated, []
    for character in text:
        room -= 1 + (character > "\uffff")
        if room < 0:
            break
        kept.append(character)
    shortened = "".join(kept).rstrip(_JOINERS + " \n")
    is_open = shortened.rfind(_ISOLATE) > shortened.rfind(_END_OF_ISOLATE)
    return f"{shortened}…{_END_OF_ISOLATE if is_open else ''}"
