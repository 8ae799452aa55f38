"""The site's probes and the watchdog, as promtool evaluates the rules."""

from pathlib import Path

from hune.site.models import Site
from support.promtool import World, firing, make_site, message, run


def probed(*probes: dict[str, object]) -> Site:
    return make_site(probes=[{"type": "http", "target": "http://web.example/", **probe} for probe in probes])


def tries(probe: str, told: dict[int, float | None], seconds: int, every: int) -> World:
    """Return a world in which a probe is tried every so many seconds."""
    samples: dict[int, float | None] = {}
    for second in range(seconds):
        before = max(since for since in told if since <= second)
        samples[second] = told[before] if second % every == 0 else None
    world = World(seconds)
    series = f'probe_success{{job="probe",probe="{probe}",type="http",instance="http://web.example/"}}'
    world.series[series] = ["_" if value is None else value for value in samples.values()]
    return world


def test_probe_is_told_after_more_than_two_intervals_with_the_severity_of_the_site(tmp_path: Path) -> None:
    site = probed({"name": "web", "severity": "warning"})
    web = {"probe": "web", "type": "http", "severity": "warning"}
    run(
        tmp_path,
        site,
        tries("web", {0: 1, 60: 0, 150: 1}, 180, every=15),
        firing(75, "ProbeFailed"),
        firing(85, "ProbeFailed", web),
        firing(149, "ProbeFailed", web),
        firing(150, "ProbeFailed"),
        message(
            90,
            "ProbeFailed",
            web,
            {
                "summary": "Probe web fails",
                "description": "It has not succeeded for more than two of its intervals.",
                "runbook_url": "https://hune.example/runbooks/ProbeFailed",
            },
        ),
    )


def test_probe_of_its_own_interval_takes_its_own_time(tmp_path: Path) -> None:
    site = probed({"name": "web"}, {"name": "slow", "interval_seconds": 60})
    slow = {"probe": "slow", "type": "http", "severity": "critical"}
    world = tries("slow", {0: 1, 60: 0}, 300, every=60)
    run(tmp_path, site, world, firing(140, "ProbeFailed"), firing(160, "ProbeFailed", slow))


def test_one_failure_is_forgiven(tmp_path: Path) -> None:
    world = tries("web", {0: 1, 60: 0, 75: 1}, 120, every=15)
    quiet = [firing(second, "ProbeFailed") for second in range(60, 120, 5)]
    run(tmp_path, probed({"name": "web"}), world, *quiet)


def test_probe_that_is_not_tried_any_more_stays_as_it_was(tmp_path: Path) -> None:
    web = {"probe": "web", "type": "http", "severity": "critical"}
    world = tries("web", {0: 0, 60: None, 300: 1}, 320, every=15)
    run(
        tmp_path,
        probed({"name": "web"}, {"name": "never"}),
        world,
        firing(10, "ProbeFailed"),
        firing(50, "ProbeFailed", web),
        firing(299, "ProbeFailed", web),
        firing(300, "ProbeFailed"),
    )


def test_watchdog_always_fires(tmp_path: Path, site: Site) -> None:
    run(
        tmp_path,
        site,
        World(20),
        firing(0, "Watchdog", {"severity": "none"}),
        firing(15, "Watchdog", {"severity": "none"}),
    )


def test_daily_test_fires_for_a_minute_for_the_receiver_that_wants_it(tmp_path: Path, site: Site) -> None:
    wanted = [{"name": "mail", "discord": {"webhook": "env:A"}, "daily_test": "00:01"}]
    tested = Site.model_validate({**site.model_dump(), "receivers": wanted, "routes": []})
    told = {"severity": "info", "receiver": "mail"}
    run(
        tmp_path,
        tested,
        World(150),
        firing(59, "DailyTest"),
        firing(61, "DailyTest", told),
        firing(119, "DailyTest", told),
        firing(121, "DailyTest"),
    )
