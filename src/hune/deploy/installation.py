"""Installing the conductor's unit: the steps as data first, so that they can be shown before they are done."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hune.core.errors import HuneError, InputError
from hune.core.files import write_atomically
from hune.core.layout import data_root
from hune.deploy.systemd import SYSCTL, SYSUSERS, UNIT, USER, Place, conductor_unit, render_conductor
from hune.site.models import Site
from hune.site.shape import secrets_of

_COMMAND_SECONDS = 120.0


@dataclass(frozen=True)
class Scope:
    """Whose systemd: the machine's, or a user's own; `root` is where the machine's files lie (`/`)."""

    of_user: bool
    home: Path
    root: Path = Path("/")

    @property
    def unit(self) -> Path:
        if self.of_user:
            return self.home / ".config" / "systemd" / "user" / UNIT
        return self.root / "etc" / "systemd" / "system" / UNIT

    @property
    def systemctl(self) -> tuple[str, ...]:
        return ("systemctl", "--user") if self.of_user else ("systemctl",)


@dataclass(frozen=True)
class Step:
    """One thing to do: write a file (`content`), remove one, or run a command; `told` says it to a person."""

    told: str
    path: Path | None = None
    content: str | None = None
    argv: tuple[str, ...] = ()
    may_fail: bool = False


def scope(*, user: bool, only_look: bool = False) -> Scope:
    """Return whose systemd is meant.

    Raises InputError where that systemd isn't running, or this user may not change it, unless they `only_look`.
    """
    chosen = Scope(of_user=user, home=Path.home())
    if only_look:
        return chosen
    refuse_without_systemd(chosen, Path("/run/systemd/system"), os.environ.get("XDG_RUNTIME_DIR", ""))
    if not user and os.geteuid() != 0:
        raise InputError(
            "the machine's systemd is root's", remedy="run it with sudo, or for yourself: hune service install --user"
        )
    return chosen


def refuse_without_systemd(chosen: Scope, marker: Path, runtime: str) -> None:
    """Raise InputError where systemd doesn't run (a container), or the user has none of their own."""
    if not marker.is_dir() or not shutil.which("systemctl"):
        raise InputError(
            "systemd is not running here (a container?)",
            remedy="start Hune with hune up --detach, or render it for Compose: hune render compose",
        )
    if chosen.of_user and not (runtime and (Path(runtime) / "systemd").is_dir()):
        raise InputError(
            "this user has no systemd of their own now",
            remedy="sign in as this user (not by su), or as root: loginctl enable-linger USER",
        )


def install(chosen: Scope, *, site_file: Path | None, data_dir: Path | None) -> list[Step]:
    """Return what has to be done so that Hune runs now and after each boot.

    Raises InputError if the unit's user could not run the program or read the site file.
    """
    if chosen.of_user:
        root = data_root(data_dir)
        files = {chosen.unit: conductor_unit(_place(root, site_file, environment=chosen.home), of_user=True)}
        return [*_changes(files), *_starts(chosen, changed=_differs(chosen.unit, files[chosen.unit]))]
    place = _place(data_dir or Path("/var/lib/hune"), site_file, environment=None)
    problems = [*_closed(Path(place.program), "run"), *_closed(Path(sys.executable), "run")]
    if site_file:
        problems += _closed(site_file, "read")
    if problems:
        raise InputError("\n".join(problems))
    rendered = render_conductor(place).files
    files = {
        chosen.root / "etc" / "sysusers.d" / "hune.conf": rendered[SYSUSERS],
        chosen.root / "etc" / "sysctl.d" / "60-hune.conf": rendered[SYSCTL],
        chosen.unit: rendered[UNIT],
    }
    sysusers, sysctl, _ = files
    steps = [
        *_changes(files),
        _run("systemd-sysusers", str(sysusers)),
        # In a container of LXC this may be the host's to set; then TCP is used instead of echo requests.
        _run("sysctl", "--quiet", "--load", str(sysctl), may_fail=True),
    ]
    if not place.data_dir.startswith("/var/lib/"):
        steps.append(_run("install", "-d", "-o", USER, "-g", USER, "-m", "0750", place.data_dir))
    return [*steps, *_starts(chosen, changed=_differs(chosen.unit, files[chosen.unit]))]


def _changes(files: Mapping[Path, str]) -> list[Step]:
    return [_write(path, content) for path, content in files.items() if _differs(path, content)]


def _starts(chosen: Scope, *, changed: bool) -> list[Step]:
    """Return the steps after which the unit runs; one that ran already goes on unless it has changed."""
    return [
        _run(*chosen.systemctl, "daemon-reload"),
        _run(*chosen.systemctl, "enable", UNIT),
        _run(*chosen.systemctl, "restart" if changed else "start", UNIT),
    ]


def uninstall(chosen: Scope) -> list[Step]:
    """Return what has to be done so that nothing of the unit is left; empty if it isn't installed."""
    paths = [chosen.unit]
    if not chosen.of_user:
        paths += [chosen.root / "etc/sysusers.d/hune.conf", chosen.root / "etc/sysctl.d/60-hune.conf"]
    present = [path for path in paths if path.exists()]
    if not present:
        return []
    stop = [_run(*chosen.systemctl, "disable", "--now", UNIT)] if chosen.unit in present else []
    removals = [Step(f"remove {path}", path=path) for path in present]
    return [*stop, *removals, _run(*chosen.systemctl, "daemon-reload")]


def status(chosen: Scope) -> dict[str, Any]:
    """Return what systemd says of the unit."""
    return {
        "unit": str(chosen.unit),
        "installed": chosen.unit.exists(),
        "enabled": _ask(*chosen.systemctl, "is-enabled", UNIT) or "not installed",
        "active": _ask(*chosen.systemctl, "is-active", UNIT) or "unknown",
    }


def hints(chosen: Scope, site: Site) -> Iterator[str]:
    """Yield what the person who installed it should know."""
    if files := sorted({ref.removeprefix("file:") for _, ref, _ in secrets_of(site) if ref.startswith("file:")}):
        owner = "you" if chosen.of_user else f"the user {USER}"
        yield f"secrets that {owner} must be able to read: {', '.join(files)} (chown, and chmod 600)"
    if chosen.of_user:
        yield "it runs while you are signed in; from boot on with: loginctl enable-linger"
        yield f"secrets go to {chosen.home}/.config/hune/environment (NAME=value a line, chmod 600)"
        yield "see it with: hune service status --user, hune status; its log: journalctl --user -u hune"
    else:
        yield "secrets go to /etc/hune/environment (NAME=value a line, chmod 600)"
        yield "see it with: hune service status, hune status --data-dir /var/lib/hune; its log: journalctl -u hune"


def carry_out(step: Step) -> None:
    """Do one step.

    Raises InputError for a file that can't be changed, HuneError with the words of a command that failed.
    """
    if step.path is not None:
        try:
            if step.content is None:
                step.path.unlink(missing_ok=True)
            else:
                write_atomically(step.path, step.content)
        except OSError as error:
            raise InputError(f"{step.path}: {error.strerror}", remedy="run it as a user who may change it") from error
        return
    try:
        done = subprocess.run(
            step.argv, capture_output=True, text=True, timeout=_COMMAND_SECONDS, stdin=subprocess.DEVNULL, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        if step.may_fail:
            return
        raise HuneError(f"{step.argv[0]}: {error}", remedy="what was done before stays; try again") from error
    if done.returncode and not step.may_fail:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise HuneError(
            f"{' '.join(step.argv)}: {said[-1] if said else f'exit code {done.returncode}'}",
            remedy="what was done before stays; see: journalctl -xe",
        )


def _place(data_dir: Path, site_file: Path | None, *, environment: Path | None) -> Place:
    extra = {"environment_file": str(environment / ".config" / "hune" / "environment")} if environment else {}
    return Place(program=str(program()), data_dir=str(data_dir.absolute()), site_file=str(site_file or ""), **extra)


def program() -> Path:
    """Return the command `hune` of this installation.

    Raises InputError if it runs from a source tree without one.
    """
    beside = Path(sys.executable).parent / "hune"
    found = beside if beside.is_file() else shutil.which("hune")
    if not found:
        raise InputError("the command hune is not installed", remedy="set it up with scripts/up, or pip install .")
    return Path(found).absolute()


def _closed(path: Path, verb: str) -> Iterator[str]:
    """Yield why the system user `hune` could not run or read a file: it is one of the others."""
    wanted = stat.S_IXOTH if verb == "run" else stat.S_IROTH
    for place in {path: None, path.resolve(): None}:
        try:
            shut = next((parent for parent in place.parents if not parent.stat().st_mode & stat.S_IXOTH), None)
            if shut is None and not place.stat().st_mode & wanted:
                shut = place
        except OSError as error:
            yield f"{place}: {error.strerror}; name a file that exists"
            return
        if shut is not None:
            yield (
                f"{path}: the user {USER} may not {verb} it because of {shut}; put it where every user may "
                f"({'/opt/hune' if verb == 'run' else '/etc/hune/site.yaml'}), or install for yourself: --user"
            )
            return


def _differs(path: Path, content: str) -> bool:
    try:
        return path.read_text() != content
    except OSError:
        return True


def _write(path: Path, content: str) -> Step:
    return Step(f"write {path}", path=path, content=content)


def _run(*argv: str, may_fail: bool = False) -> Step:
    return Step(f"run {' '.join(argv)}", argv=argv, may_fail=may_fail)


def _ask(*argv: str) -> str:
    try:
        done = subprocess.run(
            argv, capture_output=True, text=True, timeout=_COMMAND_SECONDS, stdin=subprocess.DEVNULL, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip()
