"""One alert: what and where, who looks after it, what to do, what happened so far, who is told, and why."""

from __future__ import annotations

from dataclasses import dataclass

from hune.alerting.notifiers.next_steps import NEXT_STEPS
from hune.nester.assemble import named
from hune.nester.hub.model import Dossier, Step
from hune.nester.judge import judge_alert
from hune.nester.language import Language
from hune.nester.snapshot import Alert
from hune.nester.views.alert_row import path_of
from hune.nester.views.attention import attentions
from hune.nester.views.events import event_looks
from hune.nester.views.frame import critical, frame
from hune.nester.views.look import Look, Part, Scene, title
from hune.nester.views.reasons import reasons
from hune.nester.views.words import (
    alert_device,
    alert_peak,
    alert_state_word,
    alert_title,
    alert_where,
    measured,
    threshold,
    told,
)

REGIONS = ("alert-head", "alert-care", "alert-told", "alert-events", "alert-why")


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that is known of an alert; `href` leads to what it is about."""

    name: str
    text: str
    href: str = ""
    title: str = ""


@dataclass(frozen=True, slots=True)
class StepLook:
    """One step of an escalation in words."""

    text: str
    when: str
    title: str
    done: bool


async def alert(scene: Scene) -> Look:
    """Return the page of an alert; its subject is its number, with `?act` where something can be done.

    One that the hub doesn't know (any more) leaves its page empty.
    """
    number, _, wish = scene.subject.partition("?")
    try:
        dossier = await scene.dossiers.look(number)
    except KeyError:
        dossier = None
    if dossier is None:
        return Look(title(scene, number), "unknown", {**frame(scene), **dict.fromkeys(REGIONS, ())}, critical(scene))
    shown = current(scene, dossier)
    state, _ = alert_state_word(shown, scene.t)
    why = await scene.dossiers.why(dossier, scene.t.code) if shown.is_open else None
    found = reasons(why) if why else []
    regions = {
        **frame(scene),
        "alert-head": (_head(scene, shown),),
        "alert-care": (_care(scene, shown, act=wish == "act"),),
        "alert-told": (_told(scene, shown, dossier),),
        "alert-events": tuple(_events(scene, dossier)),
        "alert-why": (scene.part("why", "parts/alert_why.html", rows=found),) if found else (),
    }
    return Look(title(scene, alert_title(shown, scene.t)), state, regions, critical(scene))


def current(scene: Scene, dossier: Dossier) -> Alert:
    """Return an alert as the live look has it, which is newer."""
    live = next((each for each in scene.snapshot.alerts if each.id == dossier.alert.id), None)
    return live if live and scene.snapshot.source("hub").answers else named(scene.site, dossier.alert)


def _head(scene: Scene, shown: Alert) -> Part:
    t = scene.t
    state, word = alert_state_word(shown, t)
    attended = attentions(shown, t, now=scene.now) if shown.is_open else ()
    return scene.part(
        "head",
        "parts/alert_head.html",
        state=state,
        word=attended[0].word if attended else word,
        severity=t(f"severity.{shown.severity}") if attended or not shown.is_open or state == "unknown" else "",
        title=alert_title(shown, t),
        lab=shown.label("lab") == "true",
        unconfirmed=shown.is_open and shown.state == "unknown",
        facts=_facts(scene, shown),
        labels=[f"{name}={value}" for name, value in shown.labels if name not in ("alertname", "severity", "port")],
    )


def _facts(scene: Scene, shown: Alert) -> list[Fact]:
    t, ended = scene.t, shown.resolved_at
    where = alert_where(shown) or shown.label("cluster")
    found = [
        Fact(t("alert_fact.where"), " · ".join(filter(None, [where, alert_device(shown)])), path_of(scene, shown)),
        Fact(t("alert_fact.value"), measured(shown, shown.value, t) if shown.is_open else ""),
        Fact(t("alert_fact.limit"), measured(shown, threshold(shown), t)),
        Fact(t("alert_fact.peak"), alert_peak(shown, t)),
        Fact(t("alert_fact.since"), t.moment(shown.starts_at, now=scene.now), title=t.iso(shown.starts_at)),
        Fact(t("alert_fact.lasts" if ended is None else "alert_fact.lasted"),
             t.duration((scene.now if ended is None else ended) - shown.starts_at)),
        Fact(t("alert_fact.until"), t.moment(ended, now=scene.now) if ended is not None else "",
             title=t.iso(ended) if ended is not None else ""),
    ]  # fmt: skip
    return [fact for fact in found if fact.text]


def next_step(shown: Alert, t: Language) -> str:
    """Return the one thing to do about an alert: Hune's own words, else those of the rule."""
    return NEXT_STEPS[t.code].get(shown.name, "") or shown.annotation("next_step")


def _care(scene: Scene, shown: Alert, *, act: bool) -> Part:
    return scene.part(
        "care",
        "parts/alert_care.html",
        attended=attentions(shown, scene.t, now=scene.now),
        is_open=shown.is_open,
        cared=shown.care is not None,
        act=act and shown.is_open,
        state=judge_alert(shown) if shown.is_open else "up",
    )


def _told(scene: Scene, shown: Alert, dossier: Dossier) -> Part:
    t = scene.t
    # Of what is over nobody is called any more.
    steps = [step for step in dossier.steps if shown.is_open or step.done_at is not None]
    return scene.part(
        "told",
        "parts/alert_told.html",
        told=[told(delivery, t, now=scene.now) for delivery in shown.deliveries],
        steps=[_step(scene, step) for step in steps],
        waits=shown.is_attended and any(step.done_at is None for step in steps),
    )


def _step(scene: Scene, step: Step) -> StepLook:
    t = scene.t
    text = t("escalation.step", number=step.number, receivers=", ".join(step.receivers))
    if step.done_at is not None:
        return StepLook(text, t("escalation.done", at=t.moment(step.done_at, now=scene.now)), t.iso(step.done_at), True)
    if step.due_at is None:
        return StepLook(text, t("escalation.off"), "", False)
    left = step.due_at - scene.now
    when = t("escalation.due", duration=t.duration(left)) if left > 0 else t("escalation.now")
    return StepLook(text, when, t.iso(step.due_at), False)


def _events(scene: Scene, dossier: Dossier) -> list[Part]:
    looks = event_looks(dossier, scene.t, now=scene.now)
    return [scene.part(f"event-{place}", "parts/alert_event.html", event=look) for place, look in enumerate(looks)]
