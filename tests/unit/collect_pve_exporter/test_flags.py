"""Flags, files and environment of `hune run pve-exporter` become an exporter, or one line that says why not."""

from __future__ import annotations

from pathlib import Path

import pytest

from hune.cli.pve_exporter import listen_address, make, parse
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
    ],
)
def test_what_is_wrong_is_one_line(flags: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        make(parse(flags), {} if "--config.file" in flags else LOGIN)
    assert len(str(caught.value).splitlines()) == 1
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("flag", ["--collector.unheard-of", "--config", "pve.yml", "--no-config.file"])
def test_an_unknown_flag_ends_with_exit_code_2(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parse([flag])
    assert caught.value.code == 2
    assert flag in capsys.readouterr().err


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
