"""Asking the hub of this machine."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import IO, TYPE_CHECKING, Any

from hune.cli.options import layout_of

if TYPE_CHECKING:
    from hune.site.models import Site


async def ask(hub: str, method: str, path: str, document: Mapping[str, Any] | None = None) -> Any:
    """Return the hub's answer. Raises Unavailable if it doesn't answer, InputError if it finds the question wrong."""
    import aiohttp

    from hune.core.errors import InputError, Unavailable
    from hune.http.call import open_session

    try:
        async with open_session() as session, session.request(method, hub + path, json=document) as response:
            answer = await response.json(content_type=None)
            if not isinstance(answer, dict):
                raise ValueError
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        reason = "no answer in time" if isinstance(error, TimeoutError) else "does not answer"
        raise Unavailable(f"the hub at {hub} {reason}", remedy="see: hune status") from None
    if response.status in (400, 403, 404, 409):
        detail = str(answer.get("detail", "")) or "refused"
        what, _, remedy = detail.rpartition("; ") if "; " in detail else (detail, "", "")
        raise InputError(what, remedy=remedy)
    if response.status != 200:
        raise Unavailable(f"the hub answered {response.status}: {answer.get('detail', '')}", remedy="see: hune logs")
    return answer


def pass_on(hub: str, path: str) -> None:
    """Print what the hub answers, however much. Raises as `ask` does.

    All of it is fetched first: who reads page by page takes longer than the hub waits for a reader.
    """
    import shutil
    import sys
    import tempfile

    from hune.core.errors import Unavailable

    broken: Unavailable | None = None
    with tempfile.TemporaryFile() as kept:
        try:
            asyncio.run(_fetch(hub, path, kept))
        except Unavailable as error:
            broken = error
        kept.seek(0)
        shutil.copyfileobj(kept, sys.stdout.buffer)
    sys.stdout.flush()
    if broken:
        raise broken


async def _fetch(hub: str, path: str, into: IO[bytes]) -> None:
    import aiohttp

    from hune.core.errors import InputError, Unavailable
    from hune.http.call import open_session

    has_begun = False
    patience = aiohttp.ClientTimeout(total=None, sock_connect=3.0, sock_read=30.0)
    try:
        async with open_session() as session, session.get(hub + path, timeout=patience) as response:
            if response.status != 200:
                raise InputError(f"the hub answered {response.status}", remedy="see: hune logs")
            has_begun = True
            async for part in response.content.iter_any():
                await asyncio.to_thread(into.write, part)
    except (aiohttp.ClientError, TimeoutError) as error:
        if has_begun:
            raise Unavailable(f"the hub at {hub} broke off: this is not all", remedy="try again") from error
        raise Unavailable(f"the hub at {hub} does not answer", remedy="see: hune status") from error


def hub_of(data_dir: Any) -> str:
    """Return the URL of the hub that runs on a data directory. Raises Unavailable if Hune has not run there."""
    return site_of(data_dir).url("hub")


def site_of(data_dir: Any) -> Site:
    """Return the site that runs on a data directory. Raises Unavailable if Hune has not run there."""
    from hune.core.errors import Unavailable
    from hune.site.models import Site

    try:
        return Site.model_validate_json(layout_of(data_dir).site_json.read_text())
    except FileNotFoundError:
        raise Unavailable("Hune has not run here yet", remedy="start it with: hune up") from None


def end(data_dir: Any, kind: str, identity: str, *, json_output: bool) -> None:
    """End a silence or a window (`kind` as in the hub's addresses), and say so."""
    import asyncio
    from urllib.parse import quote

    from hune.cli import show

    answer = asyncio.run(ask(hub_of(data_dir), "DELETE", f"/{kind}/{quote(identity, safe='')}"))
    if json_output:
        show.as_json(answer)
    else:
        show.line(f"ended: {show.escape(answer['id'])}")
