"""What the hub says of the chain that brings it alerts, and of those who must report, in the languages of a site."""

from __future__ import annotations

from collections.abc import Mapping

from hune.alerting.words.forms import Words

WORDS_CHAIN: Mapping[str, Mapping[str, Words]] = {
    "en": {
        "ChainBroken": Words(
            "Alerts don't arrive",
            "Alerts don't arrive: the Watchdog is not heard any more",
            "An alert that always fires has not come through Prometheus and Alertmanager: no other would either.",
        ),
        "HeartbeatMissed": Words(
            "Heartbeat missed",
            "{heartbeat} does not say that all is well",
            "It must report here, and has not in time; or it reports that something is wrong with it.",
        ),
    },
    "fr": {
        "ChainBroken": Words(
            "Les alertes n'arrivent plus",
            "Les alertes n'arrivent plus : le témoin ne se fait plus entendre",
            "Une alerte toujours active n'est pas venue par Prometheus et Alertmanager : aucune autre ne viendrait.",
        ),
        "HeartbeatMissed": Words(
            "Battement manqué",
            "{heartbeat} ne dit plus que tout va bien",
            "Il doit se signaler ici et ne l'a pas fait à temps, ou bien il signale que quelque chose ne va pas.",
        ),
    },
}

FOUND: Mapping[str, Mapping[str, str]] = {
    "en": {
        "prometheus_silent": "Prometheus can't be asked.",
        "rules_stuck": "Prometheus answers, but evaluates no rules.",
        "no_watchdog": "Prometheus evaluates its rules, but the Watchdog is none of them.",
        "evaluates": "Prometheus evaluates its rules.",
        "alertmanager_silent": "Alertmanager can't be asked.",
        "not_known_there": "Alertmanager answers, but knows nothing of the Watchdog.",
        "silenced": "In Alertmanager the Watchdog is silenced.",
        "not_sent": "Alertmanager has the Watchdog, and doesn't send it here.",
    },
    "fr": {
        "prometheus_silent": "Prometheus ne répond pas.",
        "rules_stuck": "Prometheus répond, mais n'évalue aucune règle.",
        "no_watchdog": "Prometheus évalue ses règles, mais le témoin n'en fait pas partie.",
        "evaluates": "Prometheus évalue ses règles.",
        "alertmanager_silent": "Alertmanager ne répond pas.",
        "not_known_there": "Alertmanager répond, mais ne connaît pas le témoin.",
        "silenced": "Dans Alertmanager, le témoin est mis en silence.",
        "not_sent": "Alertmanager a le témoin, mais ne l'envoie pas ici.",
    },
}
"""What was found when the engines were asked, by key."""
