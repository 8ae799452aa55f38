"""Asking the hub of this machine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hune.cli.options import layout_of


async def ask(hub: str, method: str, path: str, document: Mapping[str, Any] | None = None) -> Any:
    """Return the hub's answer. Raises Unavailable if it doesn't answer, InputError if it finds the question wrong."""
    import aiohttp

    from hune.core.errors import InputError, Unavailable
    from hune.http.call import open_session

    try:
        async with open_session() as session, session.request(method, hub + path, json=document) as response:
            answer = await response.json(content_type=None)
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        reason = "no answer in time" if isinstance(error, TimeoutError) else "does not answer"
        raise Unavailable(f"the hub at {hub} {reason}", remedy="see: hune status") from None
    if response.status == 400:
        what, _, remedy = str(answer.get("detail", "")).rpartition("; ")
        raise InputError(what or "refused", remedy=remedy)
    if response.status != 200:
        raise Unavailable(f"the hub answered {response.status}: {answer.get('detail', '')}", remedy="see: hune logs")
    return answer


def hub_of(data_dir: Any) -> str:
    """Return the URL of the hub that runs on a data directory. Raises Unavailable if Hune has not run there."""
    from hune.core.errors import Unavailable
    from hune.site.models import Site

    try:
        site = Site.model_validate_json(layout_of(data_dir).site_json.read_text())
    except FileNotFoundError:
        raise Unavailable("Hune has not run here yet", remedy="start it with: hune up") from None
    return site.url("hub")
