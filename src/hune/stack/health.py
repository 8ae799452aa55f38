"""Healthy means working: how each kind of service is judged."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from hune.core.errors import Unavailable
from hune.stack import timescale
from hune.stack.checkup import Checkup
from hune.stack.engines import ENGINES

log = logging.getLogger(__name__)

Check = Callable[[Checkup], Awaitable[str]]


async def check_own(checkup: Checkup) -> str:
    """Judge a service of Hune by its own `/health`."""
    body = await checkup.get("/health", accept=(200, 503))
    try:
        report: Mapping[str, Any] = json.loads(body)
        healthy, detail = bool(report["healthy"]), report.get("detail", "")
    except (ValueError, KeyError, TypeError) as error:
        raise Unavailable(
            "answers /health with something else than a report; is it Hune that listens there?"
        ) from error
    text = detail if isinstance(detail, str) else json.dumps(detail)
    if not healthy:
        raise Unavailable(text or "says that it is not healthy")
    return text or "working"


CHECKS: Mapping[str, Check] = {
    **{name: module.check for name, module in ENGINES.items()},
    "own": check_own,
    timescale.NAME: timescale.check,
    timescale.QUERY: timescale.check_query,
}
"""How each kind of service is judged; a check returns what it saw or raises Unavailable."""


async def judge(check: Check, checkup: Checkup) -> tuple[bool, str]:
    """Return whether a service works, and what was seen; a fault in the check itself is an answer too."""
    try:
        async with asyncio.timeout(10.0):
            return True, await check(checkup)
    except TimeoutError:
        return False, "does not answer"
    except Unavailable as error:
        return False, str(error)
    except Exception as error:
        log.exception("a check failed")
        return False, f"could not be judged: {type(error).__name__}: {error}"
