"""Docker Compose: the plan's engines from upstream's images, Hune's services from its own, Grafana beside them.

No conductor runs in containers: Compose starts in order, restarts what dies, and asks for health as it would.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from hune import __version__
from hune.alerting.yaml_text import to_yaml
from hune.deploy import grafana
from hune.deploy.containers import CONTAINED, DATA, contained, image_of, notes_on
from hune.deploy.rendering import MARK, Rendering
from hune.deploy.stores import carried, notes
from hune.site.models import DEFAULT_PORTS, Site
from hune.site.shape import secrets_of
from hune.site.values import split_port
from hune.stack import timescale
from hune.stack.engines import ENGINES, node_exporter
from hune.stack.model import Process
from hune.stack.plan import AFTER, EXPORTER, TRIMMED, own_files, own_services
from hune.stack.setting import Setting

HEAD = "compose.yaml"

# The node exporter sees the host's own network, where the containers reach it at the gateway of theirs.
_SUBNET = "${HUNE_SUBNET:-172.30.94.0/24}"
_GATEWAY = "${HUNE_GATEWAY:-172.30.94.1}"
_BRIDGE = "${HUNE_BRIDGE:-hune0}"

_COMMENT = f"""\
{MARK} (hune render compose); how to run it: docs/deploy.md.
What is changed here is lost: change the site file and render again, or write a compose.override.yaml beside this.
Everything is published on 127.0.0.1 only. Grafana's `admin` has the password in secrets/{grafana.PASSWORD_SECRET}.
"""


@dataclass(frozen=True)
class Housing:
    """How an image is held: whom it runs as, what it may use, and where the files for it lie below `config/`."""

    user: str
    memory: str
    config: str = ""


# 65534 is `nobody` in the images of the Prometheus project. VictoriaMetrics' has no user that owns its data: it runs
# as root without one capability. 10001 is Hune's in deploy/Dockerfile, 472 Grafana's.
_NOBODY, _HUNE = "65534:65534", "10001:10001"
_HOUSING = {
    "prometheus": Housing(_NOBODY, "", "prometheus"),
    "victoriametrics": Housing("0:0", "384m"),
    "alertmanager": Housing(_NOBODY, "128m", "alertmanager"),
    "node-exporter": Housing(_NOBODY, "96m"),
    "blackbox-exporter": Housing(_NOBODY, "96m", "blackbox-exporter"),
    "hub": Housing(_HUNE, "192m", "hune"),
    "nester": Housing(_HUNE, "256m", "hune"),
    EXPORTER: Housing(_HUNE, "256m", "hune"),
    timescale.NAME: Housing(_HUNE, "256m", "hune"),
    grafana.NAME: Housing("472:0", "384m", "grafana"),
}


# What upstream's images read a key from, again and again: the kernel gives another each time.
_UNKNOWN = "file:///proc/sys/kernel/random/uuid"

_HELD = ("restart", "user", "read_only", "cap_drop", "security_opt", "mem_limit", "pids_limit", "logging", "labels")


@dataclass(frozen=True)
class Image:
    """Hune's own image, and the folder it is built in (relative to the rendering) if it is built here."""

    name: str = f"hune:{__version__}"
    build_context: str = ""


def render(site: Site, image: Image) -> Rendering:
    """Return compose.yaml and the files that it mounts, below `config/`.

    Raises InputError with everything in the site that containers could not reach.
    """
    setting = contained(site)
    left_out = tuple(notes(site, with_query=False))
    site = carried(site, with_query=False)
    engines = [name for name in CONTAINED if not site.part(name).url]
    services = [name for name in own_services(site) if not site.part(name).url]
    configs = _configs(setting, engines, with_services=bool(services))
    rendered = {name: _engine(name, site, setting) for name in engines}
    rendered |= {name: _service(name, site, image) for name in services}
    rendered[grafana.NAME] = _grafana()
    for name, service in rendered.items():
        if wanted := [other for other in _needs(name) if other in rendered]:
            service["depends_on"] = {other: {"condition": _condition(other)} for other in wanted}
        if folder := _HOUSING[name].config:
            service["labels"] = {"hune.config": _digest(folder, configs)}
    document = {
        "name": "hune",
        "services": {name: _in_order(rendered[name]) for name in sorted(rendered)},
        "networks": {
            "default": {
                "driver": "bridge",
                "driver_opts": {"com.docker.network.bridge.name": _BRIDGE},
                "ipam": {"config": [{"subnet": _SUBNET, "gateway": _GATEWAY}]},
            }
        },
        "volumes": {name: {} for name in sorted(rendered) if name in DATA or name in ("hub", grafana.NAME)},
        "secrets": {
            grafana.PASSWORD_SECRET: {"file": f"./secrets/{grafana.PASSWORD_SECRET}"},
            **{
                secret: {"file": _literal(path)}
                for name in services
                for secret, path in _secret_files(site, name).items()
            },
        },
    }
    files = {HEAD: to_yaml(document, comment=_COMMENT), ".gitignore": "/.env\n/secrets/\n"}
    files |= {f"config/{path}": content for path, content in configs.items()}
    return Rendering(
        head=HEAD,
        files=files,
        generated=(f"secrets/{grafana.PASSWORD_SECRET}",),
        notes=(*left_out, *notes_on(site), *_secret_notes(site), *_build_notes(image)),
    )


def _configs(setting: Setting, engines: list[str], *, with_services: bool) -> dict[str, str]:
    """Return what is mounted: a folder for each container, so that none sees another's."""
    configs = {
        f"{_HOUSING[name].config}/{file.path}": file.content
        for name in engines
        for file in ENGINES[name].files(setting)
    }
    if with_services:
        configs |= {f"hune/{file.path}": file.content for file in own_files(setting)}
    configs |= {f"grafana/{path}": content for path, content in grafana.files(setting.site).items()}
    return configs


def _digest(folder: str, configs: Mapping[str, str]) -> str:
    """Return a digest of a container's files: when it changes, `docker compose up` makes the container anew."""
    own = sorted((path, content) for path, content in configs.items() if path.startswith(f"{folder}/"))
    return hashlib.sha256(repr(own).encode()).hexdigest()[:16]


def _needs(name: str) -> tuple[str, ...]:
    if name == "nester":
        return ("prometheus", "victoriametrics", "hub")
    if name == grafana.NAME:
        return ("prometheus", "victoriametrics")
    return tuple("hub" if other == "services" else other for other in AFTER.get(name, ()))


def _condition(name: str) -> str:
    # The hub is unhealthy while a receiver can't be reached, which is no reason to leave everything else unstarted.
    return "service_started" if name == "hub" else "service_healthy"


def _in_order(service: dict[str, Any]) -> dict[str, Any]:
    """Return a service as a person reads it: what it is first, how it is held last."""
    held = [key for key in _HELD if key in service]
    return {key: service[key] for key in ("image", *(key for key in service if key not in (*held, "image")), *held)}


def _held(name: str, image: str, *, memory: str = "") -> dict[str, Any]:
    """Return what is the same for all: nothing may be written, gained or used without bound."""
    return {
        "image": _literal(image),
        "restart": "unless-stopped",
        "user": _HOUSING[name].user,
        "read_only": True,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "mem_limit": memory or _HOUSING[name].memory,
        "pids_limit": 256,
        "logging": {"driver": "local", "options": {"max-size": "10m", "max-file": "3"}},
    }


def _engine(name: str, site: Site, setting: Setting) -> dict[str, Any]:
    process: Process = ENGINES[name].process(setting)
    command = [_literal(part) for part in process.argv[1:]]
    service = _held(name, image_of(name, site), memory=_prometheus_memory(site) if name == "prometheus" else "")
    volumes = []
    if name in DATA:
        volumes.append(f"{name}:{DATA[name]}")
    if folder := _HOUSING[name].config:
        volumes.append(f"./config/{folder}:{setting.layout.config}:ro")
    address = f"127.0.0.1:{DEFAULT_PORTS[name]}"
    if name == node_exporter.NAME:
        address = f"{_GATEWAY}:{site.port(name)}"
        everywhere = f"=0.0.0.0:{DEFAULT_PORTS[name]}"
        assert sum(everywhere in part for part in command) == 1, "it would listen on all of the host's addresses"
        command = [part.replace(everywhere, f"={address}") for part in command]
        command.append("--path.rootfs=/host")
        service |= {"network_mode": "host", "pid": "host"}
        volumes.append("/:/host:ro,rslave")
    else:
        service["ports"] = [_published(site.port(name), DEFAULT_PORTS[name])]
    if name == "alertmanager" and (cluster := site.engines.alertmanager.cluster) is not None:
        # The others' machines reach it at the host's own address.
        port = split_port(cluster.listen)[1]
        service["ports"] += [f"{cluster.listen}:{port}/{protocol}" for protocol in ("tcp", "udp")]
    if name == "prometheus":
        volumes += _keys(site)
    if name in ("prometheus", "blackbox-exporter"):
        service["extra_hosts"] = [f"{node_exporter.NAME}={_GATEWAY}"]
    if name == "blackbox-exporter":
        # Echo requests without a capability: every group may send them, in this container's network.
        service["sysctls"] = {"net.ipv4.ping_group_range": "0 2147483647"}
    variables = {**process.env, **dict.fromkeys(process.sealed, _UNKNOWN)}
    if variables:
        service["environment"] = {key: _literal(value) for key, value in sorted(variables.items())}
    path = urlsplit(process.ready_url)
    query = f"?{path.query}" if path.query else ""
    return {
        **service,
        "command": command,
        "volumes": volumes,
        "stop_grace_period": f"{process.stop_seconds:g}s",
        "healthcheck": _check(
            ["wget", "-q", "-O", "/dev/null", f"http://{address}{path.path}{query}"], patience=process.ready_seconds
        ),
    }


def _keys(site: Site) -> list[str]:
    """Return the mounts of the keys to the other Alertmanagers."""
    files = [other.key_file for other in site.engines.alertmanager.others if other.key_file]
    return [f"{_literal(path)}:{_literal(path)}:ro" for path in dict.fromkeys(files)]


def _prometheus_memory(site: Site) -> str:
    """Return Prometheus' limit: what the stack itself needs, and the series of each node (2,000 at most usual)."""
    return f"{384 + 32 * max(4, len(site.nodes))}m"


def _service(name: str, site: Site, image: Image) -> dict[str, Any]:
    service = _held(name, image.name)
    if image.build_context:
        service["build"] = {"context": _literal(image.build_context), "dockerfile": "deploy/Dockerfile"}
    service |= {
        "command": ["run", name, *(TRIMMED if name == EXPORTER else ())],
        "ports": [_published(site.port(name), DEFAULT_PORTS[name])],
        "tmpfs": ["/tmp"],  # noqa: S108 - inside the container
        "volumes": [f"./config/{_HOUSING[name].config}:/data/config:ro"],
        "stop_grace_period": "15s",
        "healthcheck": _check(["python", "-m", "hune.deploy.healthy", str(DEFAULT_PORTS[name])], patience=60),
    }
    if name == "hub":
        service["volumes"].insert(0, "hub:/data")
        service["volumes"] += _keys(site)
    if variables := _secret_variables(site, name):
        service["environment"] = {key: _required(key) for key in variables}
    if files := _secret_files(site, name):
        service["secrets"] = [{"source": key, "target": _literal(path)} for key, path in files.items()]
    return service


def _grafana() -> dict[str, Any]:
    return {
        **_held(grafana.NAME, grafana.IMAGE),
        "environment": dict(grafana.ENVIRONMENT),
        "ports": [_published(grafana.PORT, grafana.PORT)],
        "tmpfs": ["/tmp"],  # noqa: S108 - inside the container
        "volumes": [
            f"{grafana.NAME}:/var/lib/grafana",
            "./config/grafana/datasources:/etc/grafana/provisioning/datasources:ro",
        ],
        "secrets": [grafana.PASSWORD_SECRET],
        "stop_grace_period": "15s",
        "healthcheck": _check(
            ["wget", "-q", "-O", "/dev/null", f"http://127.0.0.1:{grafana.PORT}/api/health"], patience=120
        ),
    }


def _check(command: list[str], *, patience: float) -> dict[str, Any]:
    return {
        "test": ["CMD", *command],
        "interval": "10s" if command[0] == "python" else "5s",
        "timeout": "5s",
        "retries": 6,
        "start_period": f"{patience:g}s",
    }


def _published(outside: int, inside: int) -> str:
    return f"127.0.0.1:{outside}:{inside}"


def _literal(text: str) -> str:
    """Return text that Compose takes as it is: a dollar sign would begin a variable."""
    return text.replace("$", "$$")


def _required(variable: str) -> str:
    return f"${{{variable}:?set it where Compose runs or in .env, the site refers to it}}"


def _secrets(site: Site, service: str) -> Iterator[tuple[str, str]]:
    """Yield whose it is and the reference, for each secret that a service has to read."""
    owners = {
        "hub": {
            "receivers": [receiver.name for receiver in site.receivers],
            "heartbeat": ["heartbeat"],
            "expects": [one.name for one in site.expects],
        },
        EXPORTER: {"proxmox": [cluster.name for cluster in site.proxmox]},
        timescale.NAME: {"stores": ["database"]},
    }
    sections = owners.get(service, {})
    for location, reference, _ in secrets_of(site):
        if names := sections.get(str(location[0])):
            yield names[location[1] if isinstance(location[1], int) else 0], reference


def _secret_variables(site: Site, service: str) -> list[str]:
    references = {reference for _, reference in _secrets(site, service)}
    return sorted(reference.removeprefix("env:") for reference in references if reference.startswith("env:"))


def _secret_files(site: Site, service: str) -> dict[str, str]:
    """Return the files that secrets are read from, by the name of the secret; each keeps its path in the container."""
    paths: dict[str, str] = {}
    kind = {"hub": "receiver", EXPORTER: "proxmox"}.get(service, "store")
    for owner, reference in _secrets(site, service):
        path = reference.removeprefix("file:")
        if path != reference and path not in paths.values():
            paths[f"{kind}_" + re.sub(r"[^A-Za-z0-9_]", "_", f"{owner}_{len(paths)}")] = path
    return paths


def _secret_notes(site: Site) -> Iterator[str]:
    for service, title in (("hub", "the hub"), (EXPORTER, "the Proxmox exporter"), (timescale.NAME, "the adapter")):
        for path in _secret_files(site, service).values():
            yield f"{path}: {title} reads it as user 10001; make it theirs on the host: chown 10001, and chmod 400"


def _build_notes(image: Image) -> Iterator[str]:
    if not image.build_context:
        yield f"the image {image.name} is not built here; build or pull it before (docs/deploy.md)"
