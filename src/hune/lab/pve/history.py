"""What was measured before: `/cluster/metrics/export` (half an hour, every ten seconds) and `rrddata` of nodes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from hune.lab.hardware import CORES
from hune.lab.pve.cluster import NUMBERS, SAMPLE_SECONDS, Cluster
from hune.lab.pve.routes import ON_NODE, SYS, ApiError, Ask, Raw, Route
from hune.lab.pve.storages import BY_NAME, STORAGES, space
from hune.lab.pve.usage import MEMORY_BYTES, SWAP_BYTES, Usage

HISTORY_SECONDS = 1800
_POINTS = 70
_STEPS = {"hour": 60, "day": 1_800, "week": 10_800, "month": 43_200, "year": 604_800}
_RRD_NAMES = {
    "cpu": "cpu_current",
    "iowait": "cpu_iowait",
    "loadavg": "cpu_avg1",
    "maxcpu": "cpu_max",
    "memtotal": "mem_total",
    "memused": "mem_used",
    "roottotal": "disk_total",
    "rootused": "disk_used",
    "swaptotal": "swap_total",
    "swapused": "swap_used",
}
_DERIVED = ("disk_read", "disk_write", "net_in", "net_out")


def _export(ask: Ask) -> Raw:
    cluster = ask.cluster
    end = int(cluster.sampled)
    start = max(ask.integer("start-time", 0), end - HISTORY_SECONDS) if ask.flag("history") else end
    numbers = [cluster.here] if ask.flag("local-only") else [number for number in NUMBERS if cluster.sees(number)]
    wanted = ask.params.get("node-list")
    if wanted:
        numbers = [number for number in numbers if cluster.name(number) in wanted.split(",")]
    first = -(-start // SAMPLE_SECONDS) * SAMPLE_SECONDS
    body = bytearray(b'{"data":{"data":[')
    for moment in range(first, end + 1, SAMPLE_SECONDS):
        usage = Usage(cluster, moment)
        for number in numbers:
            if moment >= cluster.node(number).boot_time:  # what was measured before is lost
                body += "".join(_sample(cluster, usage, number, moment)).encode()
    if body.endswith(b","):
        body.pop()
    body += b"]}}"
    return Raw(body)


def _sample(cluster: Cluster, usage: Usage, number: int, moment: int) -> Iterator[str]:
    """Yield what a node measured at one moment, each value a JSON object with a comma after it."""
    node = cluster.name(number)
    yield from _rows(f"node/{node}", moment, _node(cluster, usage, number, moment))
    for storage in STORAGES:
        room = space(cluster, number, storage, moment)
        values = {"disk_total": room.total, "disk_used": room.used, "disk_available": room.free}
        yield from _rows(f"storage/{node}/{storage.name}", moment, values)
    for placed in cluster.running_on(number):
        if placed.started > moment:
            continue
        guest, used = placed.guest, usage.guest(placed)
        yield from _rows(
            guest.id,
            moment,
            {
                "cpu_current": used.cpu,
                "cpu_max": guest.cores,
                "disk_read": used.read,
                "disk_total": guest.disk_bytes,
                "disk_used": used.disk if guest.kind == "lxc" else 0,
                "disk_write": used.written,
                "mem_total": guest.memory_bytes,
                "mem_used": used.memory,
                "net_in": used.received,
                "net_out": used.sent,
                "uptime": used.uptime,
            },
        )


def _node(cluster: Cluster, usage: Usage, number: int, moment: int) -> Mapping[str, float]:
    load, room = usage.load(number), space(cluster, number, BY_NAME["local"], moment)
    uptime = moment - int(cluster.node(number).boot_time)
    return {
        "cpu_avg1": load * CORES,
        "cpu_avg5": load * CORES,
        "cpu_avg15": load * CORES,
        "cpu_current": load,
        "cpu_iowait": usage.waiting(number),
        "cpu_max": CORES,
        "disk_total": room.total,
        "disk_used": room.used,
        "mem_total": MEMORY_BYTES,
        "mem_used": usage.memory(number),
        "swap_total": SWAP_BYTES,
        "swap_used": 0,
        "uptime": uptime,
    }


def _rows(subject: str, moment: int, values: Mapping[str, float]) -> Iterator[str]:
    for metric, value in values.items():
        kind = "derive" if metric in _DERIVED else "gauge"
        yield f'{{"id":"{subject}","metric":"{metric}","timestamp":{moment},"type":"{kind}","value":{value!r}}},'


def _rrd(ask: Ask) -> list[dict[str, float]]:
    timeframe = ask.needed("timeframe")
    if timeframe not in _STEPS:
        reason = f"value '{timeframe}' does not have a value in the enumeration '{', '.join(_STEPS)}'"
        raise ApiError(400, "Parameter verification failed.", errors={"timeframe": reason})
    step = _STEPS[timeframe]
    end = int(ask.cluster.now) // step * step
    rows = []
    for moment in range(end - (_POINTS - 1) * step, end + 1, step):
        row: dict[str, float] = {"time": moment}
        if ask.cluster.node(ask.node).boot_time <= moment < end:  # the last one is still being measured
            usage = Usage(ask.cluster, moment)
            values = _node(ask.cluster, usage, ask.node, moment)
            row |= {name: values[metric] for name, metric in _RRD_NAMES.items()} | usage.node_pressure(ask.node)
        rows.append(row)
    return rows


ROUTES = [
    Route("/cluster/metrics/export", _export, SYS, is_heavy=True),
    Route(f"{ON_NODE}/rrddata", _rrd, SYS, ON_NODE),
]
