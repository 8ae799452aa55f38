"""Alerts that only a measurement ends, and the words that go with them."""

from __future__ import annotations

from collections.abc import Iterable

from hune.alerting.catalogue import ALERTS, firing
from hune.alerting.promql import NOW, Reading
from hune.alerting.rules.model import Rule
from hune.site.models import Site


def held(name: str, *, subject: str, fires: str, read: Reading = NOW) -> str:
    """Return an expression that starts to hold with `fires` and ends only when the alert is measured to be over.

    `subject` has a series for everything the alert can be about, whether it is measured now or not; its value is
    that of the alert. Between the two, the alert's own past in `ALERTS` keeps it up: through missing data, and
    through a restart of Prometheus.
    """
    alert = ALERTS[name]
    assert alert.over is not None
    on = f"on ({', '.join(alert.identity)})"
    return (
        f"(\n  {subject}\n  and {on} (\n    {_indent(fires, 4)}\n    or {on} {firing(name)}\n  )\n)\n"
        f"unless {on} ({alert.over(read)})"
    )


def alert(site: Site, name: str, expr: str, *, wait: str = "", measures: str = "", **fragments: str) -> Rule:
    """Return an alerting rule with its words in the site's language.

    `measures` is what it judges, for who asks why. `fragments` are the templates that stand for what the words name
    (`value`, `threshold`, `port`, …); value and threshold are annotations of their own too.
    """
    row = ALERTS[name]
    words = row.words(site.language)
    known = {label: f"{{{{ $labels.{label} }}}}" for label in row.identity} | fragments
    annotations = {
        "summary": words.summary.format_map(known),
        "description": words.description.format_map(known),
        "runbook_url": f"{(site.public_url or site.url('nester')).rstrip('/')}/runbooks/{name}",
        "value": fragments.get("value", ""),
        "unit": row.unit,
        "threshold": fragments.get("threshold", ""),
    }
    return Rule(
        expr,
        alert=name,
        wait=wait,
        labels={"severity": row.severity} if row.severity else {},
        annotations={key: text for key, text in annotations.items() if text},
        measures=measures,
    )


def looked_up(series: str, *labels: str, times: str = "") -> str:
    """Return a template that asks Prometheus for a series of the alert's own `labels`; nothing if there is none."""
    matchers = ",".join(f"{label}=%q" for label in labels)
    given = " ".join(f"$labels.{label}" for label in labels)
    query = f"printf `{series}{{{matchers}}}{times}` {given} | query"
    return f'{{{{ with {query} }}}}{{{{ . | first | value | printf "%.6g" }}}}{{{{ end }}}}'


def remembered(series: str, *labels: str, times: str = "", form: str = "%.1f") -> str:
    """Return a template that asks for a series of the alert's own `labels`, of an hour ago if need be."""
    return f'{{{{ with {queried(series, labels, times)} }}}}{{{{ . | first | value | printf "{form}" }}}}{{{{ end }}}}'


def queried(series: str, labels: Iterable[str], times: str = "") -> str:
    """Return the template action that asks for a series of the alert's own `labels`, of an hour ago if need be."""
    asked = ",".join(f"{label}=%q" for label in labels)
    given = " ".join(f"$labels.{label}" for label in labels)
    return f"printf `last_over_time({series}{{{asked}}}[1h]){times}` {given} | query"


PORT = (
    "{{ $labels.device }}"
    "{{ with printf `hune:site_link{node=%q,device=%q}` $labels.node $labels.device | query }}"
    "{{ with . | first | label `link` }} ({{ . }}){{ end }}{{ end }}"
)


def _indent(text: str, by: int) -> str:
    return text.replace("\n", "\n" + " " * by)
