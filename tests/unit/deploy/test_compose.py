"""What compose.yaml says, as data."""

import json
import re
from typing import Any

import pytest
from ruamel.yaml import YAML

from hune.deploy.compose import Image, render
from hune.deploy.rendering import MARK
from hune.site.models import Site
from support.sites import ELSEWHERE, EXAMPLES, ODD, example, site_of

SITES = {path.stem: example(path) for path in EXAMPLES} | {"odd": site_of(ODD), "elsewhere": site_of(ELSEWHERE)}
EVERY_SITE = pytest.mark.parametrize("site", SITES.values(), ids=SITES.keys())


def read_yaml(text: str) -> Any:
    return YAML(typ="safe").load(text)


def document(site: Site, image: Image | None = None) -> dict[str, Any]:
    loaded = read_yaml(render(site, image or Image()).files["compose.yaml"])
    assert isinstance(loaded, dict)
    return loaded


def services(site: Site) -> dict[str, Any]:
    found = document(site)["services"]
    assert isinstance(found, dict)
    return found


@EVERY_SITE
def test_nothing_may_be_gained_written_or_used_without_bound(site: Site) -> None:
    for name, service in services(site).items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert "cap_add" not in service, name
        assert "privileged" not in service, name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert re.fullmatch(r"\d+m", service["mem_limit"]), name
        assert service["pids_limit"] > 0, name
        assert service["restart"] == "unless-stopped", name
        assert service["logging"]["options"] == {"max-size": "10m", "max-file": "3"}, name


@EVERY_SITE
def test_only_the_store_runs_as_root_and_without_a_capability(site: Site) -> None:
    roots = {name for name, service in services(site).items() if service["user"].startswith("0:")}
    assert roots <= {"victoriametrics"}


@EVERY_SITE
def test_everything_is_published_on_loopback(site: Site) -> None:
    ports = [port for service in services(site).values() for port in service.get("ports", [])]
    assert ports
    assert all(re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port) for port in ports)


@EVERY_SITE
def test_every_container_is_asked_for_its_health_and_waited_for(site: Site) -> None:
    found = services(site)
    for name, service in found.items():
        assert service["healthcheck"]["test"][0] == "CMD", name
        for other, condition in service.get("depends_on", {}).items():
            assert other in found
            # An unreachable receiver makes the hub unhealthy; the rest starts all the same.
            expected = "service_started" if other == "hub" else "service_healthy"
            assert condition == {"condition": expected}, f"{name} after {other}"


@EVERY_SITE
def test_everything_mounted_is_rendered_and_read_only(site: Site) -> None:
    rendering = render(site, Image())
    for service in read_yaml(rendering.files["compose.yaml"])["services"].values():
        for volume in service.get("volumes", []):
            source, _, rest = volume.partition(":")
            if source.startswith("./"):
                assert rest.endswith(":ro")
                folder = source.removeprefix("./")
                assert any(path.startswith(f"{folder}/") for path in rendering.files), volume


def test_default_is_the_whole_stack() -> None:
    assert set(services(site_of("name: a"))) == {
        "alertmanager",
        "blackbox-exporter",
        "grafana",
        "hub",
        "nester",
        "node-exporter",
        "prometheus",
        "victoriametrics",
    }


def test_ports_of_the_documents_are_published() -> None:
    ports = [port for service in services(site_of("name: a")).values() for port in service.get("ports", [])]
    assert {int(port.split(":")[1]) for port in ports} == {3000, 8080, 8428, 9090, 9093, 9094, 9115}


def test_what_runs_elsewhere_has_no_container() -> None:
    assert set(services(site_of(ELSEWHERE))) == {"alertmanager", "blackbox-exporter", "grafana", "nester"}


def test_order_of_start_is_the_plan_s() -> None:
    found = services(site_of("name: a"))
    assert list(found["prometheus"]["depends_on"]) == ["victoriametrics", "alertmanager"]
    assert list(found["alertmanager"]["depends_on"]) == ["hub"]


def test_images_are_pinned() -> None:
    for service in services(site_of("name: a")).values():
        assert re.search(r":v?\d+\.\d+\.\d+$", service["image"]), service["image"]


def test_exporter_sees_the_host_and_listens_at_the_gateway_only() -> None:
    exporter = services(site_of(ODD))["node-exporter"]
    assert (exporter["network_mode"], exporter["pid"]) == ("host", "host")
    assert exporter["volumes"] == ["/:/host:ro,rslave"]
    assert "--path.rootfs=/host" in exporter["command"]
    [listen] = [part for part in exporter["command"] if "listen" in part]
    assert listen == "--web.listen-address=${HUNE_GATEWAY:-172.30.94.1}:19100"
    assert "ports" not in exporter


def test_nobody_can_delete_from_the_store_and_no_other_origin_read_it() -> None:
    store = services(SITES["this-machine"])["victoriametrics"]
    assert store["environment"]["HUNE_STORE_deleteAuthKey"] == "file:///proc/sys/kernel/random/uuid"
    assert "-http.disableCORS" in store["command"]


def test_store_that_knows_no_such_flag_is_not_given_it() -> None:
    old = site_of("engines: {victoriametrics: {version: '1.100.1'}}\n")
    assert "-http.disableCORS" not in services(old)["victoriametrics"]["command"]


def test_dollars_of_the_site_are_no_variables() -> None:
    command = services(site_of(ODD))["node-exporter"]["command"]
    assert "--collector.netclass.ignored-devices=^(veth|tap$$|lo$$)" in command


def test_each_container_is_passed_only_the_variables_that_it_has_to_resolve() -> None:
    found = services(site_of(ODD))
    assert list(found["hub"]["environment"]) == ["OTHER_WEBHOOK"]
    assert found["hub"]["environment"]["OTHER_WEBHOOK"].startswith("${OTHER_WEBHOOK:?")
    assert "environment" not in found["nester"]
    assert list(found["pve-exporter"]["environment"]) == ["PVE_SECRET"]


def test_files_of_secrets_are_mounted_where_the_site_names_them() -> None:
    written = document(site_of(ODD))
    [secret] = written["services"]["hub"]["secrets"]
    assert secret["target"] == "/etc/hune/chat $$1.txt"
    assert written["secrets"][secret["source"]] == {"file": "/etc/hune/chat $$1.txt"}


def test_owner_of_a_secret_s_file_is_told() -> None:
    assert any("chown 10001" in note for note in render(site_of(ODD), Image()).notes)


def test_grafana_has_no_password_but_the_one_made_for_it() -> None:
    rendering = render(site_of("name: a"), Image())
    grafana = read_yaml(rendering.files["compose.yaml"])["services"]["grafana"]
    assert rendering.generated == ("secrets/grafana_admin_password",)
    assert grafana["environment"]["GF_SECURITY_ADMIN_PASSWORD__FILE"] == "/run/secrets/grafana_admin_password"
    assert "GF_SECURITY_ADMIN_PASSWORD" not in grafana["environment"]
    assert grafana["secrets"] == ["grafana_admin_password"]


def test_grafana_reads_history_from_the_store_and_now_from_prometheus() -> None:
    sources = read_yaml(render(site_of("name: a"), Image()).files["config/grafana/datasources/hune.yaml"])
    urls = {source["uid"]: (source["url"], source["isDefault"]) for source in sources["datasources"]}
    assert urls == {
        "hune-store": ("http://victoriametrics:8428", True),
        "hune-prometheus": ("http://prometheus:9090", False),
    }


def test_hune_is_built_from_the_repository_or_named() -> None:
    site = site_of("name: a")
    built = document(site, Image(build_context="../.."))["services"]["nester"]
    assert built["build"] == {"context": "../..", "dockerfile": "deploy/Dockerfile"}
    named = document(site, Image("registry.example.com/hune:9"))["services"]["nester"]
    assert named["image"] == "registry.example.com/hune:9"
    assert "build" not in named


def test_change_of_the_site_changes_the_labels_of_what_it_concerns() -> None:
    before = services(site_of("name: a"))
    after = services(site_of("name: a\nthresholds: {cpu_celsius: 60}"))
    changed = {name for name in before if before[name].get("labels") != after[name].get("labels")}
    assert changed == {"prometheus", "hub", "nester"}


def test_memory_of_prometheus_grows_with_the_nodes() -> None:
    nodes = "".join(f"\n  - {{name: n{number}, address: 198.51.100.{number}}}" for number in range(1, 61))
    small, large = (services(site_of(text))["prometheus"]["mem_limit"] for text in ("name: a", f"nodes:{nodes}"))
    assert int(large[:-1]) > 3 * int(small[:-1])


def test_services_read_a_site_without_a_secret() -> None:
    site = json.loads(render(site_of(ODD), Image()).files["config/hune/site.json"])
    assert site["receivers"][0]["discord"] == {"webhook": "file:/etc/hune/chat $1.txt"}


def test_rendering_is_the_same_every_time() -> None:
    assert render(site_of(ODD), Image()) == render(site_of(ODD), Image())


def test_head_bears_the_mark() -> None:
    rendering = render(site_of("name: a"), Image())
    assert MARK in rendering.files[rendering.head].splitlines()[0]


def test_secrets_and_variables_are_kept_out_of_a_repository() -> None:
    assert render(site_of("name: a"), Image()).files[".gitignore"].split() == ["/.env", "/secrets/"]


def test_the_hub_reads_what_heartbeats_are_called_and_proved_with() -> None:
    site = site_of(
        "name: home\nthis_host: false\nnodes: [{name: far, address: 192.0.2.7}]\n"
        "heartbeat: {url: env:HEARTBEAT_URL}\n"
        "expects: [{name: paris, key: env:PARIS_KEY}, {name: nas, key: file:/etc/hune/nas-key}]\n"
    )
    hub = services(site)["hub"]
    assert set(hub["environment"]) == {"HEARTBEAT_URL", "PARIS_KEY"}
    assert [secret["target"] for secret in hub["secrets"]] == ["/etc/hune/nas-key"]
