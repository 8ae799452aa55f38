"""What alerts about Hune itself say to people, in the languages of a site."""

from __future__ import annotations

from collections.abc import Mapping

from hune.alerting.words.forms import Words

WORDS_OWN: Mapping[str, Mapping[str, Words]] = {
    "en": {
        "ServiceDown": Words(
            "Part of Hune is down",
            "Hune: {service} does not answer",
            "Prometheus could not read its metrics for 2 minutes. What it does for you is not done meanwhile.",
        ),
        "ConfigurationRefused": Words(
            "Configuration refused",
            "Hune: {service} refused its new configuration",
            "It works on with the one before: what was changed in the site does not hold.",
        ),
        "RulesFailing": Words(
            "Rules failing",
            "Hune: {value} evaluations of the rules {rule_group} failed in 5 minutes",
            "Alerts of this group may stay away as long as they fail.",
        ),
        "RulesLate": Words(
            "Rules late",
            "Hune: {value} % of the evaluations of {rule_group} are left out, limit {threshold} %",
            "Prometheus is too slow for its rules, and has been for 10 minutes: alerts come later than they should.",
        ),
        "ScrapesRefused": Words(
            "Scrapes refused",
            "Hune: {value} scrapes of 10 minutes were refused as too large",
            "A target exposes more than Hune takes; of that scrape nothing is kept.",
        ),
        "PrometheusDiskFailing": Words(
            "Prometheus can't store",
            "Hune: Prometheus failed {value} times to write or tidy up its data in 15 minutes",
            "Its disk is full or fails. Rules work on with what is in memory, until a restart.",
        ),
        "PrometheusDamaged": Words(
            "Samples damaged",
            "Hune: Prometheus found its log damaged when it started, {value} times",
            "It was repaired by leaving out what followed the damage: of the hours before, samples may be missing.",
        ),
        "AlertsRefused": Words(
            "Alerts not handed on",
            "Hune: {service} failed {value} times in 2 minutes to hand alerts on",
            "Prometheus hands alerts to Alertmanager, and that to the hub. For 5 minutes some were not taken.",
        ),
        "ReceiverFailing": Words(
            "Receiver failing",
            "Hune: {receiver} has not taken a message for {value} s, limit {threshold} s",
            "Whoever hears of alerts only there is told nothing. What waits is kept and tried again.",
        ),
        "MessagesRefused": Words(
            "Messages refused",
            "Hune: messages that {receiver} refused for good: {value}",
            "They are kept until somebody sends them again or discards them.",
        ),
        "HubDiskFull": Words(
            "The hub's disk is full",
            "Hune: the hub lives on its reserve, {value} MB left, limit {threshold} MB",
            "Alerts are still taken and told from space set aside. When it ends, new ones are refused.",
        ),
        "HubBlind": Words(
            "The hub can't ask Prometheus",
            "Hune: the hub can't ask Prometheus whether alerts are over",
            "New alerts are told all the same; that one is over is not told until Prometheus answers.",
        ),
        "StoreBehind": Words(
            "Store behind",
            "Hune: {service} is {value} s behind, limit {threshold} s",
            "Prometheus has not caught up with writing for 10 minutes. It keeps what is missing for some hours.",
        ),
        "StoreLosing": Words(
            "Store refuses samples",
            "Hune: {service} refused {value} samples in 15 minutes",
            "They are lost to the history; Prometheus itself has them.",
        ),
        "StoreIncomplete": Words(
            "History incomplete",
            "Hune: {service} lacks what happened since {value} h ago, limit {threshold} h",
            "After an outage the conductor sends the missing samples again, and does not get through with it.",
        ),
        "StoreShort": Words(
            "Store short of space",
            "Hune: {service} has {value} GB left, needs {threshold} GB",
            "That is what it grew by in 3 days, and no less than 1 GB. It stops storing when nothing is left.",
        ),
        "StoreReadOnly": Words(
            "Store read-only",
            "Hune: {service} stores nothing any more, its disk is full",
            "Prometheus keeps what is missing for some hours, and writes it when there is room again.",
        ),
        "DatabaseDown": Words(
            "Database down",
            "Hune: the database behind {service} does not answer",
            "Samples are not written to PostgreSQL meanwhile; Prometheus keeps them for some hours.",
        ),
    },
    "fr": {
        "ServiceDown": Words(
            "Une partie de Hune est arrêtée",
            "Hune : {service} ne répond pas",
            "Prometheus n'a pas pu lire ses mesures depuis 2 minutes. Ce qu'il fait pour vous n'est pas fait.",
        ),
        "ConfigurationRefused": Words(
            "Configuration refusée",
            "Hune : {service} a refusé sa nouvelle configuration",
            "Il travaille avec la précédente : ce qui a changé dans le site n'a pas d'effet.",
        ),
        "RulesFailing": Words(
            "Règles en échec",
            "Hune : {value} évaluations des règles {rule_group} ont échoué en 5 minutes",
            "Tant qu'elles échouent, les alertes de ce groupe peuvent manquer.",
        ),
        "RulesLate": Words(
            "Règles en retard",
            "Hune : {value} % des évaluations de {rule_group} sont omises, limite {threshold} %",
            "Prometheus est trop lent pour ses règles depuis 10 minutes : les alertes viennent plus tard que prévu.",
        ),
        "ScrapesRefused": Words(
            "Relevés refusés",
            "Hune : {value} relevés ont été refusés en 10 minutes, car trop grands",
            "Une cible expose plus que Hune n'accepte ; rien n'est gardé de ce relevé.",
        ),
        "PrometheusDiskFailing": Words(
            "Prometheus ne peut plus stocker",
            "Hune : Prometheus a échoué {value} fois à écrire ou ranger ses données en 15 minutes",
            "Son disque est plein ou défaillant. Les règles continuent en mémoire, jusqu'à un redémarrage.",
        ),
        "PrometheusDamaged": Words(
            "Échantillons endommagés",
            "Hune : Prometheus a trouvé son journal endommagé au démarrage, {value} fois",
            "Il l'a réparé en omettant la suite : il peut manquer des échantillons des heures précédentes.",
        ),
        "AlertsRefused": Words(
            "Alertes non transmises",
            "Hune : {service} a échoué {value} fois en 2 minutes à transmettre des alertes",
            "Prometheus les remet à Alertmanager, et lui au hub. Depuis 5 minutes certaines ne sont pas prises.",
        ),
        "ReceiverFailing": Words(
            "Destinataire en panne",
            "Hune : {receiver} ne prend plus de message depuis {value} s, limite {threshold} s",
            "Qui n'est prévenu que là n'apprend rien. Ce qui attend est gardé et réessayé.",
        ),
        "MessagesRefused": Words(
            "Messages refusés",
            "Hune : messages que {receiver} a refusés pour de bon : {value}",
            "Ils sont gardés jusqu'à ce que quelqu'un les renvoie ou les écarte.",
        ),
        "HubDiskFull": Words(
            "Le disque du hub est plein",
            "Hune : le hub vit sur sa réserve, il reste {value} Mo, limite {threshold} Mo",
            "Les alertes sont encore prises et transmises grâce à la réserve. Ensuite, les nouvelles seront refusées.",
        ),
        "HubBlind": Words(
            "Le hub ne peut pas interroger Prometheus",
            "Hune : le hub ne peut pas demander à Prometheus si les alertes sont finies",
            "Les nouvelles alertes sont transmises quand même ; la fin d'une alerte ne l'est pas d'ici là.",
        ),
        "StoreBehind": Words(
            "Stockage en retard",
            "Hune : {service} a {value} s de retard, limite {threshold} s",
            "Prometheus n'a pas rattrapé son retard depuis 10 minutes. Il garde quelques heures ce qui manque.",
        ),
        "StoreLosing": Words(
            "Le stockage refuse des échantillons",
            "Hune : {service} a refusé {value} échantillons en 15 minutes",
            "Ils manqueront à l'historique ; Prometheus lui-même les a.",
        ),
        "StoreIncomplete": Words(
            "Historique incomplet",
            "Hune : il manque à {service} ce qui s'est passé depuis {value} h, limite {threshold} h",
            "Après une panne, Hune renvoie les échantillons manquants, et n'y parvient pas.",
        ),
        "StoreShort": Words(
            "Stockage à l'étroit",
            "Hune : il reste {value} Go à {service}, il lui faut {threshold} Go",
            "C'est sa croissance en 3 jours, et au moins 1 Go. Il cesse de stocker quand il ne reste rien.",
        ),
        "StoreReadOnly": Words(
            "Stockage en lecture seule",
            "Hune : {service} ne stocke plus rien, son disque est plein",
            "Prometheus garde quelques heures ce qui manque, et l'écrit dès qu'il y a de la place.",
        ),
        "DatabaseDown": Words(
            "Base de données arrêtée",
            "Hune : la base de données derrière {service} ne répond pas",
            "Rien n'est écrit dans PostgreSQL pendant ce temps ; Prometheus le garde quelques heures.",
        ),
    },
}
