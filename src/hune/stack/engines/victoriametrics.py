"""VictoriaMetrics: keeps samples for years."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from hune.core.errors import Unavailable
from hune.stack.checkup import Checkup
from hune.stack.model import File, Process

if TYPE_CHECKING:
    from hune.stack.setting import Setting

NAME = "victoriametrics"
PACKAGE = "victoria-metrics"
PROGRAMS = ("victoria-metrics", "victoria-metrics-prod")
TOOLS: tuple[str, ...] = ()
IMAGE = "victoriametrics/victoria-metrics:v1.152.0"


# Any web page could make a browser ask for these, by a mere link to this machine, and all samples would be gone.
# Nobody of Hune does, so nobody gets the keys.
_VARIABLES = "HUNE_STORE_"
_SEALED = ("deleteAuthKey", "snapshotAuthKey", "forceMergeAuthKey", "forceFlushAuthKey", "search_resetCacheAuthKey")

# By default scripts of every web page may read everything; older ones can't be told otherwise.
_CAN_REFUSE_OTHER_ORIGINS = (1, 117)


def process(setting: Setting) -> Process:
    """Return the process: repeated samples are stored once, and new ones are seen a second later."""
    return Process(
        name=NAME,
        argv=(
            str(setting.binaries[NAME].path),
            f"-storageDataPath={setting.layout.data(NAME)}",
            f"-retentionPeriod={setting.site.engines.victoriametrics.retention}",
            f"-httpListenAddr={setting.listen(NAME)}",
            # What the conductor replays after an outage may be there already.
            "-dedup.minScrapeInterval=1ms",
            "-search.latencyOffset=1s",
            "-selfScrapeInterval=0s",
            f"-memory.allowedBytes={_cache_megabytes(len(setting.site.nodes))}MB",
            "-loggerLevel=WARN",
            "-envflag.enable",
            f"-envflag.prefix={_VARIABLES}",
            *(("-http.disableCORS",) if setting.binaries[NAME].version >= _CAN_REFUSE_OTHER_ORIGINS else ()),
        ),
        ready_url=f"{setting.site.url(NAME)}/health",
        stop_seconds=30.0,
        sealed=tuple(f"{_VARIABLES}{key}" for key in _SEALED),
    )


def _cache_megabytes(nodes: int) -> int:
    """Return what its caches may take; in steps, so that a node more is no reason to restart it."""
    step = 4
    while step < nodes:
        step *= 2
    return min(4096, 88 + 8 * step)


def files(_setting: Setting) -> list[File]:
    """Return nothing: its flags say it all."""
    return []


async def check(checkup: Checkup) -> str:
    """Return the age of the newest sample that a query finds; raise Unavailable if queries are not answered."""
    body = await checkup.get('/api/v1/query?query=max(timestamp(up%7Bjob%3D"prometheus"%7D))')
    try:
        rows = json.loads(body)["data"]["result"]
        newest = float(rows[0]["value"][1]) if rows else None
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise Unavailable("answers a query with something else than its result") from error
    if newest is None:
        return "answers queries, holds no sample of the last 5 minutes"
    return f"answers queries, newest sample {max(0.0, checkup.now() - newest):.0f} s old"
