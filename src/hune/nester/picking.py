"""Which open alerts are shown: what the address of their page asks for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

from hune.nester.language import Language
from hune.nester.snapshot import SEVERITIES, Alert
from hune.nester.views.words import alert_title

_LONGEST_WORDS = 60


@dataclass(frozen=True, slots=True)
class Pick:
    """What is asked for; made of anything that stands in an address. `act` shows what can be done too."""

    severity: str = ""
    node: str = ""
    words: str = ""
    act: bool = False

    @classmethod
    def parse(cls, query: str) -> Pick:
        """Return what the query part of an address asks for; what makes no sense is left out."""
        try:
            given = dict(parse_qsl(query, max_num_fields=20))
        except ValueError:
            given = {}
        return cls(
            severity=given["severity"] if given.get("severity") in SEVERITIES else "",
            node=" ".join(given.get("node", "").split())[:_LONGEST_WORDS],
            words=" ".join(given.get("q", "").split())[:_LONGEST_WORDS],
            act=given.get("act") == "1",
        )

    @property
    def query(self) -> str:
        """The shortest address that asks for it."""
        pairs = (("severity", self.severity), ("node", self.node), ("q", self.words), ("act", "1" if self.act else ""))
        return urlencode([pair for pair in pairs if pair[1]])

    @property
    def narrows(self) -> bool:
        """Whether anything may be left out."""
        return bool(self.severity or self.node or self.words)

    def among(self, alerts: Iterable[Alert], t: Language) -> tuple[Alert, ...]:
        """Return those that are asked for, by what the page says of them too."""
        words = self.words.casefold().split()
        return tuple(alert for alert in alerts if self._fits(alert, words, t))

    def _fits(self, alert: Alert, words: list[str], t: Language) -> bool:
        if self.severity and alert.severity != self.severity:
            return False
        if self.node and self.node not in (alert.label("node"), alert.label("cluster")):
            return False
        if not words:
            return True
        labels = " ".join(value for _, value in alert.labels)
        text = f"{alert.name} {labels} {alert.annotation('summary')} {alert_title(alert, t)}".casefold()
        return all(word in text for word in words)
