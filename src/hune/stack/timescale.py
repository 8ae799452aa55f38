"""The store in PostgreSQL: its adapter, and a Prometheus that answers PromQL from it, as processes of the plan.

The Prometheus that evaluates rules writes to the adapter and never reads from it: an adapter that is silent would hold
up every rule. So PromQL over this store is asked of a second one, without rules and without targets.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from hune.core.errors import Unavailable
from hune.stack.checkup import Checkup, metric_sum, read_metrics
from hune.stack.engines import postgresql
from hune.stack.model import File, Process
from hune.store import assignment

if TYPE_CHECKING:
    from hune.stack.setting import Setting

NAME = "timescale"
QUERY = "timescale-query"

_QUERY_FILE = "timescale-query.yml"
_BEHIND_SECONDS = 60.0


def process(setting: Setting, *, env: dict[str, str]) -> Process:
    """Return the adapter. It is ready when it serves, whether or not its database answers: that its health tells."""
    return Process(
        name=NAME,
        argv=(*setting.hune, "run", NAME, "--data-dir", str(setting.layout.root)),
        ready_url=f"{setting.site.url(NAME)}/metrics",
        after=(postgresql.NAME,) if setting.manages(postgresql.NAME) else (),
        outlives=("prometheus", QUERY),
        reads=(assignment.FILE,),
        reload_signal="HUP",
        is_ours=True,
        env=env,
    )


def files(setting: Setting) -> list[File]:
    """Return what the adapter reads."""
    site = setting.site
    if not site.wants(NAME):
        return []
    private = postgresql.database_url(setting) if site.wants(postgresql.NAME) else ""
    asked = assignment.Assignment.of(site, private)
    # Without a database the adapter is one that runs elsewhere.
    return [File(assignment.FILE, asked.to_json())] if asked.database else []


def query_process(setting: Setting) -> Process:
    """Return the Prometheus that reads back: it stores nothing of its own."""
    url = setting.site.url(QUERY)
    return Process(
        name=QUERY,
        argv=(
            str(setting.binaries["prometheus"].path),
            f"--config.file={setting.config(_QUERY_FILE)}",
            f"--storage.tsdb.path={setting.layout.data(QUERY)}",
            "--storage.tsdb.retention.time=1h",
            f"--web.listen-address={setting.listen(QUERY)}",
            f"--web.cors.origin={re.escape(url)}",
            "--log.level=warn",
        ),
        ready_url=f"{url}/-/ready",
        reads=(_QUERY_FILE,),
        reload_signal="HUP",
        env={"GOGC": "60"},
    )


def query_files(setting: Setting) -> list[File]:
    """Return its configuration, judged by promtool."""
    promtool = setting.binaries["prometheus"].tools.get("promtool")
    check = (str(promtool), "check", "config", f"{{dir}}/{_QUERY_FILE}") if promtool else ()
    config: dict[str, Any] = {
        # What was written carries it: asked for and taken off again, series are what they are in Prometheus.
        "global": {"external_labels": {"site": setting.site.name}},
        "remote_read": [{"url": f"{setting.site.url(NAME)}/api/v1/read", "name": NAME, "read_recent": True}],
    }
    return [File(_QUERY_FILE, json.dumps(config, indent=1) + "\n", check)]


async def check(checkup: Checkup) -> str:
    """Return how far the adapter is; raise Unavailable if its database does not answer, or it lags behind."""
    body = await checkup.get("/health", accept=(200, 503))
    try:
        report = json.loads(body)
        healthy, detail = bool(report["healthy"]), str(report.get("detail", ""))
    except (ValueError, KeyError, TypeError) as error:
        raise Unavailable("answers /health with something else than a report; is it the adapter?") from error
    if not healthy:
        raise Unavailable(detail or "says that it is not healthy")
    name = "hune_store_newest_sample_timestamp_seconds"
    newest = metric_sum(await read_metrics(checkup, name), name)
    if not newest:
        if checkup.running_seconds() > _BEHIND_SECONDS:
            raise Unavailable("nothing was written to it since its start")
        return "the database answers, nothing written yet"
    age = checkup.now() - newest
    if age > _BEHIND_SECONDS:
        raise Unavailable(f"its newest sample is {age:.0f} s old")
    return f"the database answers, newest sample {max(0.0, age):.0f} s old"


async def check_query(checkup: Checkup) -> str:
    """Return that a query is answered through the adapter; raise Unavailable if it isn't."""
    body = await checkup.get('/api/v1/query?query=count(up%7Bjob%3D"prometheus"%7D)')
    try:
        rows = json.loads(body)["data"]["result"]
    except (ValueError, KeyError, TypeError) as error:
        raise Unavailable("answers a query with something else than its result") from error
    return "answers queries" if rows else "answers queries, finds no sample of the last 5 minutes"
