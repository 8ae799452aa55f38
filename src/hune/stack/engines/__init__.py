"""The engines, one file each: what to run, what to render, how to tell that it works.

Every module has NAME, PACKAGE (Debian's), PROGRAMS (its names, Debian's first), TOOLS, IMAGE (upstream's
container image, pinned), `process(setting)`, `files(setting)` and `check(checkup)`.
"""

from __future__ import annotations

from types import ModuleType

from hune.stack.engines import alertmanager, blackbox_exporter, node_exporter, prometheus, victoriametrics

ENGINES: dict[str, ModuleType] = {
    module.NAME: module for module in (victoriametrics, alertmanager, node_exporter, blackbox_exporter, prometheus)
}
"""By name, in the order in which they are shown and fetched."""
