"""High availability: the manager's master, the local resource managers, services and what is asked of them, fencing.

hune_pve_ha_master{node="pve-01"} 1
hune_pve_ha_node_state{node="pve-02",state="fence"} 1
hune_pve_ha_fencing{node="pve-02"} 1
hune_pve_ha_lrm_state{node="pve-01",state="active",mode="active"} 1
hune_pve_ha_service_state{id="qemu/100",node="pve-01",state="started",requested="started"} 1
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hune.collect.pve.answers import record, records
from hune.collect.pve.collector import Collection, Collector, Needs
from hune.collect.pve.families import Exposition, Family
from hune.pve.errors import PveError

_MANAGER = "/cluster/ha/status/manager_status"
CURRENT = "/cluster/ha/status/current"
TTL_SECONDS = 5.0


def _gauge(name: str, text: str, source: str, *labels: str) -> Family:
    return Family(f"hune_pve_ha_{name}", "gauge", text, labels, source, "Sys.Audit on /")


_QUORATE = _gauge("quorate", "1 if the HA stack has quorum, else 0.", _MANAGER)
_MASTER = _gauge(
    "master", "1 for the node whose cluster resource manager is master; absent while there is none.", _MANAGER, "node"
)
_MASTER_SEEN = _gauge(
    "master_timestamp_seconds",
    "When the master last worked: it does every ten seconds while services are managed.",
    _MANAGER,
)
_NODE_STATE = _gauge(
    "node_state",
    "State of a node for the manager: online, maintenance, unknown, fence, gone.",
    _MANAGER,
    "node",
    "state",
)
_FENCING = _gauge("fencing", "1 while a node is being fenced, else 0.", _MANAGER, "node")
_LRM = _gauge(
    "lrm_state",
    "State of a node's local resource manager (active, wait_for_agent_lock, lost_agent_lock, maintenance) and its mode "
    "(active, restart, shutdown, maintenance).",
    _MANAGER,
    "node",
    "state",
    "mode",
)
_LRM_SEEN = _gauge("lrm_timestamp_seconds", "When a node's local resource manager last worked.", _MANAGER, "node")
_SERVICE = _gauge(
    "service_state",
    "State of a guest under HA (started, stopped, error, fence, recovery, migrate, relocate, freeze, queued, …) and "
    "the state that is asked for.",
    CURRENT,
    "id",
    "node",
    "state",
    "requested",
)
_ARMED = _gauge("armed", "1 if fencing is armed, else 0; absent if Proxmox VE is too old to say.", CURRENT)
_KINDS = {"vm": "qemu", "ct": "lxc"}


def guest_id(sid: str) -> str:
    """Return the guest's id of a service's (`vm:100`: `qemu/100`); unknown kinds stay as they are."""
    kind, _, number = sid.partition(":")
    return f"{_KINDS[kind]}/{number}" if kind in _KINDS else sid


def parse_manager(answer: Any, out: Exposition) -> None:
    """Turn an answer of `/cluster/ha/status/manager_status` into samples. Raises BadAnswer."""
    whole = record(answer, _MANAGER)
    manager, quorum = whole.record("manager_status"), whole.record("quorum")
    if "quorate" in quorum:
        out.add(_QUORATE, quorum.flag("quorate"))
    if master := manager.text("master_node", ""):
        out.add(_MASTER, 1, master)
    if "timestamp" in manager:
        out.add(_MASTER_SEEN, manager.amount("timestamp"))
    states = manager.record("node_status")
    for node in states:
        state = states.text(node, "unknown")
        out.add(_NODE_STATE, 1, node, state)
        out.add(_FENCING, state == "fence", node)
    managers = whole.record("lrm_status")
    for node in managers:
        local = managers.record(node)
        if "state" in local:
            out.add(_LRM, 1, node, local.text("state"), local.text("mode", ""))
        if "timestamp" in local:
            out.add(_LRM_SEEN, local.amount("timestamp"), node)


def parse_current(answer: Any, out: Exposition) -> None:
    """Turn an answer of `/cluster/ha/status/current` into samples. Raises BadAnswer."""
    for entry in records(answer, CURRENT):
        if entry.text("type", "") == "service":
            state, requested = entry.text("state", "unknown"), entry.text("request_state", "")
            out.add(_SERVICE, 1, guest_id(entry.text("sid")), entry.text("node", ""), state, requested)
        elif "armed-state" in entry:
            out.add(_ARMED, entry.text("armed-state") == "armed")


async def collect(run: Collection) -> None:
    """Ask for the manager's state and the services; either counts without the other."""
    asked: tuple[tuple[str, Callable[[Any, Exposition], None]], ...] = (
        (_MANAGER, parse_manager),
        (CURRENT, parse_current),
    )
    for path, parse in asked:
        try:
            out = Exposition()
            parse(await run.source.get(path, max_age_seconds=TTL_SECONDS), out)
        except PveError as error:
            run.missed(error)
        else:
            run.out.extend(out)


COLLECTOR = Collector(
    name="ha",
    scope="cluster",
    families=(_QUORATE, _MASTER, _MASTER_SEEN, _NODE_STATE, _FENCING, _LRM, _LRM_SEEN, _SERVICE, _ARMED),
    needs=(Needs("Sys.Audit", "/"),),
    collect=collect,
)
