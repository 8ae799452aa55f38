"""What alerts about Proxmox VE say, in the languages of a site."""

from __future__ import annotations

from collections.abc import Mapping

from hune.alerting.words.forms import Words

_MANY = "First of them: {guests}. More than {one_by_one} at once are told together; it ends when none of those is left."
_BEAUCOUP = "Les premiers : {guests}. Au-delà de {one_by_one} ils sont annoncés ensemble, jusqu'au dernier de ceux-là."

_ENGLISH: dict[str, Words] = {
    "PveApiSilent": Words(
        "Proxmox API silent",
        "{cluster}: the Proxmox API gives no answer",
        "Nothing could be read of the cluster for more than a minute. What was wrong there stays as it was last seen.",
    ),
    "PveCollectorFailing": Words(
        "Collector failing",
        "{cluster}: {collector} can't be read completely",
        "The collector {collector} has lacked something for half an hour: faults of that kind would go unseen.",
    ),
    "PveApiBusy": Words(
        "API budget used up",
        "{cluster}: {value} % of the budget for API calls is used",
        "More than {threshold} % of the {budget} calls a minute are made: answers come late, and get older.",
    ),
    "PveQuorumLost": Words(
        "Quorum lost",
        "{cluster} has no quorum",
        "Too few nodes see each other: nothing can be started or changed, and HA may fence nodes.",
    ),
    "PveQdeviceDown": Words(
        "QDevice lost",
        "{cluster}: the QDevice is not connected",
        "Its vote is missing: one more node that fails may cost the quorum.",
    ),
    "PveNodeOffline": Words(
        "Node left the cluster",
        "{node} is not a member of {cluster} any more",
        "Corosync doesn't count the node as a member, although the machine isn't known to be down.",
    ),
    "PveServiceDown": Words(
        "Service of Proxmox down",
        "{node}: the service {service} does not run",
        "It is meant to run, and did within the last day.",
    ),
    "PveNodeFenced": Words(
        "Node fenced",
        "{node} is being fenced",
        "HA lost the node and waits until it is surely off, before it starts its guests elsewhere.",
    ),
    "HaServiceFailed": Words(
        "HA gave up",
        "{cluster}: HA gave up on {guest}",
        "The service is in state error: HA does nothing for it until somebody disables and enables it.",
    ),
    "HaServicesFailed": Words(
        "HA gave up on many",
        "{cluster}: guests that HA gave up on: {value}",
        _MANY,
    ),
    "HaServiceRecovering": Words(
        "HA recovers a guest",
        "{cluster}: HA recovers {guest}",
        "Its node was lost; HA fences it and starts the guest on another one.",
    ),
    "HaServicesRecovering": Words(
        "HA recovers many guests",
        "{cluster}: guests that HA recovers: {value}",
        _MANY,
    ),
    "GuestDown": Words(
        "Guest down",
        "{guest} is down",
        "It should run, is stopped, and no backup, migration, snapshot or failure of its node explains it.",
    ),
    "GuestsDown": Words(
        "Many guests down",
        "{cluster}: guests that are down: {value}",
        _MANY,
    ),
    "GuestUnprotected": Words(
        "Guest unprotected",
        "{guest} is not protected",
        "What is missing: {reasons}.",
    ),
    "GuestsUnprotected": Words(
        "Many guests unprotected",
        "{cluster}: guests that are not protected: {value}",
        _MANY,
    ),
    "BackupLate": Words(
        "Backup too old",
        "{guest} has no backup as young as it should be",
        "What is missing: {reasons}.",
    ),
    "BackupsLate": Words(
        "Many backups too old",
        "{cluster}: guests without a backup as young as it should be: {value}",
        _MANY,
    ),
    "BackupFailed": Words(
        "Backup failed",
        "{node}: backup tasks failed, none since succeeded: {value}",
        "Ends when a later one of the same guest or a job succeeds, or when the failure is a day old.",
    ),
    "ReplicationFailing": Words(
        "Replication failing",
        "{guest}: failures in a row of the replication to {target}: {value}",
        "The copy grows old. {error}",
    ),
    "ReplicationsFailing": Words(
        "Many replications failing",
        "{cluster}: replication jobs that fail: {value}",
        _MANY,
    ),
    "ReplicationLate": Words(
        "Replication too old",
        "{guest}: last replicated to {target} {value} hours ago",
        "The job doesn't fail, but has not run for more than {threshold} hours.",
    ),
    "ReplicationsLate": Words(
        "Many replications too old",
        "{cluster}: replication jobs that have not run for too long: {value}",
        _MANY,
    ),
    "StorageFilling": Words(
        "Storage filling up",
        "{place}: storage {storage} is {value} % full",
        "More than {threshold} % are in use.",
    ),
    "StorageFull": Words(
        "Storage full",
        "{place}: storage {storage} is {value} % full",
        "More than {threshold} % are in use: guests stop and backups fail when nothing is left.",
    ),
    "StorageOffline": Words(
        "Storage offline",
        "{node}: storage {storage} is offline",
        "The storage is enabled, but the node can't use it.",
    ),
    "ZfsPoolDegraded": Words(
        "ZFS pool degraded",
        "{node}: ZFS pool {pool} is {state}",
        "The pool isn't ONLINE: it has lost redundancy, or data.",
    ),
    "ZfsPoolErrors": Words(
        "ZFS errors",
        "{node}: errors of ZFS pool {pool}: {value}",
        "Devices of the pool returned wrong data or none since the counters were last cleared.",
    ),
    "DiskFailing": Words(
        "Disk failing",
        "{node}: disk {device} is failing",
        "Its own health test fails, or an attribute has reached its threshold. {model}",
    ),
    "DiskWorn": Words(
        "Disk worn out",
        "{node}: disk {device} has used {value} % of its endurance",
        "Above {threshold} % it should be replaced. {model}",
    ),
    "CephFailing": Words(
        "Ceph in error",
        "{cluster}: Ceph is HEALTH_ERR: {checks}",
        "Data may be unreachable or in danger.",
    ),
    "CephWarning": Words(
        "Ceph warns",
        "{cluster}: Ceph is HEALTH_WARN: {checks}",
        "Ceph still serves its data, with less redundancy or room than it should have.",
    ),
    "CephOsdDown": Words(
        "OSD down",
        "{node}: OSD {osd} is down",
        "Its data has a copy less until it is back, or rebuilt elsewhere.",
    ),
    "CephFilling": Words(
        "Ceph filling up",
        "{cluster}: Ceph{what} is {value} % full",
        "More than {threshold} % are in use; Ceph stops writing when one of its disks is full.",
    ),
    "CertificateExpiring": Words(
        "Certificate expiring",
        "{node}: certificate {file} is valid for {value} more days",
        "Below {threshold} days it should have been renewed by itself.",
    ),
}

_FRENCH: dict[str, Words] = {
    "PveApiSilent": Words(
        "API Proxmox muette",
        "{cluster} : l'API Proxmox ne répond pas",
        "Rien n'a pu être lu du cluster depuis plus d'une minute. Ce qui y était en défaut reste tel que vu.",
    ),
    "PveCollectorFailing": Words(
        "Collecteur en échec",
        "{cluster} : {collector} ne peut être lu en entier",
        "Il manque quelque chose au collecteur {collector} depuis une demi-heure : ses défauts passeraient inaperçus.",
    ),
    "PveApiBusy": Words(
        "Budget d'appels épuisé",
        "{cluster} : {value} % du budget d'appels de l'API est utilisé",
        "Plus de {threshold} % des {budget} appels par minute sont faits : les réponses tardent et vieillissent.",
    ),
    "PveQuorumLost": Words(
        "Quorum perdu",
        "{cluster} n'a plus le quorum",
        "Trop peu de nœuds se voient : rien ne peut être démarré ni modifié, et HA peut isoler des nœuds.",
    ),
    "PveQdeviceDown": Words(
        "QDevice perdu",
        "{cluster} : le QDevice n'est pas connecté",
        "Sa voix manque : un nœud de plus en panne peut coûter le quorum.",
    ),
    "PveNodeOffline": Words(
        "Nœud hors du cluster",
        "{node} n'est plus membre de {cluster}",
        "Corosync ne compte plus ce nœud parmi ses membres, alors que la machine n'est pas connue comme arrêtée.",
    ),
    "PveServiceDown": Words(
        "Service de Proxmox arrêté",
        "{node} : le service {service} ne tourne pas",
        "Il devrait tourner, et il tournait il y a moins d'un jour.",
    ),
    "PveNodeFenced": Words(
        "Nœud isolé par HA",
        "{node} est en cours d'isolement",
        "HA a perdu le nœud et attend qu'il soit sûrement éteint, avant de démarrer ses invités ailleurs.",
    ),
    "HaServiceFailed": Words(
        "HA a renoncé",
        "{cluster} : HA a renoncé à {guest}",
        "Le service est en état error : HA n'y touche plus tant que personne ne le désactive puis le réactive.",
    ),
    "HaServicesFailed": Words(
        "HA a renoncé à beaucoup",
        "{cluster} : invités auxquels HA a renoncé : {value}",
        _BEAUCOUP,
    ),
    "HaServiceRecovering": Words(
        "HA récupère un invité",
        "{cluster} : HA récupère {guest}",
        "Son nœud est perdu ; HA l'isole et démarre l'invité sur un autre.",
    ),
    "HaServicesRecovering": Words(
        "HA récupère beaucoup",
        "{cluster} : invités que HA récupère : {value}",
        _BEAUCOUP,
    ),
    "GuestDown": Words(
        "Invité arrêté",
        "{guest} est arrêté",
        "Il devrait tourner, et aucune sauvegarde, migration, instantané ni panne de son nœud n'explique l'arrêt.",
    ),
    "GuestsDown": Words(
        "Beaucoup d'invités arrêtés",
        "{cluster} : invités arrêtés : {value}",
        _BEAUCOUP,
    ),
    "GuestUnprotected": Words(
        "Invité non protégé",
        "{guest} n'est pas protégé",
        "Ce qui manque : {reasons}.",
    ),
    "GuestsUnprotected": Words(
        "Beaucoup sans protection",
        "{cluster} : invités non protégés : {value}",
        _BEAUCOUP,
    ),
    "BackupLate": Words(
        "Sauvegarde trop ancienne",
        "{guest} n'a pas de sauvegarde aussi récente qu'il faudrait",
        "Ce qui manque : {reasons}.",
    ),
    "BackupsLate": Words(
        "Beaucoup de sauvegardes trop anciennes",
        "{cluster} : invités sans sauvegarde assez récente : {value}",
        _BEAUCOUP,
    ),
    "BackupFailed": Words(
        "Sauvegarde en échec",
        "{node} : tâches de sauvegarde en échec, sans réussite depuis : {value}",
        "Terminé quand une autre du même invité ou d'un travail réussit, ou quand l'échec date d'un jour.",
    ),
    "ReplicationFailing": Words(
        "Réplication en échec",
        "{guest} : échecs consécutifs de la réplication vers {target} : {value}",
        "La copie vieillit. {error}",
    ),
    "ReplicationsFailing": Words(
        "Beaucoup de réplications en échec",
        "{cluster} : tâches de réplication en échec : {value}",
        _BEAUCOUP,
    ),
    "ReplicationLate": Words(
        "Réplication trop ancienne",
        "{guest} : dernière réplication vers {target} il y a {value} heures",
        "La tâche n'échoue pas, mais n'a pas tourné depuis plus de {threshold} heures.",
    ),
    "ReplicationsLate": Words(
        "Beaucoup de réplications trop anciennes",
        "{cluster} : réplications trop anciennes : {value}",
        _BEAUCOUP,
    ),
    "StorageFilling": Words(
        "Stockage bientôt plein",
        "{place} : le stockage {storage} est plein à {value} %",
        "Plus de {threshold} % sont utilisés.",
    ),
    "StorageFull": Words(
        "Stockage plein",
        "{place} : le stockage {storage} est plein à {value} %",
        "Plus de {threshold} % sont utilisés : sans place, les invités s'arrêtent et les sauvegardes échouent.",
    ),
    "StorageOffline": Words(
        "Stockage hors ligne",
        "{node} : le stockage {storage} est hors ligne",
        "Le stockage est activé, mais le nœud ne peut pas l'utiliser.",
    ),
    "ZfsPoolDegraded": Words(
        "Pool ZFS dégradé",
        "{node} : le pool ZFS {pool} est {state}",
        "Le pool n'est pas ONLINE : il a perdu sa redondance, ou des données.",
    ),
    "ZfsPoolErrors": Words(
        "Erreurs ZFS",
        "{node} : erreurs du pool ZFS {pool} : {value}",
        "Des disques du pool ont rendu de mauvaises données, ou aucune, depuis la remise à zéro des compteurs.",
    ),
    "DiskFailing": Words(
        "Disque défaillant",
        "{node} : le disque {device} est défaillant",
        "Son propre test de santé échoue, ou un attribut a atteint son seuil. {model}",
    ),
    "DiskWorn": Words(
        "Disque usé",
        "{node} : le disque {device} a consommé {value} % de son endurance",
        "Au-delà de {threshold} % il faut le remplacer. {model}",
    ),
    "CephFailing": Words(
        "Ceph en erreur",
        "{cluster} : Ceph est HEALTH_ERR : {checks}",
        "Des données peuvent être inaccessibles ou en danger.",
    ),
    "CephWarning": Words(
        "Ceph avertit",
        "{cluster} : Ceph est HEALTH_WARN : {checks}",
        "Ceph sert encore ses données, avec moins de redondance ou de place qu'il ne devrait.",
    ),
    "CephOsdDown": Words(
        "OSD arrêté",
        "{node} : l'OSD {osd} est arrêté",
        "Ses données ont une copie de moins, jusqu'à son retour ou leur reconstruction ailleurs.",
    ),
    "CephFilling": Words(
        "Ceph bientôt plein",
        "{cluster} : Ceph{what} est plein à {value} %",
        "Plus de {threshold} % sont utilisés ; Ceph n'écrit plus dès qu'un de ses disques est plein.",
    ),
    "CertificateExpiring": Words(
        "Certificat bientôt expiré",
        "{node} : le certificat {file} est encore valable {value} jours",
        "Sous {threshold} jours il aurait dû être renouvelé tout seul.",
    ),
}

WORDS_PVE: Mapping[str, dict[str, Words]] = {"en": _ENGLISH, "fr": _FRENCH}

REASONS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "not-in-a-job": "it is in no backup job",
        "only-in-disabled-jobs": "it is only in backup jobs that are disabled",
        "disks-left-out": "every backup job leaves disks out",
        "never-backed-up": "it was never backed up",
        "backup-late": "its backup is late",
        "verification-failed": "the verification of its newest backup failed",
        "replication-failing": "its replication fails",
        "not-replicated": "it is not replicated",
        "ha-error": "HA gave up on it",
        "not-under-ha": "it is not under HA",
    },
    "fr": {
        "not-in-a-job": "il n'est dans aucune tâche de sauvegarde",
        "only-in-disabled-jobs": "il n'est que dans des tâches de sauvegarde désactivées",
        "disks-left-out": "toutes les tâches de sauvegarde omettent des disques",
        "never-backed-up": "il n'a jamais été sauvegardé",
        "backup-late": "sa sauvegarde est en retard",
        "verification-failed": "la vérification de sa dernière sauvegarde a échoué",
        "replication-failing": "sa réplication échoue",
        "not-replicated": "il n'est pas répliqué",
        "ha-error": "HA y a renoncé",
        "not-under-ha": "il n'est pas sous HA",
    },
}
"""Why a guest isn't protected, by the code of the reason (`hune_guest_protection_reason`)."""
