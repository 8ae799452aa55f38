"""Alertmanager: groups, inhibits, silences, and hands alerts to the hub."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hune.core.errors import Unavailable
from hune.core.files import write_atomically
from hune.core.keys import lock_of
from hune.stack.checkup import Checkup, metric_sum, read_metrics
from hune.stack.model import File, Process

if TYPE_CHECKING:
    from hune.site.processes import Gossip
    from hune.stack.setting import Setting

NAME = "alertmanager"
PACKAGE = "prometheus-alertmanager"
PROGRAMS = ("prometheus-alertmanager", "alertmanager")
TOOLS = ("amtool",)
PEER_TIMEOUT_SECONDS = 1
"""How long each of a cluster waits for the one before it to tell of an alert."""
IMAGE = "prom/alertmanager:v0.33.1"


# Debian's build reads its templates from the installed place instead of carrying them.
_INSTALLED = b"/usr/share/prometheus/alertmanager"
_UNPACKED = b"usr/share/prometheus//alertmanager"


def after_unpack(root: Path) -> None:
    """Make a Debian build that was unpacked, not installed, read its templates below its working directory.

    The path in the program is replaced by a relative one of the same length.
    """
    program = root / "usr/bin" / PROGRAMS[0]
    content = program.read_bytes()
    if _INSTALLED in content:
        write_atomically(program, content.replace(_INSTALLED, _UNPACKED), mode=0o755)


def process(setting: Setting) -> Process:
    """Return the process; it writes silences and its notification log every second, so that a kill loses neither."""
    site, key = setting.site, setting.key(NAME)
    return Process(
        name=NAME,
        argv=(
            str(setting.binaries[NAME].path),
            f"--config.file={setting.config('alertmanager.yml')}",
            f"--storage.path={setting.layout.data(NAME)}",
            f"--web.listen-address={setting.listen(NAME)}",
            f"--web.external-url={site.url(NAME)}",
            "--data.maintenance-interval=1s",
            "--data.retention=120h",
            *_gossip(site.engines.alertmanager.cluster),
            "--log.level=warn",
            # By default every web page in a browser on this machine may silence alerts.
            *((f"--web.config.file={lock_of(key)}",) if key else ()),
        ),
        cwd=str(_root(setting)),
        ready_url=f"{site.url(NAME)}/-/ready",
        reads=("alertmanager.yml",),
        reload_signal="HUP",
        key=str(key or ""),
    )


def _gossip(cluster: Gossip | None) -> list[str]:
    """Return how it talks to the others of a cluster.

    The hub removes what is told twice, so each waits for those before it as briefly as may be; a shorter gossip lets a
    cluster settle, before which none tells anything, within 2.5 s of a start instead of 10 s.
    """
    if cluster is None:
        # A single one needs no gossip port.
        return ["--cluster.listen-address="]
    return [
        f"--cluster.listen-address={cluster.listen}",
        *([f"--cluster.advertise-address={cluster.advertise}"] if cluster.advertise else ()),
        *(f"--cluster.peer={peer}" for peer in cluster.peers),
        f"--cluster.peer-timeout={PEER_TIMEOUT_SECONDS}s",
        "--cluster.gossip-interval=50ms",
        "--cluster.pushpull-interval=10s",
        "--cluster.reconnect-interval=2s",
    ]


def _root(setting: Setting) -> Path:
    """Return where the program's own files lie: the unpacked package, or the system."""
    root = setting.binaries[NAME].path.parent.parent.parent
    return root if (root / _UNPACKED.decode()).is_dir() else Path("/")


def files(setting: Setting) -> list[File]:
    """Return alertmanager.yml, judged by amtool."""
    from hune.alerting.routing import render_alertmanager

    amtool = setting.binaries[NAME].tools.get("amtool")
    check = (str(amtool), "check-config", "{dir}/alertmanager.yml") if amtool else ()
    return [File("alertmanager.yml", render_alertmanager(setting.site), check)]


async def check(checkup: Checkup) -> str:
    """Return what was checked; raise Unavailable if it isn't ready or could not hand alerts to the hub."""
    await checkup.get("/-/ready")
    metrics = await read_metrics(
        checkup,
        "alertmanager_notifications_failed_total",
        "alertmanager_notifications_total",
        "alertmanager_config_last_reload_successful",
        "alertmanager_alerts",
    )
    if metric_sum(metrics, "alertmanager_config_last_reload_successful") == 0:
        raise Unavailable("its configuration was refused", remedy="see: hune logs alertmanager")
    if failed := checkup.increase("failed", metric_sum(metrics, "alertmanager_notifications_failed_total")):
        raise Unavailable(f"{failed:g} notifications did not reach the hub")
    handed = metric_sum(metrics, "alertmanager_notifications_total")
    return f"ready, {handed:g} notifications handed to the hub"
