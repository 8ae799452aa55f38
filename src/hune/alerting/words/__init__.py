"""What alerts say to people, in the languages of a site.

`{node}`, `{value}`, `{threshold}` and the like stand for what the rule knows when it fires; `rules` puts the templates
of Prometheus in their place.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from hune.alerting.words.chain import WORDS_CHAIN
from hune.alerting.words.forms import Words
from hune.alerting.words.machine import WORDS_MACHINE
from hune.alerting.words.own import WORDS_OWN
from hune.alerting.words.proxmox import WORDS_PVE

__all__ = ["WORDS", "Words", "described"]

_ENGLISH: dict[str, Words] = {
    "CpuHot": Words(
        "CPU too hot",
        "{node}: CPU at {value} °C, limit {threshold} °C",
        "The hottest sensor of {chip} is above its limit. Over when it is measured below {clear} °C.",
    ),
    "CpuSensorLost": Words(
        "CPU sensor lost",
        "{node}: no CPU temperature any more",
        "The node answers, but {chip} has reported no temperature for 5 minutes: heat would go unseen.",
    ),
    "NodeDown": Words(
        "Node down",
        "{node} is down",
        "Neither the machine nor its node exporter has answered for 3 seconds. Its last values are kept as they were.",
    ),
    "ExporterSilent": Words(
        "Exporter silent",
        "{node}: the node exporter is silent",
        "The machine answers, but its node exporter has not for {limit} seconds: nothing is measured there.",
    ),
    "CutOff": Words(
        "Hune is cut off",
        "Hune is cut off: no remote node answers",
        "All remote nodes fell silent together, which points to the network of this machine. Nothing is known of them.",
    ),
    "LinkDown": Words(
        "Link down",
        "{node}: port {port} is down",
        "The watched port has no link, was set down, or is gone from the machine.",
    ),
    "LinkSlow": Words(
        "Link slow",
        "{node}: port {port} runs at {value} Gbit/s instead of {threshold}",
        "The port negotiated less than the speed it should have.",
    ),
    "LinkFlapping": Words(
        "Link flapping",
        "{node}: port {port} went down and up {value} times in 15 minutes",
        "A link that comes and goes disturbs everything that runs over it. Limit: {threshold} times.",
    ),
    "LinkErrors": Words(
        "Link errors",
        "{node}: {value} % of the packets on port {port} are bad",
        "More than {threshold} % of the packets of one direction were errors in the last 5 minutes.",
    ),
    "ProbeFailed": Words(
        "Probe failed",
        "Probe {probe} fails",
        "It has not succeeded for more than two of its intervals.",
    ),
    "ProbeCertificateExpiring": Words(
        "Certificate expiring",
        "Probe {probe}: its certificate is valid for {value} more days, limit {threshold} days",
        "The first of the certificates that the target shows to end; whatever trusts it fails from then on.",
    ),
    "ProbeCertificateEnding": Words(
        "Certificate about to end",
        "Probe {probe}: its certificate ends in {value} days, limit {threshold} days",
        "From then on browsers and programs refuse the target, as if it were down.",
    ),
    "Watchdog": Words(
        "Watchdog",
        "The alerting chain works",
        "Always firing: whoever stops hearing it knows that alerts no longer arrive.",
    ),
    "DailyTest": Words(
        "Daily test",
        "Alerts reach {receiver}",
        "This message came from a rule through Prometheus, Alertmanager and the hub, as every alert does.",
    ),
}

_FRENCH: dict[str, Words] = {
    "CpuHot": Words(
        "Processeur trop chaud",
        "{node} : processeur à {value} °C, limite {threshold} °C",
        "Le capteur le plus chaud de {chip} dépasse sa limite. Terminé dès qu'une mesure passe sous {clear} °C.",
    ),
    "CpuSensorLost": Words(
        "Capteur du processeur perdu",
        "{node} : plus de température du processeur",
        "Le nœud répond, mais {chip} ne donne plus de température depuis 5 minutes : il chaufferait sans être vu.",
    ),
    "NodeDown": Words(
        "Nœud arrêté",
        "{node} ne répond plus",
        "Ni la machine ni son node exporter n'ont répondu depuis 3 secondes. Ses dernières valeurs sont conservées.",
    ),
    "ExporterSilent": Words(
        "Exporteur muet",
        "{node} : le node exporter est muet",
        "La machine répond, mais son node exporter se tait depuis {limit} secondes : rien n'y est mesuré.",
    ),
    "CutOff": Words(
        "Hune est isolé",
        "Hune est isolé : aucun nœud distant ne répond",
        "Tous les nœuds distants se sont tus ensemble : c'est sans doute le réseau de cette machine.",
    ),
    "LinkDown": Words(
        "Lien coupé",
        "{node} : le port {port} est coupé",
        "Le port surveillé n'a pas de lien, a été désactivé ou a disparu de la machine.",
    ),
    "LinkSlow": Words(
        "Lien lent",
        "{node} : le port {port} est à {value} Gbit/s au lieu de {threshold}",
        "Le port a négocié moins que le débit attendu.",
    ),
    "LinkFlapping": Words(
        "Lien instable",
        "{node} : le port {port} a été coupé et rétabli {value} fois en 15 minutes",
        "Un lien qui va et vient perturbe tout ce qui passe par lui. Limite : {threshold} fois.",
    ),
    "LinkErrors": Words(
        "Erreurs sur un lien",
        "{node} : {value} % de paquets erronés sur le port {port}",
        "Plus de {threshold} % des paquets d'un sens étaient erronés pendant les 5 dernières minutes.",
    ),
    "ProbeFailed": Words(
        "Sonde en échec",
        "La sonde {probe} échoue",
        "Elle n'a pas réussi depuis plus de deux de ses intervalles.",
    ),
    "ProbeCertificateExpiring": Words(
        "Certificat bientôt expiré",
        "Sonde {probe} : son certificat est encore valable {value} jours, limite {threshold} jours",
        "Le premier à expirer des certificats que la cible présente ; tout ce qui s'y fie échouera dès lors.",
    ),
    "ProbeCertificateEnding": Words(
        "Certificat sur le point d'expirer",
        "Sonde {probe} : son certificat expire dans {value} jours, limite {threshold} jours",
        "Dès lors navigateurs et programmes refuseront la cible, comme si elle était arrêtée.",
    ),
    "Watchdog": Words(
        "Témoin",
        "La chaîne d'alerte fonctionne",
        "Toujours actif : qui ne l'entend plus sait que les alertes n'arrivent plus.",
    ),
    "DailyTest": Words(
        "Essai quotidien",
        "Les alertes arrivent à {receiver}",
        "Ce message vient d'une règle par Prometheus, Alertmanager et le hub, comme toute alerte.",
    ),
}

WORDS: Mapping[str, Mapping[str, Words]] = {
    "en": {**_ENGLISH, **WORDS_CHAIN["en"], **WORDS_MACHINE["en"], **WORDS_OWN["en"], **WORDS_PVE["en"]},
    "fr": {**_FRENCH, **WORDS_CHAIN["fr"], **WORDS_MACHINE["fr"], **WORDS_OWN["fr"], **WORDS_PVE["fr"]},
}


def described(name: str, description: str, language: str) -> str:
    """Return what an alert says of itself in another language, with the values that it gives; else as it is."""
    wanted = WORDS[language].get(name)
    if wanted is None:
        return description
    for words in WORDS.values():
        if said := re.fullmatch(_expression(words[name].description), description, re.DOTALL):
            return wanted.description.format(**said.groupdict())
    return description


def _expression(template: str) -> str:
    """Return a regular expression that matches what a template becomes, a group for each of its values."""
    return re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>.*)", re.escape(template))
