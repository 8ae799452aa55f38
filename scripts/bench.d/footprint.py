"""Memory (PSS) and processor time of every process of a running Hune at rest, some time after its start."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))

from support.product import Product

ENGINES = ("prometheus", "victoriametrics", "alertmanager", "node-exporter", "blackbox-exporter")


def descendants(root: int) -> dict[int, int]:
    """Return the parent of each process below `root`."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            parents[int(stat.parent.name)] = int(fields[1])
    found: dict[int, int] = {}
    grown = True
    while grown:
        grown = False
        for pid, parent in parents.items():
            if pid not in found and (parent == root or parent in found):
                found[pid] = parent
                grown = True
    return found


def pss_bytes(pid: int) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def look(product: Product) -> dict[str, dict[str, float]]:
    """Return, for each process by name, its memory in bytes and its processor time in seconds so far."""
    status = product.status()
    names = {row["pid"]: row["name"] for row in status["processes"]} | {status["pid"]: "conductor"}
    below = descendants(status["pid"])
    rows: dict[str, dict[str, float]] = {}
    for pid in [status["pid"], *below]:
        name, ancestor = names.get(pid), pid
        while name is None:
            ancestor = below[ancestor]
            name = f"{names[ancestor]}'s exporters" if ancestor in names else None
        with contextlib.suppress(OSError):
            row = rows.setdefault(name, {"pss_bytes": 0.0, "cpu_seconds": 0.0})
            row["pss_bytes"] += pss_bytes(pid)
            row["cpu_seconds"] += cpu_seconds(pid)
    return rows


def summary(before: dict[str, dict[str, float]], after: dict[str, dict[str, float]], seconds: float) -> dict[str, Any]:
    """Return memory now, and the share of a core used since `before`."""
    processes = {
        name: {
            "pss_mb": round(row["pss_bytes"] / 1e6, 1),
            "core_percent": round(100 * (row["cpu_seconds"] - before.get(name, row)["cpu_seconds"]) / seconds, 2),
        }
        for name, row in after.items()
    }

    def total(names: list[str]) -> dict[str, float]:
        return {key: round(sum(processes[name][key] for name in names), 2) for key in ("pss_mb", "core_percent")}

    engines = [name for name in processes if name in ENGINES]
    lab = [name for name in processes if name.startswith("lab")]
    ours = [name for name in processes if name not in (*engines, *lab)]
    return {
        "processes": processes,
        "engines": total(engines),
        "hune": total(ours),
        "lab": total(lab),
        "all_but_lab": total([*engines, *ours]),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--after", default="300", help="seconds after the start, several by commas: 300,8100")
    parser.add_argument("--lab", action="store_true", help="with the lab's three nodes")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    moments = sorted(float(text) for text in options.after.split(","))
    results = []
    with tempfile.TemporaryDirectory(prefix="hune-bench-") as root:
        product = Product(Path(root))
        product.up()
        if options.lab:
            product.ask("lab", "up")
        try:
            began = time.time()
            for moment in moments:
                # Processor time is measured over the last minute, when all is at rest.
                wait(began + max(0.0, moment - 60))
                before, at = look(product), time.time()
                wait(began + moment)
                results.append({"after_seconds": moment, **summary(before, look(product), time.time() - at)})
        finally:
            product.down()
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Linux {platform.release()}"
    if options.json:
        print(json.dumps({"lab": options.lab, "results": results, "machine": machine}, indent=2))
        return
    for result in results:
        print(f"{result['after_seconds']:.0f} s after the start{', with the lab' if options.lab else ''}")
        print(f"  {'process':<22}{'PSS MB':>9}{'% of a core':>13}")
        for name, row in sorted(result["processes"].items(), key=lambda item: -item[1]["pss_mb"]):
            print(f"  {name:<22}{row['pss_mb']:>9.1f}{row['core_percent']:>13.2f}")
        for name, words in (("engines", "engines"), ("hune", "Hune itself"), ("all_but_lab", "sum without the lab")):
            print(f"  {words:<22}{result[name]['pss_mb']:>9.1f}{result[name]['core_percent']:>13.2f}")
    print(machine)


def wait(until: float) -> None:
    while (left := until - time.time()) > 0:
        print(f"\r\x1b[Kresting, {left:.0f} s left", end="", file=sys.stderr, flush=True)
        time.sleep(min(5.0, left))
    print("\r\x1b[K", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
