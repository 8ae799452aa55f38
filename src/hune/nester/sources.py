"""The conductor, asked for the health of Hune itself."""

from __future__ import annotations

import asyncio
from pathlib import Path

from hune.core.errors import Unavailable
from hune.http import control
from hune.nester.snapshot import ServiceHealth


async def conductor_health(socket: Path) -> tuple[ServiceHealth, ...]:
    """Return what the conductor says of each engine and service.

    Raises Unavailable if no conductor runs here: each service may also run alone.
    """
    # A thread: the call is a blocking one, made for the command line.
    _, answer = await asyncio.to_thread(control.call, socket, "GET", "/health", timeout_seconds=4.0)
    try:
        return tuple(
            ServiceHealth(
                name=str(row["name"]),
                healthy=bool(row["healthy"]),
                detail=str(row["detail"]),
                address=str(row["address"]),
                since=float(row["since"]),
            )
            for row in answer["services"]
        )
    except (KeyError, TypeError, ValueError) as error:
        raise Unavailable("the conductor's answer is not a health report") from error
