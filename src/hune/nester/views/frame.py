"""What every page shows around its own: banners about who is silent, and the worst thing in the header."""

from __future__ import annotations

from hune.nester.judge import overall, tally
from hune.nester.views.look import Part, Scene
from hune.nester.views.words import PATIENCE_SECONDS, alert_title


def frame(scene: Scene) -> dict[str, tuple[Part, ...]]:
    """Return the regions of every page."""
    return {"banners": tuple(banners(scene)), "chip": (chip(scene),)}


def banners(scene: Scene) -> list[Part]:
    """Return a banner for each source that has been silent for longer than a restart takes."""
    found = []
    for source in scene.sources:
        patience = PATIENCE_SECONDS.get(source.name)
        if source.silent_since is None or patience is None or scene.now - source.silent_since < patience:
            continue
        text = scene.t(f"banner.{source.name}", duration=scene.ago(source.silent_since))
        found.append(scene.part(f"banner-{source.name}", "parts/banner.html", text=text, detail=source.detail))
    snapshot = scene.snapshot
    silent = snapshot.source("prometheus").silent_since is not None
    old = snapshot.measured_at is not None and scene.now - snapshot.measured_at >= PATIENCE_SECONDS["prometheus"]
    if old and not silent:
        assert snapshot.measured_at is not None
        text = scene.t("banner.rules", duration=scene.ago(snapshot.measured_at))
        found.append(scene.part("banner-rules", "parts/banner.html", text=text, detail=""))
    return found


def chip(scene: Scene) -> Part:
    """Return the worst of everything, small."""
    counts = tally(scene.snapshot)
    state = overall(scene.snapshot)
    if counts.critical:
        text = scene.t("count.critical", count=counts.critical)
    elif counts.unknown:
        text = scene.t("count.unknown", count=counts.unknown)
    elif counts.warning and state == "warning":
        text = scene.t("count.warning", count=counts.warning)
    elif state in ("acknowledged", "held"):
        text = scene.t(f"count.{state}", count=counts.acknowledged if state == "acknowledged" else counts.held)
    else:
        text = scene.t(f"state.{state}" if state != "up" else "verdict.up")
    return scene.part("chip", "parts/chip.html", state=state, text=text)


def critical(scene: Scene) -> dict[str, str]:
    """Return the open critical alerts that call for somebody, to be announced when they are new."""
    return {
        alert.id: alert_title(alert, scene.t)
        for alert in scene.snapshot.open_alerts
        if alert.severity == "critical" and not alert.is_attended
    }
