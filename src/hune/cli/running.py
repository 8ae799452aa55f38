"""Running services in this process until somebody ends it; imports what they need and no command line."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
from collections.abc import Callable, Sequence
from typing import Any

from hune.core.errors import HuneError, InputError
from hune.core.layout import Layout, data_root
from hune.core.service import Service, start

EXPORTER = "pve-exporter"
_FILES = 65_536
NAMES = ("hub", "nester", "lab", EXPORTER)


def services(names: Sequence[str], data_dir: str | None) -> None:
    """Run services by name. Raises InputError for one that there isn't, HuneError if one ends."""
    from hune.core import logs

    logs.set_up()
    layout = Layout(data_root(data_dir))
    if EXPORTER in names:
        if list(names) != [EXPORTER]:
            raise InputError(f"{EXPORTER}: runs alone", remedy=f"write hune run {EXPORTER}")
        exporter(["--data-dir", data_dir] if data_dir else [])
        return
    unknown = next((name for name in names if name not in NAMES), None)
    if unknown is not None:
        raise InputError(f"{unknown}: no such service", remedy=f"there are: {', '.join(NAMES)}")

    def make() -> list[Service]:
        return [_service(name, layout) for name in dict.fromkeys(names)]

    if set(names) == {"lab"}:
        asyncio.run(_run(make))
    else:
        _run_fast(make)


def exporter(arguments: Sequence[str]) -> None:
    """Run the Proxmox exporter with flags of its own, `arguments`."""
    from hune.cli import pve_exporter
    from hune.core import logs

    options = pve_exporter.parse(arguments)
    logs.set_up()
    _run_fast(lambda: [pve_exporter.make(options, os.environ)])


def timescale(arguments: Sequence[str]) -> None:
    """Run the adapter to PostgreSQL with flags of its own, `arguments`."""
    from hune.cli import timescale as adapter
    from hune.core import logs

    options = adapter.parse(arguments)
    logs.set_up()
    _run_fast(lambda: [adapter.make(options, os.environ)])


def _run_fast(make: Callable[[], list[Service]]) -> None:
    import uvloop

    _open_many_files()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run(make))


def _open_many_files() -> None:
    """Let this process have as many files and connections as it may; many systems allow 1024 unless one asks."""
    allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES if most == resource.RLIM_INFINITY else min(_FILES, most)
    if allowed != resource.RLIM_INFINITY and allowed < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


def _service(name: str, layout: Layout) -> Service:
    if name == "hub":
        from hune.alerting.hub.service import Hub

        return Hub(_site(layout), layout, environ=os.environ)
    if name == "nester":
        from hune.nester.app import Nester

        return Nester(_site(layout), layout)
    from hune.lab.service import Lab

    return Lab(layout)


def _site(layout: Layout) -> Any:
    from hune.site.models import Site

    try:
        return Site.model_validate_json(layout.site_json.read_text())
    except FileNotFoundError:
        raise InputError(f"{layout.site_json}: missing", remedy="hune up writes it; or give --data-dir") from None


async def _run(make: Callable[[], list[Service]]) -> None:
    """Run services until SIGTERM or SIGINT, made anew on SIGHUP; the failure of one ends all, with its reason."""
    leaving, changing = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _set, leaving, changing)
    loop.add_signal_handler(signal.SIGHUP, changing.set)
    while not leaving.is_set():
        changing.clear()
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [await start(group, service) for service in make()]
                await changing.wait()
                for task in reversed(tasks):
                    task.cancel()
        except BaseExceptionGroup as errors:
            # Not `except*`: until Python 3.11.4 (Debian 12 has 3.11.2) it wraps what is raised in it once more.
            ours, others = errors.split(HuneError)
            if ours is None or others is not None:
                raise
            raise _first(ours) from None


def _set(*events: asyncio.Event) -> None:
    for event in events:
        event.set()


def _first(errors: BaseExceptionGroup[Any]) -> BaseException:
    inner = errors.exceptions[0]
    return _first(inner) if isinstance(inner, BaseExceptionGroup) else inner
