"""The plan of a site: a pure function from the site, and what was found on this machine, to files and processes."""

from __future__ import annotations

from urllib.parse import urlsplit

from hune.collect.pve import assignment
from hune.site.models import DEFAULT_PORTS, Site, join_address
from hune.stack import timescale
from hune.stack.engines import ENGINES, postgresql
from hune.stack.model import File, Plan, Process, Watched
from hune.stack.scraping.nodes import alive_probe
from hune.stack.setting import Setting

_ENGINES_OF_ALL = ("prometheus", "victoriametrics", "alertmanager", "node-exporter", "blackbox-exporter")
_ENGINES_OF_SOME = (postgresql.NAME, timescale.QUERY)

SERVICES = ("hub", "nester")
"""Hune's own, together in the process `services`."""

EXPORTER = "pve-exporter"
"""Hune's own too, in a process by itself: what it holds of a large cluster, and its faults, are no one else's."""

TRIMMED = ("--no-series.inactive-states", "--no-series.deprecated-names")
"""What it leaves out for Hune: of a guest's 37 series 22 or more say nothing that the others don't."""

LEAN = {"MALLOC_ARENA_MAX": "2", "MALLOC_TRIM_THRESHOLD_": "131072"}
"""For Hune's own processes: what was needed for a moment goes back to the system (17 of 138 MB, at rest)."""

AFTER = {"prometheus": ("victoriametrics", "alertmanager"), "alertmanager": ("services",)}
"""What an engine needs at its start; everything else may come in any order."""


def make_plan(setting: Setting) -> Plan:
    """Return what has to run, with which files."""
    site = setting.site
    managed = [name for name in ENGINES if setting.manages(name)]
    processes = [_with_order(ENGINES[name].process(setting), managed) for name in managed]
    files = [file for name in managed for file in ENGINES[name].files(setting)]
    if services := [name for name in SERVICES if setting.manages(name)]:
        processes.append(_services(setting, services))
    if setting.manages(EXPORTER):
        processes.append(_exporter(setting))
    if setting.manages(timescale.NAME):
        processes.append(timescale.process(setting, env=LEAN))
    if setting.manages(timescale.QUERY):
        processes.append(timescale.query_process(setting))
        files += timescale.query_files(setting)
    if setting.with_lab:
        processes.append(_lab(setting))
    return Plan(
        site=site.name,
        processes=tuple(sorted(processes, key=lambda process: len(process.after))),
        files=(*files, *own_files(setting)),
        watched=tuple(_watched(setting)),
        ports={name: site.port(name) for name in DEFAULT_PORTS if site.wants(name) and not site.part(name).url},
        notes=tuple(_notes(setting)),
    )


def own_files(setting: Setting) -> list[File]:
    """Return what Hune's own processes read."""
    site = setting.site
    files = [File("site.json", site.model_dump_json(indent=1) + "\n")]
    if site.wants(EXPORTER):
        files.append(File(assignment.FILE, assignment.Assignment.of(site).to_json()))
    return files + timescale.files(setting)


def _with_order(process: Process, managed: list[str]) -> Process:
    after = tuple(name for name in AFTER.get(process.name, ()) if name in managed or name == "services")
    return Process(**{**process.__dict__, "after": after})


def _services(setting: Setting, names: list[str]) -> Process:
    return Process(
        name="services",
        argv=(*setting.hune, "run", *names, "--data-dir", str(setting.layout.root)),
        ready_url=f"{setting.site.url(names[-1])}/health",
        reads=("site.json",),
        reload_signal="HUP",
        is_ours=True,
        env=LEAN,
    )


def _exporter(setting: Setting) -> Process:
    return Process(
        name=EXPORTER,
        argv=(
            *setting.hune,
            "run",
            EXPORTER,
            "--data-dir",
            str(setting.layout.root),
            *TRIMMED,
        ),
        ready_url=f"{setting.site.url(EXPORTER)}/health",
        reads=(assignment.FILE,),
        reload_signal="HUP",
        is_ours=True,
        env=LEAN,
    )


def _lab(setting: Setting) -> Process:
    argv = (*setting.hune, "run", "lab", "--data-dir", str(setting.layout.root))
    return Process(name="lab", argv=argv, ready_url="", is_ours=True, env=LEAN)


def _watched(setting: Setting) -> list[Watched]:
    site = setting.site
    found = [
        Watched(
            name=name,
            kind=name,
            url=site.url(name),
            address=_address(site, name),
            process=name if setting.manages(name) else "",
            adopted=name in setting.adopted,
        )
        for name in (*_ENGINES_OF_ALL, *_ENGINES_OF_SOME)
        if site.wants(name)
    ]
    found += [
        Watched(
            name=f"alertmanager {urlsplit(other.url).netloc}",
            kind="alertmanager",
            url=other.url.rstrip("/"),
            address=other.url,
            key=other.key_file or "",
        )
        for other in site.engines.alertmanager.others
    ]
    found += [
        Watched(
            name=name,
            kind=name if name == timescale.NAME else "own",
            url=site.url(name),
            address=_address(site, name),
            process=_process_of(name) if setting.manages(name) else "",
        )
        for name in own_services(site)
    ]
    return found


def own_services(site: Site) -> list[str]:
    """Return the names of Hune's own services that a site wants."""
    return [name for name in (*SERVICES, EXPORTER, timescale.NAME) if site.wants(name)]


def _process_of(name: str) -> str:
    return "services" if name in SERVICES else name


def _address(site: Site, name: str) -> str:
    if name == postgresql.NAME:
        return site.database_address
    return site.part(name).url or join_address(site.listen, site.port(name))


def _notes(setting: Setting) -> list[str]:
    notes = [f"{name}: one already listens on {setting.listen(name)} and is used" for name in sorted(setting.adopted)]
    if setting.manages(postgresql.NAME) and (user := setting.unprivileged.user):
        notes.append(
            f"postgresql refuses root: it runs as the user {user}, who owns {setting.layout.data('postgresql')}"
        )
    for name, tool in (("prometheus", "promtool"), ("alertmanager", "amtool")):
        binary = setting.binaries.get(name)
        if binary and tool not in binary.tools:
            notes.append(f"{tool} was not found: changes of {name}'s files are applied without having been checked")
    unprovable = [node.name for node in setting.site.nodes if node.alive == "icmp" and not setting.icmp_permitted]
    by_tcp = [
        node.name
        for node in setting.site.nodes
        if alive_probe(node, setting)[1].endswith(":22") and node.alive == "auto"
    ]
    if unprovable or by_tcp:
        notes.append(
            f"ICMP is not permitted here, {', '.join(unprovable + by_tcp)}: port 22 is tried instead; permit it with: "
            "sysctl -w net.ipv4.ping_group_range='0 2147483647'"
        )
    return notes
