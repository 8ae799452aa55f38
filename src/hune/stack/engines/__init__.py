"""The engines, one file each: what to run, what to render, how to tell that it works.

Every module has NAME, PACKAGE (Debian's), PROGRAMS (its names, Debian's first), TOOLS, IMAGE (upstream's
container image, pinned, or nothing), `process(setting)`, `files(setting)` and `check(checkup)`. It may have FOLDERS
(where its programs lie if not in usr/bin), OLDEST (the first version that will do), LEFT_OUT (its package is fetched
with all that it needs but this), OF_ROOT (where it is unpacked for root), `after_unpack(root)`, `environment(program)`,
and `kept_version(data)` (which its data is of).
"""

from __future__ import annotations

from types import ModuleType

from hune.stack.engines import (
    alertmanager,
    blackbox_exporter,
    node_exporter,
    postgresql,
    prometheus,
    victoriametrics,
)

ENGINES: dict[str, ModuleType] = {
    module.NAME: module
    for module in (victoriametrics, alertmanager, node_exporter, blackbox_exporter, prometheus, postgresql)
}
"""By name, in the order in which they are shown and fetched."""
