"""The client: one question to a cluster, answered by whichever of its nodes can."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from hune.core.clock import Clock
from hune.pve import answers
from hune.pve.access import Access
from hune.pve.account import Account, template
from hune.pve.auth import Identity
from hune.pve.behind import Behind
from hune.pve.budget import Budget
from hune.pve.endpoints import Door, Endpoints
from hune.pve.errors import BadAnswer, Failed, LoginRefused, OverBudget, PveError, TimedOut, Unreachable
from hune.pve.pace import Pace
from hune.pve.revival import Revival
from hune.pve.wire import Answer, Wire

log = logging.getLogger(__name__)

_NODE = re.compile(r"^/nodes/([^/]+)")
_LEARN_AGAIN_SECONDS = 600.0
_UNHEARD = frozenset((595, 596))
"""What a node answers about another one that it doesn't hear."""
# One node may know less than the others of an account; if two refuse it, it is refused.
_MOST_REFUSALS = 2


class _Elsewhere(Exception):
    """The call failed in a way that another endpoint may not share."""

    def __init__(self, error: PveError) -> None:
        super().__init__(str(error))
        self.error = error


@dataclass
class _Call:
    """One question, over all its attempts; with a `form` it is a login."""

    path: str
    deadline: float
    """In the time of the event loop."""
    params: Mapping[str, str] | None = None
    form: Mapping[str, str] | None = None
    node: str = ""
    """The node that alone may answer; empty for any."""
    failures: dict[Door, PveError] = field(default_factory=dict)
    """Who was asked in vain, and why."""
    renewed: bool = False

    @property
    def method(self) -> str:
        return "GET" if self.form is None else "POST"


class PveClient:
    """Asks one cluster, within its limits; make it inside a running loop, and close it.

    Every call ends within `limits.timeout_seconds`. An endpoint that fails costs one time-out at most: it is left alone
    and tried again in the background, while the others are asked.
    """

    def __init__(self, access: Access, clock: Clock) -> None:
        self.access = access
        self.account = Account()
        self.pace = Pace(access.limits.concurrency, clock)
        self.budget = Budget(access.limits.calls_per_minute, clock)
        self.endpoints = Endpoints(access.name, access.endpoints, clock)
        self._clock = clock
        self._wire = Wire(access)
        self._identity = Identity(access.credentials, clock, self._sign_in)
        self._revival = Revival(self.endpoints, self._attempt_trial, clock)
        self._behind = Behind(self._try_from_afar, clock)
        self._learn_at = float("-inf")
        self._learning: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """End what runs in the background, and close every connection."""
        if self._learning is not None:
            self._learning.cancel()
            await asyncio.gather(self._learning, return_exceptions=True)
        await self._behind.close()
        await self._revival.close()
        await self._identity.close()
        await self._wire.close()

    async def get(self, path: str, params: Mapping[str, str] | None = None, *, node: str = "") -> Any:
        """Return the `data` of the answer to `path` (`/nodes/pve-01/qemu`).

        `node` names the node to ask directly (what it says about itself only); empty means any, and then a path below
        `/nodes/X` goes to X itself if it can be reached, since another node would only ask X in turn.

        Raises PveError; its type says what to do next.
        """
        call = _Call(path, self._deadline(), params=params, node=node)
        await self._headers(call)
        await self._wait_for_turn(call)
        try:
            return await self._ask(call)
        finally:
            self.pace.release()

    async def _sign_in(self, form: Mapping[str, str]) -> Any:
        """Return the `data` of a login; it takes no turn, since calls that have theirs wait for it."""
        self.budget.spend()
        data = await self._ask(_Call("/access/ticket", self._deadline(), form=form))
        self.account.logins += 1
        return data

    async def _headers(self, call: _Call) -> Mapping[str, str]:
        if call.form is not None:
            return {}
        try:
            async with asyncio.timeout_at(call.deadline):
                return await self._identity.headers()
        except TimeoutError:
            raise self._timed_out(call.path, "no ticket came") from None

    async def _wait_for_turn(self, call: _Call) -> None:
        wait = self.budget.reserve(self._left(call))
        if wait is None:
            error = OverBudget(
                f"{self.access.name}: {call.path}: more than {self.budget.per_minute:g} calls a minute",
                path=call.path,
                remedy="ask less often, or raise the budget",
            )
            self.account.count("GET", call.path, error, 0.0)
            raise error
        try:
            if wait:
                await self._clock.sleep(wait)
            await self.pace.take(self._left(call))
        except TimeoutError:
            self.budget.give_back()
            raise self._timed_out(call.path, "too many calls are ahead") from None
        except BaseException:
            self.budget.give_back()
            raise

    async def _ask(self, call: _Call) -> Any:
        """Ask one endpoint after the other until one has an answer, be it an error of the question itself."""
        again = False
        while True:
            door = await self._choose(call)
            if again:
                self.account.retries += 1
                self.budget.spend()
            again = True
            try:
                data = await self._attempt(call, door)
            except _Elsewhere as failed:
                if not self._left(call):
                    raise failed.error from failed
                if isinstance(failed.error, LoginRefused) and self._identity.can_renew and not call.renewed:
                    # The ticket may have ended: with a new one the same endpoints are asked again.
                    call.renewed = True
                    call.failures.clear()
                    continue
                call.failures[door] = failed.error
                self._heed_refusals(call)
                continue
            for other, failure in call.failures.items():
                if isinstance(failure, LoginRefused):
                    self.endpoints.faltered(other, "refuses an account that others accept")
            return data

    def _heed_refusals(self, call: _Call) -> None:
        """Raise LoginRefused if the account was refused by as many as count, or by all there are."""
        refusals = [failure for failure in call.failures.values() if isinstance(failure, LoginRefused)]
        if not refusals:
            return
        if len(refusals) >= _MOST_REFUSALS or self._next(call) is None:
            self._identity.refused(refusals[0])
            raise refusals[0]

    def _next(self, call: _Call) -> Door | None:
        wanted = call.node or _node_of(call.path)
        return self.endpoints.choose(wanted, call.failures, only=bool(call.node))

    async def _choose(self, call: _Call) -> Door:
        """Return the endpoint to ask. Raises Unreachable, or the one failure there was, if none is left."""
        door = self._next(call)
        if door is not None:
            return door
        if call.node and self.endpoints.of_node(call.node) is None:
            await self._learn_now(call)
        own = self.endpoints.of_node(call.node)
        doors = ([own] if own else []) if call.node else self.endpoints.doors
        left = [door for door in doors if door not in call.failures]
        # One that falters is better than none.
        faltering = next((door for door in left if not door.is_dead), None)
        if faltering is not None:
            return faltering
        await self._revival.any_of(left, self._left(call))
        door = self._next(call)
        if door is not None:
            return door
        raise self._nobody(call, left)

    async def _attempt(self, call: _Call, door: Door) -> Any:
        """Ask one endpoint. Raises _Elsewhere if another may do better, PveError if none will."""
        headers = await self._headers(call)
        node = _node_of(call.path)
        behind = "" if node == door.endpoint.node else node
        if self._behind.is_silent(behind):
            raise self._silent(call, behind)
        started, size = self._clock.monotonic(), 0
        error: BaseException | None = None
        limit = asyncio.timeout_at(call.deadline)
        try:
            async with limit:
                door.calls.add(limit)
                patience = self.access.limits.connect_seconds
                with self._revival.watching(door, patience), self._behind.watching(behind, limit, patience):
                    answer = await self._wire.exchange(
                        call.method, door.endpoint, call.path, headers=headers, params=call.params, form=call.form
                    )
            size = answer.size
            if answer.status not in _UNHEARD:
                self._behind.answered(behind)
            data = self._read(call, door, answer, headers)
            self._worked(call, door, self._clock.monotonic() - started, data)
            return data
        except TimeoutError:
            if self._behind.is_silent(behind):
                error = self._silent(call, behind)
                raise error from None
            self.pace.went_badly()
            if door.is_dead:
                error = Unreachable(f"{door}: {door.trouble}", path=call.path, endpoint=str(door))
                raise _Elsewhere(error) from None
            error = self._timed_out(call.path, f"{door} did not answer")
            raise error from None
        except Unreachable as broken:
            error = broken
            self._revival.dead(door, broken)
            raise _Elsewhere(broken) from broken
        except _Elsewhere as elsewhere:
            error = elsewhere.error
            raise
        except BaseException as other:
            error = other
            raise
        finally:
            door.calls.discard(limit)
            self.account.count(call.method, call.path, error, self._clock.monotonic() - started, size)

    def _read(self, call: _Call, door: Door, answer: Answer, headers: Mapping[str, str]) -> Any:
        """Return the data of an answer; raises as `_attempt` does."""
        if answer.status == 200:
            return answers.data_of(answer.body, path=call.path, endpoint=str(door))
        text = self._identity.without_secrets(answer.text)
        error = answers.error_of(answer.status, text, path=call.path, endpoint=str(door), account=self.access.account)
        if answer.status in answers.OVERLOADED:
            self.pace.went_badly()
        if isinstance(error, LoginRefused):
            if call.form is not None:
                raise error
            if not call.renewed:
                self._identity.drop(headers)
            raise _Elsewhere(error)
        door.answered_at = self._clock.monotonic()
        if answers.is_own_fault(answer.status, call.path, door.endpoint.node):
            # Its front answers, what stands behind it doesn't; a trial would not see that.
            self.endpoints.faltered(door, f"answers {answer.status} {text}".rstrip())
            raise _Elsewhere(error)
        raise error

    def _worked(self, call: _Call, door: Door, seconds: float, data: Any) -> None:
        self.endpoints.worked(door)
        self._identity.accepted()
        self.pace.went_well(template(call.path), seconds)
        if call.path == "/cluster/status":
            self._learn_from(door, data)
        elif call.form is None and self.access.learn_nodes and self._clock.monotonic() >= self._learn_at:
            self._learn_soon()

    async def _attempt_trial(self, door: Door) -> PveError | None:
        """Ask an endpoint for its version; return why that fails, None if it answers."""
        limits, path = self.access.limits, "/version"
        started = self._clock.monotonic()
        error: PveError | None = None
        self.budget.spend()
        try:
            async with asyncio.timeout(min(limits.timeout_seconds, 2 * limits.connect_seconds)):
                answer = await self._wire.exchange("GET", door.endpoint, path, headers=self._identity.at_hand())
            # A 401 is an answer too: there may be no ticket yet.
            if answer.status >= 500:
                error = Failed(f"{door}: answers {answer.status}", path=path, endpoint=str(door))
        except TimeoutError:
            error = TimedOut(f"{door}: connects, but does not answer", path=path, endpoint=str(door))
        except (Unreachable, BadAnswer) as failed:
            error = failed
        finally:
            self.account.count("GET", path, error, self._clock.monotonic() - started)
        return error

    async def _try_from_afar(self, node: str) -> bool | None:
        """Ask any endpoint for another node's version; return whether that one answers, None if nobody does."""
        door = self.endpoints.choose(node)
        if door is None or door.endpoint.node == node:
            return None
        limits, path, started = self.access.limits, f"/nodes/{node}/version", self._clock.monotonic()
        error: PveError | None = None
        self.budget.spend()
        try:
            # Soon enough that those who wait for their turn still get one.
            async with asyncio.timeout(limits.connect_seconds):
                answer = await self._wire.exchange("GET", door.endpoint, path, headers=self._identity.at_hand())
            if answer.status in _UNHEARD:
                error = Unreachable(f"{door}: answers {answer.status}", path=path, endpoint=str(door))
        except TimeoutError:
            error = TimedOut(f"{door}: {path} is not answered", path=path, endpoint=str(door))
            # Perhaps it isn't that node but this one that is gone.
            if door.answered_at < started:
                return None
        except (Unreachable, BadAnswer):
            return None
        finally:
            self.account.count("GET", path, error, self._clock.monotonic() - started)
        return error is None

    def _silent(self, call: _Call, node: str) -> Unreachable:
        return Unreachable(
            f"{self.access.name}: {call.path}: node {node} says nothing, and the others don't hear it", path=call.path
        )

    def _learn_soon(self) -> None:
        if self._learning is None:
            self._learn_at = self._clock.monotonic() + _LEARN_AGAIN_SECONDS
            self._learning = asyncio.create_task(self._learn(), name=f"pve {self.access.name}: other nodes")

    async def _learn(self) -> None:
        try:
            # Answers to this path are learned from, wherever they come from.
            await self.get("/cluster/status")
        except PveError as error:
            log.debug("pve %s: its nodes are not known: %s", self.access.name, error.message)
        finally:
            self._learning = None

    async def _learn_now(self, call: _Call) -> None:
        """Find out where a node is that somebody wants to ask."""
        if self.access.learn_nodes and self._clock.monotonic() >= self._learn_at:
            self._learn_soon()
        if self._learning is not None:
            await asyncio.wait({self._learning}, timeout=self._left(call))

    def _learn_from(self, door: Door, rows: Any) -> None:
        if self.access.learn_nodes:
            self._learn_at = self._clock.monotonic() + _LEARN_AGAIN_SECONDS
            self._revival.introduce(self.endpoints.learn(door, rows))

    def _deadline(self) -> float:
        return asyncio.get_running_loop().time() + self.access.limits.timeout_seconds

    def _left(self, call: _Call) -> float:
        return max(0.0, call.deadline - asyncio.get_running_loop().time())

    def _timed_out(self, path: str, why: str) -> TimedOut:
        seconds = self.access.limits.timeout_seconds
        return TimedOut(f"{self.access.name}: {path}: {why} within {seconds:g} s", path=path)

    def _nobody(self, call: _Call, left: list[Door]) -> PveError:
        """Return the error of a call that no endpoint is left for."""
        if call.node and not left and not call.failures:
            return Unreachable(
                f"{self.access.name}: {call.path}: the address of node {call.node} is not known",
                path=call.path,
                remedy="add the node to the cluster's nodes in the site file",
            )
        failures = list(call.failures.values())
        if len(failures) == 1 and not left:
            return failures[0]
        failures += [Unreachable(f"{door}: {door.trouble}", remedy=door.remedy) for door in left]
        told = "; ".join(failure.message.replace(f"{call.path}: ", "") for failure in failures[:5])
        remedies = {failure.remedy for failure in failures if failure.remedy}
        return Unreachable(
            told if len(failures) == 1 else f"{self.access.name}: none of its endpoints can be asked: {told}",
            path=call.path,
            remedy=remedies.pop() if len(remedies) == 1 else "",
        )


def _node_of(path: str) -> str:
    found = _NODE.match(path)
    return found[1] if found else ""
