"""The flags of `hune run timescale`: one line for what is wrong, never the URL."""

from __future__ import annotations

import pytest

from hune.cli.timescale import make, parse
from hune.core.errors import InputError

URL = "postgresql://hune:secret@127.0.0.1/hune"


def test_the_url_comes_by_reference_and_the_door_is_closed_to_others() -> None:
    options = parse(["--database", "env:URL"])
    assert options.listen == "127.0.0.1:9201"
    assert make(options, {"URL": f"{URL}\n"}).name == "timescale"


@pytest.mark.parametrize(
    ("flags", "url", "told"),
    [
        (["--database", URL], URL, "not a reference"),
        (["--database", "env:OTHER"], URL, "env:OTHER: not set"),
        (["--database", "env:URL"], "mysql://hune:secret@127.0.0.1/hune", "env:URL: not the URL of a database"),
        (["--database", "env:URL", "--listen", "nowhere"], URL, "--listen nowhere: not an address and a port"),
        (["--database", "env:URL", "--listen", "127.0.0.1:99999"], URL, "not an address and a port"),
        (["--database", "env:URL", "--retention-days", "0"], URL, "--retention-days 0: too few"),
    ],
)
def test_what_is_wrong_is_told_in_one_line_without_the_secret(flags: list[str], url: str, told: str) -> None:
    with pytest.raises(InputError) as refused:
        make(parse(flags), {"URL": url})
    assert told in str(refused.value)
    assert "secret@" not in str(refused.value)
    assert "\n" not in str(refused.value)
