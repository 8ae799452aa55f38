"""Installing the unit: what would be done."""

import sys
from pathlib import Path

import pytest

from hune.core.errors import HuneError, InputError
from hune.deploy import installation
from hune.deploy.installation import Scope, Step, carry_out, hints, install, refuse_without_systemd, uninstall
from support.sites import ODD, site_of


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installation that every user may run; pytest's own folder belongs to one."""
    monkeypatch.setattr(installation, "_closed", lambda *_: iter(()))
    path = tmp_path / "hune"
    path.touch()
    monkeypatch.setattr(installation, "program", lambda: path)
    return path


def told(steps: list[Step]) -> list[str]:
    return [step.told for step in steps]


def test_machine_gets_user_ping_unit_and_start_in_this_order(tmp_path: Path, program: Path) -> None:
    scope = Scope(of_user=False, home=tmp_path, root=tmp_path)
    steps = told(install(scope, site_file=Path("/etc/hune/site.yaml"), data_dir=None))
    assert [step.replace(str(tmp_path), "") for step in steps] == [
        "write /etc/sysusers.d/hune.conf",
        "write /etc/sysctl.d/60-hune.conf",
        "write /etc/systemd/system/hune.service",
        "run systemd-sysusers /etc/sysusers.d/hune.conf",
        "run sysctl --quiet --load /etc/sysctl.d/60-hune.conf",
        "run systemctl daemon-reload",
        "run systemctl enable hune.service",
        "run systemctl restart hune.service",
    ]


def test_second_time_writes_nothing_and_restarts_nothing(tmp_path: Path, program: Path) -> None:
    scope = Scope(of_user=False, home=tmp_path, root=tmp_path)
    for step in install(scope, site_file=None, data_dir=None):
        if step.path:
            carry_out(step)
    again = told(install(scope, site_file=None, data_dir=None))
    assert not [step for step in again if step.startswith("write")]
    assert again[-1] == "run systemctl start hune.service"


def test_user_gets_a_unit_of_their_own_without_root(tmp_path: Path, program: Path) -> None:
    scope = Scope(of_user=True, home=tmp_path)
    steps = install(scope, site_file=None, data_dir=tmp_path / "data")
    assert told(steps) == [
        f"write {tmp_path}/.config/systemd/user/hune.service",
        "run systemctl --user daemon-reload",
        "run systemctl --user enable hune.service",
        "run systemctl --user restart hune.service",
    ]
    assert f"{program} up --data-dir {tmp_path}/data" in (steps[0].content or "")


def test_data_elsewhere_is_made_for_the_user(tmp_path: Path, program: Path) -> None:
    scope = Scope(of_user=False, home=tmp_path, root=tmp_path)
    steps = told(install(scope, site_file=None, data_dir=Path("/srv/hune")))
    assert "run install -d -o hune -g hune -m 0750 /srv/hune" in steps


def test_what_the_user_could_not_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    (home / "bin").mkdir(parents=True)
    (home / "bin" / "hune").touch(mode=0o755)
    (home / "site.yaml").touch()
    home.chmod(0o700)
    monkeypatch.setattr(installation, "program", lambda: home / "bin" / "hune")
    with pytest.raises(InputError) as refused:
        install(Scope(of_user=False, home=home, root=tmp_path), site_file=home / "site.yaml", data_dir=None)
    lines = str(refused.value).splitlines()
    assert any("bin/hune: the user hune may not run it because of" in line for line in lines)
    assert any("site.yaml: the user hune may not read it because of" in line for line in lines)
    assert not (tmp_path / "etc").exists()


def test_uninstall_stops_then_removes_what_was_installed(tmp_path: Path, program: Path) -> None:
    scope = Scope(of_user=False, home=tmp_path, root=tmp_path)
    for step in install(scope, site_file=None, data_dir=None):
        if step.path:
            carry_out(step)
    steps = uninstall(scope)
    assert [step.replace(str(tmp_path), "") for step in told(steps)] == [
        "run systemctl disable --now hune.service",
        "remove /etc/systemd/system/hune.service",
        "remove /etc/sysusers.d/hune.conf",
        "remove /etc/sysctl.d/60-hune.conf",
        "run systemctl daemon-reload",
    ]
    for step in steps:
        if step.path:
            carry_out(step)
    assert uninstall(scope) == []


def test_container_without_systemd_is_told_what_to_do_instead(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"systemd is not running here \(a container\?\); start Hune with hune up"):
        refuse_without_systemd(Scope(of_user=False, home=tmp_path), tmp_path / "absent", "")


def test_user_without_a_session_is_told_of_lingering(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda _: "/usr/bin/systemctl")
    with pytest.raises(InputError, match="loginctl enable-linger"):
        refuse_without_systemd(Scope(of_user=True, home=tmp_path), tmp_path, str(tmp_path / "run"))


def test_failed_command_tells_its_last_words() -> None:
    step = Step("run it", argv=(sys.executable, "-c", "import sys; sys.exit('first\\nno such unit')"))
    with pytest.raises(HuneError, match="no such unit; what was done before stays"):
        carry_out(step)


def test_command_that_may_fail_is_passed_over() -> None:
    carry_out(Step("run it", argv=(sys.executable, "-c", "import sys; sys.exit(3)"), may_fail=True))
    carry_out(Step("run it", argv=("/no/such/program",), may_fail=True))


def test_file_that_can_t_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="run it as a user who may change it"):
        carry_out(Step("write", path=tmp_path / "file" / "below", content="x"))


def test_files_of_secrets_are_named() -> None:
    said = "\n".join(hints(Scope(of_user=False, home=Path("/root")), site_of(ODD)))
    assert "/etc/hune/chat $1.txt" in said
    assert "/etc/hune/environment" in said
