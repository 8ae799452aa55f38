"""What alerts about machines say to people, in the languages of a site."""

from __future__ import annotations

from collections.abc import Mapping

from hune.alerting.words.forms import Words

WORDS_MACHINE: Mapping[str, Mapping[str, Words]] = {
    "en": {
        "FilesystemFilling": Words(
            "File system filling",
            "{node}: {filesystem} is {value} % full, limit {threshold} %",
            "Make room, or give it more, before writing fails.",
        ),
        "FilesystemFull": Words(
            "File system full",
            "{node}: {filesystem} is {value} % full, limit {threshold} %",
            "When nothing is left, services stop writing: logs, databases and guests fail first.",
        ),
        "FilesystemReadOnly": Words(
            "File system read-only",
            "{node}: {filesystem} can't be written any more",
            "It could within the last hour. The kernel sets a file system read-only when its disk returns errors.",
        ),
        "InodesShort": Words(
            "Inodes short",
            "{node}: {value} % of the inodes of {filesystem} are taken, limit {threshold} %",
            "Without inodes no file can be made, however much room is left.",
        ),
        "MemoryShort": Words(
            "Memory short",
            "{node}: {value} % of memory left, limit {threshold} %",
            "Little is left that processes could get. When it ends, the kernel kills one of them.",
        ),
        "OutOfMemory": Words(
            "Out of memory",
            "{node}: processes killed by the kernel for want of memory: {value}",
            "Within the last 15 minutes, in the machine as a whole or in one container with a limit of its own.",
        ),
        "PressureHigh": Words(
            "Under pressure",
            "{node}: all work waits for its {resource}, {value} % of the time",
            "Averaged over 5 minutes; limit {threshold} %. While all processes wait, nothing gets done.",
        ),
        "UnitFailed": Words(
            "Unit failed",
            "{node}: {unit} failed",
            "The service manager gave it up; it stays down until somebody starts it.",
        ),
        "RaidDegraded": Words(
            "RAID degraded",
            "{node}: {array} lacks a disk",
            "The array works without spare; one more disk, and its data is lost. Over when it is complete again.",
        ),
        "PoolDegraded": Words(
            "ZFS pool degraded",
            "{node}: pool {pool} is not online",
            "A device of the pool is missing or faulty.",
        ),
        "SmartFailing": Words(
            "Disk failing",
            "{node}: {disk} says that it is failing",
            "The disk's own self-assessment (SMART) is no longer passed.",
        ),
        "BondDegraded": Words(
            "Bond degraded",
            "{node}: ports that {bond} lacks: {value}",
            "It works over those that are left.",
        ),
        "ClockWrong": Words(
            "Clock wrong",
            "{node}: its clock differs from this machine's by {value} s",
            "More than {threshold} s. Clusters, certificates and logs suffer. One of the two is wrong.",
        ),
        "ClockUnsynchronised": Words(
            "Clock not kept",
            "{node}: nothing keeps its clock right any more",
            "It was synchronised within the last day and is not now.",
        ),
    },
    "fr": {
        "FilesystemFilling": Words(
            "Système de fichiers bientôt plein",
            "{node} : {filesystem} est plein à {value} %, limite {threshold} %",
            "Libérez ou ajoutez de la place avant que les écritures n'échouent.",
        ),
        "FilesystemFull": Words(
            "Système de fichiers plein",
            "{node} : {filesystem} est plein à {value} %, limite {threshold} %",
            "Quand il ne reste rien, les services n'écrivent plus : journaux, bases et invités échouent d'abord.",
        ),
        "FilesystemReadOnly": Words(
            "Système de fichiers en lecture seule",
            "{node} : on ne peut plus écrire sur {filesystem}",
            "On le pouvait il y a moins d'une heure. Le noyau l'interdit quand le disque renvoie des erreurs.",
        ),
        "InodesShort": Words(
            "Bientôt plus d'inodes",
            "{node} : {value} % des inodes de {filesystem} sont pris, limite {threshold} %",
            "Sans inode, aucun fichier ne peut être créé, quelle que soit la place restante.",
        ),
        "MemoryShort": Words(
            "Mémoire insuffisante",
            "{node} : il reste {value} % de mémoire, limite {threshold} %",
            "Il reste peu à donner aux processus. Quand il n'y a plus rien, le noyau en tue un.",
        ),
        "OutOfMemory": Words(
            "Mémoire épuisée",
            "{node} : processus tués par le noyau faute de mémoire : {value}",
            "Pendant les 15 dernières minutes, dans toute la machine ou dans un conteneur qui a sa propre limite.",
        ),
        "PressureHigh": Words(
            "Sous pression",
            "{node} : tout le travail attend ({resource}), {value} % du temps",
            "Moyenne sur 5 minutes ; limite {threshold} %. Tant que tous les processus attendent, rien n'avance.",
        ),
        "UnitFailed": Words(
            "Service en échec",
            "{node} : {unit} a échoué",
            "Le gestionnaire de services y a renoncé ; il reste arrêté jusqu'à ce que quelqu'un le démarre.",
        ),
        "RaidDegraded": Words(
            "RAID dégradé",
            "{node} : il manque un disque à {array}",
            "La grappe marche sans réserve ; un disque de plus, et ses données sont perdues. Fini une fois complète.",
        ),
        "PoolDegraded": Words(
            "Pool ZFS dégradé",
            "{node} : le pool {pool} n'est pas en ligne",
            "Un périphérique du pool manque ou est défectueux.",
        ),
        "SmartFailing": Words(
            "Disque défaillant",
            "{node} : {disk} annonce sa propre défaillance",
            "L'autodiagnostic du disque (SMART) n'est plus réussi.",
        ),
        "BondDegraded": Words(
            "Agrégat dégradé",
            "{node} : ports qui manquent à {bond} : {value}",
            "Il marche avec ceux qui restent.",
        ),
        "ClockWrong": Words(
            "Horloge fausse",
            "{node} : son horloge diffère de {value} s de celle de cette machine",
            "Plus de {threshold} s. Clusters, certificats et journaux en souffrent. L'une des deux est fausse.",
        ),
        "ClockUnsynchronised": Words(
            "Horloge non tenue",
            "{node} : plus rien ne tient son horloge à l'heure",
            "Elle était synchronisée il y a moins d'un jour et ne l'est plus.",
        ),
    },
}
