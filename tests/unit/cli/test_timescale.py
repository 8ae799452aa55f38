"""The flags of `hune run timescale`: one line for what is wrong, never the URL."""

from __future__ import annotations

from pathlib import Path

import pytest

from hune.cli.timescale import make, parse
from hune.core.errors import InputError
from hune.store.assignment import Assignment
from hune.store.policy import Policy

URL = "postgresql://hune:secret@127.0.0.1/hune"


def test_the_url_comes_by_reference_and_the_door_is_closed_to_others() -> None:
    options = parse(["--database", "env:URL"])
    assert options.listen == "127.0.0.1:9201"
    assert make(options, {"URL": f"{URL}\n"}).name == "timescale"


def test_a_url_without_a_password_is_no_secret() -> None:
    flags = ["--database", "postgresql://hune@127.0.0.1/hune?passfile=/etc/hune/pgpass"]
    assert make(parse(flags), {}).name == "timescale"


def test_without_a_database_the_data_directory_is_asked(tmp_path: Path) -> None:
    flags = ["--data-dir", str(tmp_path)]
    with pytest.raises(InputError, match=r"timescale\.json: missing; give --database, or put stores\.timescale"):
        make(parse(flags), {})
    place = tmp_path / "config" / "timescale.json"
    place.parent.mkdir()
    place.write_text("{}")
    with pytest.raises(InputError, match="not as hune up writes it"):
        make(parse(flags), {})
    place.write_text(Assignment("env:URL", "127.0.0.1", 9201, 30, (Policy("up", retention_days=1),)).to_json())
    assert make(parse(flags), {"URL": URL}).name == "timescale"
    with pytest.raises(InputError, match="env:URL: not set"):
        make(parse(flags), {})


@pytest.mark.parametrize(
    ("flags", "url", "told"),
    [
        (["--database", "hune:secret@127.0.0.1/hune"], URL, "not a reference"),
        (["--database", URL], URL, "a password on the command line is seen by every user"),
        (["--database", "postgresql://hune@127.0.0.1/hune?password=secret@"], URL, "seen by every user"),
        (["--database", "postgresql://hune@127.0.0.1/hune?sslpassword=secret@"], URL, "seen by every user"),
        (["--database", "postgresql://hune:secret@[::1/hune"], URL, "--database: not the URL of a database"),
        (["--database", "env:OTHER"], URL, "env:OTHER: not set"),
        (["--database", "env:URL"], "mysql://hune:secret@127.0.0.1/hune", "env:URL: not the URL of a database"),
        (["--database", "env:URL", "--listen", "nowhere"], URL, "--listen nowhere: not an address and a port"),
        (["--database", "env:URL", "--listen", "127.0.0.1:99999"], URL, "not an address and a port"),
        (["--database", "env:URL", "--retention-days", "0"], URL, "--retention-days 0: too few"),
        (["--database", "env:URL", "--retention-days", "36501"], URL, "--retention-days 36501: too many"),
    ],
)
def test_what_is_wrong_is_told_in_one_line_without_the_secret(flags: list[str], url: str, told: str) -> None:
    with pytest.raises(InputError) as refused:
        make(parse(flags), {"URL": url})
    assert told in str(refused.value)
    assert "secret@" not in str(refused.value)
    assert "\n" not in str(refused.value)
