"""Alerts about Hune itself, which only a measurement ends."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from hune.alerting.catalogue import firing
from hune.alerting.catalogue.own import FAULTS
from hune.alerting.promql import NOW, last_said
from hune.alerting.rules.held import alert, remembered
from hune.alerting.rules.model import Rule
from hune.site.models import Site


def fault(
    site: Site,
    name: str,
    wrong: str,
    *,
    fires: Callable[[str], str] | None = None,
    wait: str = "",
    measures: str = "",
    **fragments: str,
) -> Iterable[Rule]:
    """Return the rules of one kind of alert.

    `wrong` has a sample for each subject that is measured and not over; `fires` restricts it to what begins an alert;
    `measures` is what they judge, where it isn't what is wrong itself.
    """
    about = FAULTS[name]
    label, on = about.about, f"on ({about.about})"
    now, past, known = NOW.live(about.wrong), firing(name), last_said("hune:site_service")
    was_read = f"on () {NOW.live('hune:own_read', service=about.source)}"
    if not about.source:
        was_read = f"on (service) {NOW.live('hune:own_read')}"
    # Who can't be asked tells nothing; that is what one of them is about.
    gate = f"on (service) {known}" if name == "ServiceDown" else was_read
    yield Rule(f"max by ({label}) (\n  {_indent(wrong)}\n)\nand {gate}", record=about.wrong)
    held = (
        f"group by ({label}) (\n  {fires(now) if fires else now}\n  or {on} {past} and {on} {now}\n"
        f"  or {on} ({past} unless {was_read})\n)"
    )
    if about.severity is None:
        held += f"\n* {on} group_right () {known}"
    elif label == "service":
        held += f"\nand {on} {known}"
    if about.limit is not None:
        fragments.setdefault("threshold", f"{about.limit:g}")
    yield alert(site, name, held, wait=wait, measures=measures or now, **fragments)


def value_of(name: str, form: str = "%.0f") -> str:
    """Return a template of the value of an alert: that of its series of what is wrong."""
    about = FAULTS[name]
    times = f" * {about.scale!r}" if about.scale != 1.0 else ""
    return remembered(about.wrong, *about.identity, times=times, form=form)


def of(service: str, expr: str) -> str:
    """Return an expression of one sample without labels as one about a service."""
    return f'label_replace({expr}, "service", "{service}", "", "")'


def of_job(expr: str) -> str:
    """Return an expression with the label `service`, which is the job."""
    return f'label_replace({expr}, "service", "$1", "job", "(.+)")'


def _indent(text: str) -> str:
    return text.replace("\n", "\n  ")
