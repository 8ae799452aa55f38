"""Certificates that probes are shown, as promtool evaluates the rules."""

from __future__ import annotations

from pathlib import Path

import pytest

from hune.site.models import Site
from support.promtool import World, firing, make_site, message, run

DAY = 86_400
WARNED = {"probe": "web", "severity": "warning"}
ENDING = {"probe": "web", "severity": "critical"}


def probed(**changes: object) -> Site:
    return make_site(probes=[{"name": "web", "type": "http", "target": "https://web.example/", **changes}])


def shown(told: dict[int, float | None], seconds: int) -> World:
    """Return a world in which a probe is shown a certificate that is valid for so many days, from each second on."""
    ends = {second: None if days is None else second + days * DAY for second, days in told.items()}
    world = World(seconds)
    series = 'probe_ssl_earliest_cert_expiry{job="probe",probe="web",type="http",instance="https://web.example/"}'
    return world.put(series, ends)


@pytest.mark.parametrize("days", [14.5, 400.0])
def test_certificate_that_is_valid_for_long_is_no_alert(tmp_path: Path, days: float) -> None:
    names = ("ProbeCertificateExpiring", "ProbeCertificateEnding")
    run(tmp_path, probed(), shown({0: days}, 90), *(firing(75, name) for name in names))


def test_certificate_warns_then_is_critical_and_is_over_when_a_new_one_is_shown(tmp_path: Path) -> None:
    # While nothing is measured nothing is over.
    world = shown({0: 13.0, 60: 2.0, 120: None, 240: 80.0}, 300)
    run(
        tmp_path,
        probed(),
        world,
        firing(45, "ProbeCertificateExpiring", WARNED),
        firing(45, "ProbeCertificateEnding"),
        firing(90, "ProbeCertificateEnding", ENDING),
        firing(230, "ProbeCertificateExpiring", WARNED),
        firing(230, "ProbeCertificateEnding", ENDING),
        firing(270, "ProbeCertificateExpiring"),
        firing(270, "ProbeCertificateEnding"),
        message(
            45,
            "ProbeCertificateExpiring",
            WARNED,
            {
                "summary": "Probe web: its certificate is valid for 13.0 more days, limit 14 days",
                "description": "The first of the certificates that the target shows to end;"
                " whatever trusts it fails from then on.",
                "runbook_url": "https://hune.example/runbooks/ProbeCertificateExpiring",
                "value": "13.0",
                "unit": "d",
                "threshold": "14",
            },
        ),
    )


def test_limits_are_those_of_the_probe(tmp_path: Path) -> None:
    site = probed(certificate_days=30, certificate_critical_days=20)
    run(
        tmp_path,
        site,
        shown({0: 25.0, 60: 19.0}, 100),
        firing(45, "ProbeCertificateExpiring", WARNED),
        firing(45, "ProbeCertificateEnding"),
        firing(90, "ProbeCertificateEnding", ENDING),
    )


def test_probe_taken_out_of_the_site_ends_its_alert(tmp_path: Path) -> None:
    site = make_site(probes=[{"name": "other", "type": "tls", "target": "web.example:443"}])
    run(tmp_path, site, shown({0: 1.0}, 60), firing(45, "ProbeCertificateEnding"))
