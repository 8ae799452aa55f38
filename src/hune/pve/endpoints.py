"""Which node of a cluster to ask: what works is kept to, what fails is left alone until it works again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from hune.core.backoff import Backoff
from hune.core.clock import Clock
from hune.pve.access import Endpoint

log = logging.getLogger(__name__)

_MOST_LEARNED = 64


@dataclass(eq=False)
class Door:
    """An endpoint, and how it fares."""

    endpoint: Endpoint
    trouble: str = ""
    """Why it is not asked; empty while it is."""
    remedy: str = ""
    """What a person can do about that, if anything."""
    until: float | None = None
    """When it may be asked again all the same; None: once a trial succeeded."""
    tried_at: float = float("-inf")
    """When it last failed."""
    answered_at: float = float("-inf")
    """When it last answered anything."""
    learned: bool = False
    """Whether the cluster named it, not the site."""
    backoff: Backoff = field(default_factory=lambda: Backoff(initial=1.0, ceiling=30.0))
    calls: set[asyncio.Timeout] = field(default_factory=set)
    """The deadlines of the calls it has not answered yet."""

    def __str__(self) -> str:
        return str(self.endpoint)

    @property
    def is_dead(self) -> bool:
        """Whether only a trial can open it again."""
        return bool(self.trouble) and self.until is None


class Endpoints:
    """The doors of one cluster, in the order of its configuration; learned ones come last."""

    def __init__(self, name: str, endpoints: Iterable[Endpoint], clock: Clock) -> None:
        self._name = name
        self._clock = clock
        self._kept: Door | None = None
        self.doors = [Door(endpoint) for endpoint in dict.fromkeys(endpoints)]

    def choose(self, node: str, tried: Collection[Door] = (), *, only: bool = False) -> Door | None:
        """Return the door to try next: the node's own, else the one that is kept to, else the next that works.

        With `only` no door but the node's own will do. None: there is no other that works.
        """
        for door in self.doors:
            if node and door.endpoint.node == node and door not in tried and self.is_usable(door):
                return door
        if only:
            return None
        if self._kept is None or not self.is_usable(self._kept):
            self._kept = next((door for door in self.doors if self.is_usable(door)), None)
        usable = (door for door in (self._kept, *self.doors) if door is not None and self.is_usable(door))
        return next((door for door in usable if door not in tried), None)

    def is_usable(self, door: Door) -> bool:
        return not door.trouble or (door.until is not None and self._clock.monotonic() >= door.until)

    def of_node(self, node: str) -> Door | None:
        """Return the door of a node, whether it works or not."""
        return next((door for door in self.doors if node and door.endpoint.node == node), None)

    def worked(self, door: Door) -> None:
        """Note that a door answered."""
        door.answered_at = self._clock.monotonic()
        if door.trouble:
            log.info("pve %s: %s answers again", self._name, door)
            door.trouble, door.remedy, door.until = "", "", None
        door.backoff.reset()

    def failed(self, door: Door, why: str, remedy: str = "") -> None:
        """Leave a door alone until a trial of it succeeds (`worked`)."""
        self._leave(door, why)
        door.remedy, door.until = remedy, None

    def faltered(self, door: Door, why: str) -> None:
        """Leave a door alone for a while: it answers, but as a node does that lacks something."""
        self._leave(door, why)
        door.until = self._clock.monotonic() + door.backoff.next()

    def _leave(self, door: Door, why: str) -> None:
        if not door.trouble and not door.learned:
            log.warning("pve %s: %s: %s; it is left alone until it works again", self._name, door, why)
        door.trouble, door.tried_at = why, self._clock.monotonic()

    def learn(self, asked: Door, rows: Any) -> list[Door]:
        """Take names and addresses out of `/cluster/status`; return new doors, which a trial has to open."""
        if not isinstance(rows, list):
            return []
        nodes = [row for row in rows if isinstance(row, Mapping) and row.get("type") == "node"]
        new = []
        for row in nodes:
            name, address = row.get("name"), row.get("ip")
            if not isinstance(name, str) or not name:
                continue
            if row.get("local"):
                self._name_door(asked, name)
            elif isinstance(address, str) and address and (door := self._learn_one(asked, name, address)) is not None:
                new.append(door)
        return new

    def _learn_one(self, asked: Door, name: str, address: str) -> Door | None:
        """Return the door of a node that was not known at this address."""
        endpoint = Endpoint(address, asked.endpoint.port, name)
        known = self.of_node(name)
        if known is not None:
            if known.learned and known.is_dead and known.endpoint.host != address:
                # It has moved.
                known.endpoint = endpoint
            return None
        at_address = next((door for door in self.doors if door.endpoint.host == address), None)
        if at_address is not None:
            self._name_door(at_address, name)
            return None
        if sum(door.learned for door in self.doors) >= _MOST_LEARNED:
            return None
        # Its address may be one that is not reached from here: that is no reason to knock all day.
        seldom = Backoff(initial=10.0, ceiling=900.0)
        door = Door(endpoint, trouble="not tried yet", learned=True, backoff=seldom)
        self.doors.append(door)
        return door

    @staticmethod
    def _name_door(door: Door, node: str) -> None:
        if door.endpoint.node != node:
            door.endpoint = Endpoint(door.endpoint.host, door.endpoint.port, node)
