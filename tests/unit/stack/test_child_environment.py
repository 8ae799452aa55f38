"""What a process gets of the environment that Hune was started in."""

import pytest

from hune.stack.child import environment
from hune.stack.model import Process

ENVIRON = {
    "PATH": "/usr/bin",
    "LC_ALL": "C.UTF-8",
    "DISCORD_WEBHOOK": "https://discord.example/api/webhooks/1/secret",
    "NOTIFY_SOCKET": "/run/systemd/notify",
}


def test_engine_gets_no_secret() -> None:
    process = Process(name="engine", argv=("engine",), ready_url="", env={"GOGC": "60"})
    assert environment(process, ENVIRON) == {"PATH": "/usr/bin", "LC_ALL": "C.UTF-8", "GOGC": "60"}


def test_own_service_gets_the_secrets_and_not_the_socket_of_systemd() -> None:
    given = environment(Process(name="services", argv=("hune",), ready_url="", is_ours=True), ENVIRON)
    assert given == {key: value for key, value in ENVIRON.items() if key != "NOTIFY_SOCKET"}


@pytest.mark.parametrize("environ", [{}, {"STORE_KEY": "known"}])
def test_sealed_variable_is_another_each_time(environ: dict[str, str]) -> None:
    process = Process(name="store", argv=("store",), ready_url="", sealed=("STORE_KEY",))
    keys = {environment(process, environ)["STORE_KEY"] for _ in range(3)}
    assert len(keys) == 3
    assert "known" not in keys
    assert min(map(len, keys)) >= 32
