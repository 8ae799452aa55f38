"""The one thing to do next about each alert of the catalogue, in the site's languages."""

from __future__ import annotations

from collections.abc import Mapping

NEXT_STEPS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "CpuHot": "Look at what is running there (top), then at the fan and the air around the machine.",
        "CpuSensorLost": "Run `sensors` on the machine; if it says nothing, load coretemp or k10temp.",
        "NodeDown": "Try its console or power button; ask a neighbour on the same switch whether it is alone.",
        "ExporterSilent": "Run `systemctl restart prometheus-node-exporter` on the machine.",
        "CutOff": "Check the network of the machine that Hune runs on: cable, switch, `ip route`.",
        "LinkDown": "Check cable, transceiver and the switch's port; then `ip link show` on the machine.",
        "LinkSlow": "Reseat the transceiver, try another cable, compare the switch's setting; see `ethtool`.",
        "LinkFlapping": "Reseat or replace cable and transceiver; read `dmesg` for the port.",
        "LinkErrors": "Clean or replace the fibre or cable; `ethtool -S` tells which errors grow.",
        "ProbeFailed": "Try the target by hand from the machine that Hune runs on.",
    },
    "fr": {
        "CpuHot": "Regardez ce qui y tourne (top), puis le ventilateur et l'air autour de la machine.",
        "CpuSensorLost": "Lancez `sensors` sur la machine ; s'il ne dit rien, chargez coretemp ou k10temp.",
        "NodeDown": "Essayez sa console ou son bouton ; demandez à un voisin du même switch s'il est seul.",
        "ExporterSilent": "Lancez `systemctl restart prometheus-node-exporter` sur la machine.",
        "CutOff": "Vérifiez le réseau de la machine où tourne Hune : câble, switch, `ip route`.",
        "LinkDown": "Vérifiez câble, module et port du switch ; puis `ip link show` sur la machine.",
        "LinkSlow": "Rebranchez le module, essayez un autre câble, comparez le réglage du switch ; voyez `ethtool`.",
        "LinkFlapping": "Rebranchez ou remplacez câble et module ; lisez `dmesg` pour ce port.",
        "LinkErrors": "Nettoyez ou remplacez la fibre ou le câble ; `ethtool -S` dit quelles erreurs augmentent.",
        "ProbeFailed": "Essayez la cible à la main depuis la machine où tourne Hune.",
    },
}
