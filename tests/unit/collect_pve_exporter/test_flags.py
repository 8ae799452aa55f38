"""Flags, files and environment of `hune run pve-exporter` become an exporter, or one line that says why not."""

from __future__ import annotations

from pathlib import Path

import pytest

from hune.cli.pve_exporter import choices, listen_address, make, parse
from hune.collect.pve.protection import Aspect, Policy
from hune.collect.pve.settings import DEFAULT, Discover, DiscoverGuests, DiscoverNodes, Settings
from hune.core.errors import InputError

LOGIN = {"PVE_USER": "root@pam", "PVE_PASSWORD": "hunter2"}


@pytest.mark.parametrize(
    "flags",
    [
        ["--config.file", "/none/pve.yml"],
        ["--data-dir", "/none"],
        ["--web.listen-address", "everywhere"],
        ["--web.listen-address", "[::1:9221"],
        ["--web.listen-address", "::1:9221"],
        ["--web.listen-address", "unix:/run/x"],
        ["--server.keyfile", "/none"],
        ["--server.keyfile", "/none", "--server.certfile", "/none"],
        ["--allow-target", "a/b/c"],
        ["--discover.guests", "9100"],
        ["--discover.guests", "9100", "--discover.guests.network", "192.0.2.1/24"],
        ["--data-dir", "/none", "--no-hune.updates"],
    ],
)
def test_what_is_wrong_is_one_line(flags: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        make(parse(flags), {} if "--config.file" in flags else LOGIN)
    assert len(str(caught.value).splitlines()) == 1
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "flags",
    [
        ["--collector.unheard-of"],
        ["--config"],
        ["--no-config.file"],
        ["--no-hune.unheard-of"],
        ["--protection.require", "coverd"],
        ["--discover.nodes", "91000"],
    ],
)
def test_an_unknown_flag_or_value_ends_with_exit_code_2(flags: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parse(flags)
    assert caught.value.code == 2
    assert flags[0] in capsys.readouterr().err


def test_flags_say_of_every_target_what_a_site_says_of_a_cluster() -> None:
    assert settings_of() == DEFAULT
    found = settings_of(
        *("--no-hune.updates", "--no-hune.guest-filesystems", "--disks.wake"),
        *("--protection.excluded-tag", "scratch", "--protection.require", "covered", "--protection.require", "ha"),
        *("--protection.accept-partial", "--discover.nodes", "9200", "--discover.guests", "9300"),
        *("--discover.guests.network", "192.0.2.0/24", "--discover.guests.tag", "web", "--discover.guests.pool", "p"),
    )
    assert found == Settings(
        wake_disks=True,
        without=frozenset({"updates", "guest-filesystems"}),
        protection=Policy(("scratch",), frozenset({Aspect.COVERED, Aspect.HA}), accept_partial=True),
        discover=Discover(
            DiscoverNodes(9200), DiscoverGuests(networks=("192.0.2.0/24",), port=9300, tags=("web",), pools=("p",))
        ),
    )


def settings_of(*flags: str) -> Settings:
    return choices(parse(flags))


def test_a_named_file_wins_over_a_data_directory_of_the_environment(tmp_path: Path) -> None:
    path = tmp_path / "pve.yml"
    path.write_text("default: {user: a@pam, password: b}")
    assert make(parse(["--config.file", str(path)]), {"HUNE_DATA_DIR": str(tmp_path)}).name == "pve-exporter"
    with pytest.raises(InputError, match=r"pve-exporter\.json: missing"):
        make(parse([]), {"HUNE_DATA_DIR": str(tmp_path)})


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("[::]:9221", ("::", 9221)),
        ("[::1]:1", ("::1", 1)),
        ("0.0.0.0:9221", ("0.0.0.0", 9221)),
        (":9221", ("0.0.0.0", 9221)),
        ("localhost:80", ("localhost", 80)),
    ],
)
def test_listen_addresses_are_written_as_upstream_writes_them(text: str, meant: tuple[str, int]) -> None:
    assert listen_address(text) == meant
