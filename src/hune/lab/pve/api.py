"""The simulated API as a function: a request in, status and body out."""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, urlsplit

from hune.lab.pve import availability, ceph, disks, history, resources, storages, system, tasks
from hune.lab.pve.cluster import Cluster
from hune.lab.pve.routes import PRIVILEGES, ApiError, Ask, Facts, Raw, Route
from hune.lab.state import LabState

PREFIX = "/api2/json"
_TABLE: dict[int, list[tuple[list[str], Route]]] = {}
for _part in (resources, storages, availability, ceph, disks, system, tasks, history):
    for _route in _part.ROUTES:
        _segments = _route.pattern.split("/")
        _TABLE.setdefault(len(_segments), []).append((_segments, _route))


def routes() -> list[Route]:
    """Return every endpoint."""
    return [route for rows in _TABLE.values() for _, route in rows]


@dataclass(frozen=True, slots=True)
class Request:
    """A request: `target` is path and query as they came, `authorization` the header of that name."""

    method: str
    target: str
    authorization: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer; `silence_seconds` is how long the one who asks waits for it."""

    status: int
    reason: str
    body: bytes | bytearray
    silence_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Question:
    """A request that was understood: its endpoint, and what is to be answered."""

    route: Route
    ask: Ask

    def answer(self) -> Answer:
        """Work the answer out; this may take a while if the route `is_heavy`."""
        try:
            data = self.route.answer(self.ask)
        except ApiError as error:
            return refusal(error)
        return Answer(200, "OK", data.body if isinstance(data, Raw) else json.dumps({"data": data}).encode())


class Api:
    """The API of node `here`; `token` is the one token there is, `USER@REALM!NAME=SECRET`."""

    def __init__(self, state: LabState, here: int, token: str, facts: Facts, now: Callable[[], float]) -> None:
        self._state = state
        self._here = here
        self._token = token
        self._facts = facts
        self._now = now

    def understand(self, request: Request) -> Question | Answer:
        """Return the question that a request is, or at once the answer if it is none that may be asked."""
        try:
            return self._question(request)
        except ApiError as error:
            return refusal(error)
        except _Silent as silent:
            return refusal(ApiError(595, silent.reason), silence_seconds=silent.seconds)

    def _question(self, request: Request) -> Question:
        parts = urlsplit(request.target)
        if not parts.path.startswith(f"{PREFIX}/"):
            raise ApiError(404, "Not Found")
        self._authenticate(request.authorization)
        path = parts.path.removeprefix(PREFIX)
        found = _find(path) if request.method in ("GET", "HEAD") else None
        if found is None:
            raise ApiError(501, f"Method '{request.method} {unquote(path)}' not implemented")
        route, names = found
        cluster = self._at(names)
        forbidden = {fault.subject for fault in self._state.pve.faults if fault.kind == "forbid"}
        privileges = frozenset(PRIVILEGES) - forbidden
        if route.privileges and not privileges.intersection(route.privileges):
            acl_path = route.acl_path.format_map(names)
            wanted = "|".join(route.privileges)
            raise ApiError(403, f"Permission check failed ({acl_path}, {wanted})")
        params = dict(parse_qsl(parts.query, keep_blank_values=True))
        return Question(route, Ask(cluster, self._facts, names, params, privileges))

    def _authenticate(self, authorization: str) -> None:
        scheme, _, token = authorization.partition("=")
        if scheme != "PVEAPIToken":
            raise ApiError(401, "No ticket")
        user, _, _ = token.partition("=")
        if user != self._token.partition("=")[0]:
            raise ApiError(401, "no such token")
        if not hmac.compare_digest(token.encode(), self._token.encode()):
            raise ApiError(401, "invalid token value!")

    def _at(self, names: Mapping[str, str]) -> Cluster:
        """Return the cluster as the node sees it that a path names: the asked node passes such questions on."""
        cluster = Cluster(self._state, self._now(), self._here)
        if "node" not in names:
            return cluster
        number = cluster.number(names["node"])
        if number is None:
            raise ApiError(500, f"hostname lookup '{names['node']}' failed - failed to get address info")
        if not cluster.lives(number):
            hangs = cluster.node(number).power == "hang"
            raise _Silent("Connection timed out" if hangs else "No route to host", _SILENCE_SECONDS if hangs else 0.0)
        return Cluster(self._state, cluster.now, number)


_SILENCE_SECONDS = 3.0


class _Silent(Exception):
    """The node behind this one says nothing."""

    def __init__(self, reason: str, seconds: float) -> None:
        super().__init__(reason)
        self.reason = reason
        self.seconds = seconds


def refusal(error: ApiError, *, silence_seconds: float = 0.0) -> Answer:
    """Return an error as Proxmox tells it: in the status line, and in the body."""
    body: dict[str, object] = {"data": None, "message": f"{error.reason}\n"}
    if error.errors:
        body["errors"] = error.errors
    return Answer(error.status, error.reason, json.dumps(body).encode(), silence_seconds)


def _find(path: str) -> tuple[Route, dict[str, str]] | None:
    """Return the endpoint of a path and what its braces stand for; the literal one wins where two fit."""
    given = path.rstrip("/").split("/")
    best: tuple[Route, dict[str, str]] | None = None
    for segments, route in _TABLE.get(len(given), ()):
        names: dict[str, str] = {}
        for segment, text in zip(segments, given, strict=True):
            if segment.startswith("{"):
                names[segment.strip("{}")] = unquote(text)
            elif segment != text:
                break
        else:
            if best is None or len(names) < len(best[1]):
                best = route, names
    return best
