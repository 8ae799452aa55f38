"""How a Proxmox API is reached: endpoints, credentials, trust, limits; plain data."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Endpoint:
    """One node's API; `node` is its name in Proxmox, empty if not known (yet)."""

    host: str
    port: int = 8006
    node: str = ""

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True)
class Token:
    """An API token: `id` is `user@realm!name`."""

    id: str
    secret: str = field(repr=False)


@dataclass(frozen=True)
class Login:
    """A user (`name@realm`) with a password: a ticket is fetched with it, and renewed."""

    user: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class Trust:
    """What makes a certificate acceptable: an authority, or SHA-256 fingerprints as Proxmox shows them (`AB:CD:…`).

    Each node has a certificate of its own: any of the fingerprints will do. Without either the system's authorities
    decide; `verify=False` accepts anything.
    """

    verify: bool = True
    ca_file: str = ""
    fingerprints: tuple[str, ...] = ()
    client_certificate: str = ""
    client_key: str = ""
    """PEM files to show to who asks for them, a proxy before the API; the certificate's may hold the key too."""


@dataclass(frozen=True)
class Limits:
    """How hard a cluster may be asked."""

    timeout_seconds: float = 10.0
    connect_seconds: float = 3.0
    concurrency: int = 8
    calls_per_minute: float = 0.0
    """The budget; 0 means none."""
    max_answer_bytes: int = 64 << 20


@dataclass(frozen=True)
class Access:
    """All of it, for one cluster (or one lone node)."""

    name: str
    endpoints: tuple[Endpoint, ...]
    credentials: Token | Login
    trust: Trust = Trust()
    limits: Limits = Limits()
    learn_nodes: bool = False
    """Whether to ask the cluster for its other nodes' addresses, and to use those that answer."""

    @property
    def account(self) -> str:
        """Who asks, as access lists name it: `user@realm` or `user@realm!token`."""
        return self.credentials.id if isinstance(self.credentials, Token) else self.credentials.user
