"""What prometheus-pve-exporter doesn't see, one file a collector; all ask every node themselves (scope `cluster`)."""

from __future__ import annotations

from hune.collect.pve.archives import ArchiveReader
from hune.collect.pve.collector import Collector
from hune.collect.pve.collectors import (
    backups,
    ceph,
    certificates,
    disks,
    guest_config,
    guest_filesystems,
    ha,
    network,
    node_status,
    pressure,
    protection,
    quorum,
    replication,
    services,
    storage,
    subscription,
    tasks,
    updates,
    version,
    zfs,
)
from hune.collect.pve.settings import Settings


def collectors(settings: Settings) -> tuple[Collector, ...]:
    """Return the collectors, made as the settings say; they remember what they know by source."""
    archives = ArchiveReader()
    made = (
        quorum.COLLECTOR,
        ha.COLLECTOR,
        node_status.COLLECTOR,
        version.COLLECTOR,
        services.COLLECTOR,
        network.COLLECTOR,
        storage.COLLECTOR,
        zfs.COLLECTOR,
        disks.make(settings),
        ceph.COLLECTOR,
        pressure.COLLECTOR,
        guest_config.COLLECTOR,
        guest_filesystems.make(),
        tasks.COLLECTOR,
        replication.COLLECTOR,
        backups.make(archives),
        protection.make(archives, settings.protection),
        certificates.COLLECTOR,
        subscription.COLLECTOR,
        updates.COLLECTOR,
    )
    return tuple(collector for collector in made if collector.name not in settings.without)


ALL: tuple[Collector, ...] = collectors(Settings())
NAMES = tuple(collector.name for collector in ALL)
