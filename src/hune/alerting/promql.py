"""PromQL text: quoting, and the ways Hune reads a series so that what is read is true now.

Prometheus shows the last sample of a series for five minutes unless a stale marker says otherwise, and a Prometheus
that was killed leaves no markers. So nothing here reads a bare selector, except where a rule asks for its own past, or
for what the site last said.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

CONSTANT_WINDOW = "12s"
"""Constants are recorded every 5 s: two missed evaluations are forgiven."""

RECORDED_NOW = "500ms"
"""What a rule above recorded in this very evaluation, and nothing older."""

_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n"}


def quote(text: str) -> str:
    """Return a PromQL string literal (the matchers of Alertmanager are written the same way)."""
    escaped = "".join(_ESCAPES.get(char) or (char if char >= " " else f"\\x{ord(char):02x}") for char in text)
    return f'"{escaped}"'


def selector(name: str, labels: Mapping[str, str], where: str = "") -> str:
    """Return `name{label="value"}`, with a matcher of another kind in `where`; "" matches series without the label."""
    matchers = [f"{label}={quote(value)}" for label, value in labels.items()] + ([where] if where else [])
    return f"{name}{{{','.join(matchers)}}}" if matchers else name


def one_of(names: Iterable[str]) -> str:
    """Return the string literal of a regular expression that matches exactly these names."""
    # Names of a site hold nothing else that means something in a regular expression.
    return quote("|".join(name.replace(".", "\\.") for name in names))


def last_said(constant: str) -> str:
    """Return the expression of a constant as the site file gave it when its group was last evaluated as a whole.

    However long ago that is: after a start, or a machine's sleep, other groups may come before that of the constants,
    and a single evaluation without its subjects would end, by their stale markers, all that rules remember.
    """
    return f"({constant} and timestamp({constant}) >= on () group_left () timestamp(hune:site_loaded))"


@dataclass(frozen=True)
class Reading:
    """A way to read recorded series: how old a live value may be, and of whom.

    Rules read everybody's of this very evaluation; the hub asks for the subject of one alert.
    """

    window: str = RECORDED_NOW
    subject: Mapping[str, str] = field(default_factory=dict)

    def live(self, name: str, where: str = "", **matching: str) -> str:
        """Return the expression of a live series of the subject, restricted to `matching` and the matcher `where`."""
        return f"last_over_time({selector(name, {**self.subject, **matching}, where)}[{self.window}])"

    def live_of(self, name: str, *labels: str, **matching: str) -> str:
        """Return the expression of a live series that has only these labels of the subject."""
        subject = {label: self.subject[label] for label in labels if label in self.subject}
        return f"last_over_time({selector(name, {**subject, **matching})}[{self.window}])"

    def constant(self, name: str, *labels: str, where: str = "", **matching: str) -> str:
        """Return the expression of a constant of the site; `labels` are those of the subject that it has."""
        subject = {label: self.subject[label] for label in labels if label in self.subject}
        return f"last_over_time({selector(name, {**subject, **matching}, where)}[{CONSTANT_WINDOW}])"


NOW = Reading()
"""How rules read what others recorded in the same evaluation."""
