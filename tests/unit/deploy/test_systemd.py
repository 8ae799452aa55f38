"""The units, as text."""

import re
import shlex
import subprocess

import pytest

from hune.core.errors import InputError
from hune.deploy.systemd import Place, command, conductor_unit, render_conductor, render_processes
from hune.site.models import Site
from support.sites import ELSEWHERE, EXAMPLES, ODD, example, site_of

SITES = {path.stem: example(path) for path in EXAMPLES} | {"odd": site_of(ODD), "elsewhere": site_of(ELSEWHERE)}


def settings(unit: str) -> dict[str, list[str]]:
    """Return the values of each key of a unit."""
    found: dict[str, list[str]] = {}
    for key, value in re.findall(r"^([A-Za-z]+)=(.*)$", unit, re.MULTILINE):
        found.setdefault(key, []).append(value)
    return found


def test_conductor_runs_hune_up_as_its_own_user() -> None:
    unit = settings(conductor_unit(Place(site_file="/etc/hune/site.yaml")))
    assert unit["ExecStart"] == ["/opt/hune/bin/hune up --data-dir /var/lib/hune --site /etc/hune/site.yaml"]
    assert unit["ExecReload"] == ["/opt/hune/bin/hune reload --data-dir /var/lib/hune"]
    assert unit["User"] == ["hune"]
    assert unit["StateDirectory"] == ["hune"]
    assert unit["WantedBy"] == ["multi-user.target"]


def test_conductor_holds_no_capability_and_writes_nowhere_else() -> None:
    unit = settings(conductor_unit(Place()))
    assert unit["CapabilityBoundingSet"] == [""]
    assert unit["NoNewPrivileges"] == ["yes"]
    assert unit["ProtectSystem"] == ["strict"]
    assert "ReadWritePaths" not in unit


def test_children_can_be_started_and_measure() -> None:
    unit = settings(conductor_unit(Place()))
    # setpriv needs capset, the node exporter the clock's state, other users' mounts and rtnetlink.
    assert unit["SystemCallFilter"][-1] == "capset adjtimex clock_adjtime"
    assert "ProtectClock" not in unit
    assert "ProtectProc" not in unit
    assert "AF_NETLINK" in unit["RestrictAddressFamilies"][0]
    # Home's file systems are measured, so they are there.
    assert unit["ProtectHome"] == ["read-only"]


def test_data_elsewhere_is_opened_by_name() -> None:
    unit = settings(conductor_unit(Place(data_dir="/srv/hune data")))
    assert unit["ReadWritePaths"] == ["/srv/hune data"]
    assert "StateDirectory" not in unit


def test_unit_of_a_user_names_no_user_and_starts_with_them() -> None:
    unit = settings(conductor_unit(Place(), of_user=True))
    assert "User" not in unit
    assert "ProtectSystem" not in unit
    assert unit["WantedBy"] == ["default.target"]
    assert unit["NoNewPrivileges"] == ["yes"]


def test_ping_is_permitted_without_a_capability() -> None:
    rendered = render_conductor(Place()).files
    assert "net.ipv4.ping_group_range = 0 2147483647" in rendered["hune.sysctl.conf"]
    assert 'u hune - "Hune" /var/lib/hune' in rendered["hune.sysusers.conf"]


@pytest.mark.parametrize("site", SITES.values(), ids=SITES.keys())
def test_each_process_has_a_unit_that_the_target_wants(site: Site) -> None:
    files = render_processes(site, Place()).files
    units = {path for path in files if path.endswith(".service")}
    assert set(settings(files["hune.target"])["Wants"][0].split()) == units
    for path in units:
        unit = settings(files[path])
        assert unit["WantedBy"] == ["hune.target"]
        assert unit["CapabilityBoundingSet"] == [""]
        assert unit["StateDirectory"][0].startswith("hune/data/")


def test_processes_start_in_the_plan_s_order() -> None:
    files = render_processes(site_of("name: a"), Place()).files
    after = settings(files["hune-prometheus.service"])["After"][0].split()
    assert after == ["network-online.target", "hune-victoriametrics.service", "hune-alertmanager.service"]


def test_files_lie_where_the_processes_read_them() -> None:
    files = render_processes(site_of("name: a"), Place()).files
    assert "--config.file=/var/lib/hune/config/prometheus.yml" in files["hune-prometheus.service"]
    assert {"config/prometheus.yml", "config/alertmanager.yml", "config/blackbox.yml", "config/site.json"} <= set(files)


def test_engine_of_the_site_is_the_program() -> None:
    files = render_processes(site_of("engines: {prometheus: {path: /opt/prom/prometheus}}"), Place()).files
    assert settings(files["hune-prometheus.service"])["ExecStart"][0].startswith("/opt/prom/prometheus ")


@pytest.mark.parametrize(
    ("argument", "written"),
    [
        ("--flag=a/b.c", "--flag=a/b.c"),
        ("^(veth|tap).*$", "^(veth|tap).*$$"),
        ("100%", "100%%"),
        ("two words", '"two words"'),
        ('say "it"', '"say \\"it\\""'),
        ("back\\slash", '"back\\\\slash"'),
        ("", '""'),
        ("a;b", '"a;b"'),
        ("$HOME", "$$HOME"),
    ],
)
def test_arguments_reach_the_program_as_they_are(argument: str, written: str) -> None:
    assert command(["/bin/x", argument]) == f"/bin/x {written}"
    assert shlex.split(command(["/bin/x", argument]).replace("$$", "$").replace("%%", "%"))[1:] == [argument]


@pytest.mark.parametrize("program", ["hune", "/opt/it's/hune", '/opt/"x"/hune', "/opt/a\\b/hune"])
def test_program_that_systemd_would_not_start_is_refused(program: str) -> None:
    with pytest.raises(InputError, match="give an absolute path without quotes"):
        conductor_unit(Place(program=program))


def test_line_break_in_the_site_begins_no_setting() -> None:
    hostile = site_of('name: odd\nengines: {node_exporter: {ignored_devices: "a\\nUser=root\\r\\nb"}}\n')
    unit = settings(render_processes(hostile, Place()).files["hune-node-exporter.service"])
    assert unit["User"] == ["hune"]
    [started] = unit["ExecStart"]
    assert "a\\nUser=root\\r\\nb" in started


def test_nobody_knows_the_keys_of_the_store() -> None:
    [started] = settings(render_processes(SITES["odd"], Place()).files["hune-victoriametrics.service"])["ExecStart"]
    argv = shlex.split(started.replace("$$", "$").replace("%%", "%"))
    program = next(part for part in argv if part.endswith("/victoria-metrics"))

    def environments() -> list[str]:
        shown = ["env" if part == program else part for part in argv[: argv.index(program) + 1]]
        text = subprocess.run(shown, capture_output=True, text=True, check=True).stdout
        return [line for line in text.splitlines() if line.startswith("HUNE_STORE_")]

    first, second = environments(), environments()
    assert {line.partition("=")[0] for line in first} >= {"HUNE_STORE_deleteAuthKey", "HUNE_STORE_snapshotAuthKey"}
    assert all(len(line.partition("=")[2]) == 36 for line in first)
    assert not set(first) & set(second)
