"""Sentences about alerts, ports and sources: what happened, where, since when, who was told."""

from __future__ import annotations

import re
from dataclasses import dataclass

from hune.alerting.catalogue import THINGS
from hune.alerting.words.proxmox import WORDS_PVE
from hune.nester.judge import State, judge_alert, judge_port
from hune.nester.language import Language
from hune.nester.snapshot import Alert, Delivery, Node, Port, is_plausible

# The least age at which a silent source is worth a banner: shorter ones are restarts.
PATIENCE_SECONDS = {"prometheus": 60.0, "hub": 10.0, "victoriametrics": 60.0}


def alert_title(alert: Alert, t: Language) -> str:
    """Return what an alert says in one line: from the catalogue, else in its own words."""
    said = _said(alert, t, f"alert.{alert.name}", f"alert_plain.{alert.name}") or _said_of_proxmox(alert, t)
    return said or alert.annotation("summary") or " · ".join(filter(None, [alert.name, alert_where(alert)]))


def alert_brief(alert: Alert, t: Language) -> str:
    """Return what an alert says where its node is named beside it."""
    said = _said(alert, t, f"alert_brief.{alert.name}", f"alert_brief_plain.{alert.name}")
    known = WORDS_PVE[t.code].get(alert.name)
    return said or (known.title if known else alert_title(alert, t))


def _said_of_proxmox(alert: Alert, t: Language) -> str:
    """Return what an alert about Proxmox says, in the words of its message but in the page's language.

    What only the message knows, as a list of health checks, leaves its title and the place.
    """
    known, written = WORDS_PVE[t.code].get(alert.name), alert.annotation("summary")
    if known is None:
        return ""
    if re.fullmatch(re.sub(r"\\\{\w+\\\}", ".*", re.escape(known.summary)), written):
        # It is in this language already.
        return written
    guest = re.search(rf"(?<!\S)\S+ \({re.escape(alert.label('id'))}\)", written) if alert.label("id") else None
    value = alert.value
    fields = {
        **dict(alert.labels),
        "place": alert.label("node") or alert.label("cluster"),
        "guest": guest[0] if guest else alert.label("id"),
        "value": "" if value is None else t.number(value, 0 if value == round(value) else 1),
    }
    if all(fields.get(name) for name in _needed(known.summary)):
        return known.summary.format(**fields)
    return " · ".join(filter(None, [known.title, alert_where(alert) or alert.label("cluster")]))


def _said(alert: Alert, t: Language, *keys: str) -> str:
    """Return the first sentence of the catalogue for which everything is known: values are not, without the hub."""
    fields = _fields(alert, t)
    for key in keys:
        if t.has(key) and all(fields[name] for name in _needed(t.texts[key])):
            return t(key, **fields)
    return ""


def _needed(text: str) -> set[str]:
    return {part.partition("}")[0] for part in text.split("{")[1:]}


def _fields(alert: Alert, t: Language) -> dict[str, str]:
    return {
        "node": alert.label("node"),
        "device": alert.label("port") or alert.label("device"),
        "probe": alert.label("probe"),
        "heartbeat": alert.label("heartbeat"),
        # Of an alert that is over, what matters is how bad it was.
        "value": measured(alert, alert.value if alert.is_open or alert.peak is None else alert.peak, t),
        "threshold": measured(alert, threshold(alert), t),
    }


def alert_where(alert: Alert) -> str:
    """Return the place that an alert is about."""
    place = alert.label("node") or alert.label("probe") or alert.label("heartbeat") or alert.label("instance")
    thing = (alert.label(name) for name in ("port", "device", *THINGS))
    return " ".join(filter(None, [place, next(filter(None, thing), "")]))


def alert_subject(alert: Alert) -> str:
    """Return the one name that says what an alert is about, where there is room for no more."""
    key = alert.label("id")
    guest = re.search(rf"(?<!\S)(\S+) \({re.escape(key)}\)", alert.annotation("summary")) if key else None
    named = (alert.label(name) for name in ("node", "probe", "heartbeat"))
    return next(
        filter(None, [*named, guest[1] if guest else key, alert_where(alert), alert.label("cluster")]), alert.name
    )


def alert_device(alert: Alert) -> str:
    """Return what the machine itself calls the port that an alert names otherwise: `enp1s0f1` of `SFP+ 2`."""
    device = alert.label("device")
    return device if alert.label("port") not in ("", device) else ""


def alert_limit(alert: Alert, t: Language) -> str:
    """Return the threshold that an alert is about, in words; empty if it has none."""
    limit = measured(alert, threshold(alert), t)
    own = f"alert_limit.{alert.name}"
    return t(own if t.has(own) else "alert_row.limit", limit=limit) if limit else ""


def threshold(alert: Alert) -> float | None:
    """Return the limit that an alert is about, None if it has none."""
    return _float(alert.annotation("threshold"))


def measured(alert: Alert, value: float | None, t: Language) -> str:
    """Return a value of an alert with its unit, empty if there is none."""
    if value is None:
        return ""
    unit = alert.annotation("unit")
    if unit == "°C":
        return t.celsius(value)
    if unit == "%":
        return t.percent(value / 100, 1 if value < 10 else 0)
    if unit == "Gbit/s":
        return t.bits(value * 1e9)
    if unit == "s":
        return t.duration(value)
    number = t.number(value, 0 if value == round(value) else 1)
    return t.unit(number, unit) if unit else number


def alert_peak(alert: Alert, t: Language) -> str:
    """Return how bad it was at worst, where more is worse; empty where a peak says nothing."""
    return measured(alert, alert.peak, t) if alert.annotation("unit") in ("°C", "%") else ""


def _float(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if is_plausible(number) else None


# What isn't told and isn't a failure: it will be, or it won't, and the drawing beside each.
_UNTOLD = {"pending": "clock", "waiting": "clock", "held": "clock", "withheld": "failed", "discarded": "failed"}


@dataclass(frozen=True, slots=True)
class Told:
    """Whether a receiver knows; `good` unless it should and can't be told."""

    text: str
    icon: str
    good: bool
    title: str


def told(delivery: Delivery, t: Language, *, now: float) -> Told:
    """Return how far a message got, in words."""
    at = t.moment(delivery.at, now=now) if delivery.at is not None else ""
    sent = delivery.state in ("sent", "delivered")
    key = "sent" if sent and at else "done" if sent else delivery.state if delivery.state in _UNTOLD else "failed"
    due = t.moment(delivery.due_at, now=now) if delivery.due_at is not None else ""
    if key == "waiting" and not due:
        key = "pending"
    title = delivery.detail or (t.iso(delivery.at) if delivery.at is not None else "")
    text = t(f"told.{key}", receiver=delivery.receiver, at=due if key == "waiting" else at)
    icon = "sent" if sent else _UNTOLD.get(key, "failed")
    return Told(text, icon, sent or key in _UNTOLD, title)


def port_text(port: Port, t: Language) -> str:
    """Return what a port does, in a word or two."""
    state = judge_port(port)
    if state == "dark":
        return t("port.down")
    if state == "unknown":
        return t("port.unknown")
    if port.speed_bits is None or port.speed_bits.value <= 0:
        return t("port.up")
    speed = t.bits(port.speed_bits.value)
    return t("port.slow", speed=speed, expected=t.bits(port.expected_bits or 0)) if state == "slow" else speed


def shorten(name: str, most: int) -> str:
    """Return a name of at most so many letters; what tells it from its neighbours is mostly at its end."""
    if len(name) <= most:
        return name
    tail = (most - 1) * 2 // 3
    return f"{name[: most - 1 - tail]}…{name[-tail:]}"


def port_brief(port: Port, t: Language) -> str:
    """Return what a port does where its drawing tells the rest."""
    state = judge_port(port)
    if state == "slow" and port.speed_bits:
        return t.bits(port.speed_bits.value)
    return "–" if state == "unknown" else port_text(port, t)


def port_title(port: Port, t: Language) -> str:
    """Return everything known of a port."""
    name = port.device if port.name == port.device else f"{port.name} ({port.device})"
    expected = t("port.expected", speed=t.bits(port.expected_bits)) if port.expected_bits else ""
    return " · ".join(filter(None, [name, port_text(port, t), expected]))


def alert_state_word(alert: Alert, t: Language) -> tuple[State, str]:
    """Return state and word of an alert that is open or over."""
    if not alert.is_open:
        return "up", t("state.resolved")
    state = judge_alert(alert)
    return state, t(f"state.{state}")


def kind_text(node: Node, t: Language) -> str:
    """Return what kind of machine it is, and where."""
    return f"{t(f'kind.{node.kind}')} · {node.address}"
