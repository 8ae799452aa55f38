"""`hune tell` where there is nobody to tell, or nothing."""

import io
from pathlib import Path

import pytest

from hune.cli import tell
from hune.core.errors import InputError, Unavailable
from hune.core.layout import Layout
from hune.site.models import Site


def test_says_how_to_start_instead_of_naming_a_file_of_ours(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="start it with: hune up"):
        tell.command(tmp_path)


def test_fails_where_nobody_but_the_log_could_hear(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layout = Layout(tmp_path)
    layout.site_json.parent.mkdir()
    layout.site_json.write_text(Site().model_dump_json())
    monkeypatch.setattr("sys.stdin", io.StringIO("the hub does not work"))
    with pytest.raises(Unavailable, match="nobody was told"):
        tell.command(tmp_path)


def test_refuses_to_send_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layout = Layout(tmp_path)
    layout.site_json.parent.mkdir()
    layout.site_json.write_text(Site().model_dump_json())
    monkeypatch.setattr("sys.stdin", io.StringIO("\n"))
    with pytest.raises(InputError, match="standard input"):
        tell.command(tmp_path)
