"""The plan, made by a child that ends with it: what it imports and what it gets wrong stays there."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import Callable

from hune.core.errors import InputError, Unavailable
from hune.stack.model import Plan
from hune.stack.prepare import Request

_SECONDS = 900.0


async def ask(request: Request, progress: Callable[[str], None]) -> Plan:
    """Return the plan for a request.

    Raises InputError with everything that is wrong, Unavailable if there is none in time.
    """
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",
        "-m",
        "hune.stack.prepare",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=64 << 20,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        async with asyncio.timeout(_SECONDS):
            child.stdin.write(request.to_json().encode())
            child.stdin.close()
            async for line in child.stdout:
                message = json.loads(line)
                if "progress" in message:
                    progress(message["progress"])
                elif "plan" in message:
                    await child.wait()
                    return Plan.from_json(message["plan"])
                else:
                    raise InputError("\n".join(message["errors"]))
    except TimeoutError:
        raise Unavailable(f"preparing took longer than {_SECONDS:g} s") from None
    finally:
        if child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                child.kill()
            await child.wait()
    raise Unavailable("preparing failed", remedy="see: hune logs conductor")
