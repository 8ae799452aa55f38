"""Writing a rendering into an operator's folder."""

import os
import stat
from pathlib import Path

import pytest

from hune.core.errors import InputError
from hune.deploy.rendering import MARK, Rendering, write

HEAD = f"# {MARK}\n"


def rendering(**files: str) -> Rendering:
    return Rendering("head", {"head": HEAD, **{path.replace("__", "/"): text for path, text in files.items()}})


def test_folder_is_made(tmp_path: Path) -> None:
    done = write(rendering(config__a="1"), tmp_path / "deep" / "out")
    assert (tmp_path / "deep" / "out" / "config" / "a").read_text() == "1"
    assert done.changed == ["head", "config/a"]


def test_second_time_changes_nothing(tmp_path: Path) -> None:
    write(rendering(config__a="1"), tmp_path)
    done = write(rendering(config__a="1"), tmp_path)
    assert (done.changed, done.removed, done.generated) == ([], [], [])


def test_what_an_earlier_rendering_left_below_config_goes(tmp_path: Path) -> None:
    write(rendering(config__a="1", config__old__b="2"), tmp_path)
    done = write(rendering(config__a="1"), tmp_path)
    assert done.removed == ["config/old/b"]
    assert not (tmp_path / "config" / "old").exists()


def test_what_the_operator_put_beside_it_stays(tmp_path: Path) -> None:
    write(rendering(), tmp_path)
    (tmp_path / ".env").write_text("A=1")
    (tmp_path / "compose.override.yaml").write_text("services: {}")
    write(rendering(config__a="1"), tmp_path)
    assert (tmp_path / ".env").read_text() == "A=1"
    assert (tmp_path / "compose.override.yaml").exists()


def test_foreign_folder_is_refused_untouched(tmp_path: Path) -> None:
    for name in ("head", "b", "c", "d", "e", "f", "g"):
        (tmp_path / name).write_text("mine")
    with pytest.raises(InputError, match=r"something else than an earlier rendering \(b, c, d, e, f and 2 more\)"):
        write(rendering(config__a="1"), tmp_path)
    assert (tmp_path / "head").read_text() == "mine"
    assert not (tmp_path / "config").exists()


def test_force_writes_beside_what_is_foreign_and_removes_nothing(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "mine").write_text("mine")
    done = write(rendering(config__a="1"), tmp_path, force=True)
    assert (tmp_path / "config" / "mine").read_text() == "mine"
    assert (tmp_path / "config" / "a").read_text() == "1"
    assert done.removed == []


def test_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(InputError, match="not a folder"):
        write(rendering(), tmp_path / "out")


def test_folder_below_a_file_is_refused_with_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="name a folder") as refused:
        write(rendering(), tmp_path / "file" / "out")
    assert len(str(refused.value).splitlines()) == 1


def test_secret_is_made_once_and_others_are_kept_out(tmp_path: Path) -> None:
    wanted = Rendering("head", {"head": HEAD}, generated=("secrets/password",))
    assert write(wanted, tmp_path).generated == ["secrets/password"]
    path = tmp_path / "secrets" / "password"
    first = path.read_text()
    assert len(first) >= 32
    assert write(wanted, tmp_path).generated == []
    assert path.read_text() == first
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_secrets_differ(tmp_path: Path) -> None:
    wanted = Rendering("head", {"head": HEAD}, generated=("secrets/password",))
    write(wanted, tmp_path / "a")
    write(wanted, tmp_path / "b")
    assert (tmp_path / "a/secrets/password").read_text() != (tmp_path / "b/secrets/password").read_text()


def test_containers_may_read_the_files_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        write(rendering(config__deep__a="1"), tmp_path / "out")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "out/config/deep").stat().st_mode) == 0o755
    assert stat.S_IMODE((tmp_path / "out/config/deep/a").stat().st_mode) == 0o644
