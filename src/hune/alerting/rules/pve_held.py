"""Alerts about clusters, which only a measurement ends; and the words that are looked up when one fires.

Series of Proxmox are read bare, so that stale markers count (a state in a label must not linger), but only while the
scrape they came with is young.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from hune.alerting.catalogue import firing
from hune.alerting.catalogue.proxmox import ONE_BY_ONE, PROBLEMS, SCRAPE, STATUS, Problem
from hune.alerting.promql import NOW, last_said
from hune.alerting.rules.held import alert, remembered
from hune.alerting.rules.model import Rule
from hune.site.models import Site

SITE = f"group by (cluster, lab) ({last_said('hune:site_pve')})"
OFFLINE = f"{NOW.live('hune:pve_node_online')} == 0"
LATELY_OFFLINE = "min_over_time(hune:pve_node_online[20m]) == 0"
"""Nodes whose loss explains what others say of it, until what they do every quarter of an hour was done again."""
BOOTING = 'hune_pve_node_uptime_seconds{job="pve-hune"} < 300'
"""Nodes that have just come up: what runs on them comes up in its turn."""

_RECENT = "15m"
"""For so long after an alert ended the hub can still find what proved its end."""


def was_read(collector: str) -> str:
    """Return the expression of the clusters of which a collector read everything just now."""
    return NOW.live("hune:pve_read", collector=collector)


def recently(alertname: str, window: str) -> str:
    """Return the expression of alerts that fire or did until lately."""
    return f"max_over_time({firing(alertname)}[{window}])"


def unless_machine_is_down(site: Site, window: str) -> str:
    """Return what leaves out what is on a node that is down, or was until lately.

    Proxmox names nodes as it likes: one of the same name in another cluster is another machine.
    """
    down = recently("NodeDown", window)
    if len(site.proxmox) < 2:
        return f"unless on (node) {down}"
    member = NOW.constant("hune:site_pve_node")
    of_nobody = f"unless on (node) ({down} unless on (node) {member})"
    return f"unless on (cluster, node) ({member} and on (node) {down}) {of_nobody}"


def told(name: str, window: str) -> str:
    """Return the expression of what was told until lately, by itself or together with others."""
    about = PROBLEMS[name]
    return f"({recently(name, window)} or on ({', '.join(about.identity)}) {about.together})"


def problem(
    site: Site,
    name: str,
    wrong: str,
    *,
    fires: Callable[[str], str] | None = None,
    seen: str = "",
    wait: str = "",
    **fragments: str,
) -> Iterable[Rule]:
    """Return the rules of one kind of alert.

    `wrong` has a sample for each subject that is measured and not over; `fires` restricts it to what begins an alert
    (default: all of it); `seen` has one for each subject that is measured at all. Where the alert has one of many
    beside it, what begins while more than `ONE_BY_ONE` are wrong is told by that one, and so until it is over: each is
    told once, however often the number is crossed.
    """
    about = PROBLEMS[name]
    assert bool(seen) == about.seen
    labels = ", ".join((*about.identity, "lab"))
    on = f"on ({', '.join(about.identity)})"
    young = f" and on (cluster) {was_read(STATUS if STATUS in about.read else SCRAPE)}"
    gate = "" if name == "PveApiSilent" else young
    yield Rule(f"max by ({labels}) (\n  {_indent(wrong)}\n){gate}", record=about.wrong)
    if seen:
        lately = told(name, _RECENT) if about.many else recently(name, _RECENT)
        yield Rule(f"group by ({labels}) (\n  {_indent(seen)}\n) and {on} {lately}{young}", record=about.measured)
    now, past = NOW.live(about.wrong), firing(name)
    begins = fires(now) if fires else now
    if about.many:
        yield Rule(f"group by ({labels}) (\n  {_indent(begins)}\n)", record=about.begins)
        begins = NOW.live(about.begins)
        many = f"{begins} and on (cluster) (count by (cluster) ({begins}) > {ONE_BY_ONE}) unless {on} {past}"
        yield Rule(_held(about, labels, f"({many})", about.together), record=about.together)
        begins = f"({begins} unless {on} {NOW.live(about.together)})"
    yield alert(site, name, _held(about, labels, begins, past), wait=wait, **fragments)
    if about.many:
        yield from _many(site, about, on, wait)


def _many(site: Site, about: Problem, on: str, wait: str) -> Iterable[Rule]:
    """Return the rules of the alert that tells of many at once: how many there are, and who is first among them."""
    together = NOW.live(about.together)
    yield from problem(
        site,
        about.many,
        f"count by (cluster, lab) ({together} or {on} {firing(about.name)})\nand on (cluster) {together}",
        wait=wait,
        value=value_of(about.many, form="%.0f"),
        guests=_first_of(about.together),
        one_by_one=str(ONE_BY_ONE),
    )


def _held(about: Problem, labels: str, begins: str, past: str) -> str:
    """Return an expression that starts to hold with `begins`; then its own `past` does until it is measured as over."""
    on, now = f"on ({', '.join(about.identity)})", NOW.live(about.wrong)
    parts = [begins] if begins == now else [begins, f"{past} and {on} {now}"]
    parts.append(f"{past} unless {on} (\n    {_indent(_over(about, on, past), 4)}\n  )")
    held = f"\n  or {on} ".join(parts)
    return f"group by ({labels}) (\n  {held}\n)\nand on (cluster) {last_said('hune:site_pve')}"


def _over(about: Problem, on: str, past: str) -> str:
    """Return the expression of what is open and over, if it isn't among what is wrong."""
    everything = "".join(f" and on (cluster) {was_read(collector)}" for collector in about.collectors)
    over = f"{past}{everything}"
    if about.on_node:
        over += f"\nunless on (cluster, node) ({OFFLINE})"
    if about.seen:
        over += f"\nor {on} {NOW.live(about.measured)}"
    return over


def value_of(name: str, *, times: str = "", form: str = "%.1f") -> str:
    """Return a template of the value of an alert: that of its series of what is wrong."""
    return remembered(PROBLEMS[name].wrong, *PROBLEMS[name].identity, times=times, form=form)


def _named(identity: str) -> str:
    """Return a template of a guest as people know it: its name, if it has one, and its id."""
    asked = '`last_over_time(pve_guest_info{job="pve",name!="",cluster=%q,id=%q}[1h])`'
    return (
        f"{{{{ with printf {asked} $labels.cluster {identity} | query }}}}{{{{ . | first | label `name` }}}}"
        f" ({{{{ {identity} }}}}){{{{ else }}}}{{{{ {identity} }}}}{{{{ end }}}}"
    )


GUEST = _named("$labels.id")
"""The guest of an alert."""


PLACE = "{{ if $labels.node }}{{ $labels.node }}{{ else }}{{ $labels.cluster }}{{ end }}"
"""The node of an alert, or the cluster if it is about all nodes."""

CHECKS = (
    "{{ range $index, $check := printf"
    ' `last_over_time(hune_pve_ceph_health_check{job="pve-hune",cluster=%q,muted="false"}[2m])` $labels.cluster'
    " | query | sortByLabel `check` }}{{ if $index }}, {{ end }}{{ $check.Labels.check }}{{ end }}"
)
"""The health checks that Ceph raises, in its own words."""


_NAMED = 5


def _first_of(together: str) -> str:
    """Return a template of the first guests that are told together."""
    return (
        f"{{{{ range $index, $one := printf `group by (id) ({together}{{cluster=%q}})` $labels.cluster"
        f" | query | sortByLabel `id` }}}}{{{{ if lt $index {_NAMED} }}}}{{{{ if $index }}}}, {{{{ end }}}}"
        f"{_named('$one.Labels.id')}{{{{ end }}}}{{{{ end }}}}"
    )


def reasons(words: Mapping[str, str]) -> str:
    """Return a template of why a guest isn't protected."""
    known = "|".join(words)
    said = "".join(
        f"{{{{ {'if' if index == 0 else 'else if'} eq $code `{code}` }}}}{text}"
        for index, (code, text) in enumerate(words.items())
    )
    return (
        "{{ range $index, $reason := printf"
        f' `last_over_time(hune_guest_protection_reason{{job="pve-hune",cluster=%q,id=%q,reason=~"{known}"}}[2m])`'
        " $labels.cluster $labels.id | query | sortByLabel `reason` }}{{ if $index }}, {{ end }}"
        "{{ $code := $reason.Labels.reason }}" + said + "{{ end }}"
        "{{ with $reason.Labels.about }} ({{ . }}){{ end }}{{ end }}"
    )


def _indent(text: str, by: int = 2) -> str:
    return text.replace("\n", "\n" + " " * by)
