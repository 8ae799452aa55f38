"""What the simulated nodes prove themselves with, and what proves their client: a certificate, and an API token.

Both are made once for each lab and lie below `lab/pve/` of the data directory, readable by its owner only.
"""

from __future__ import annotations

import hashlib
import shutil
import ssl
import subprocess
import uuid
from dataclasses import dataclass, field
from pathlib import Path

from hune.core.errors import Unavailable
from hune.core.files import write_atomically
from hune.core.layout import Layout
from hune.lab.hardware import MACHINES

TOKEN_ID = "hune@pve!lab"  # noqa: S105 - the token's name
_DAYS = 3650
_PATIENCE_SECONDS = 30.0
_BEGIN = "-----BEGIN CERTIFICATE-----"
_END = "-----END CERTIFICATE-----"


@dataclass(frozen=True)
class Identity:
    """The certificate that all nodes serve (PEM, and its SHA-256 fingerprint as Proxmox shows it), and the token."""

    certificate: str
    fingerprint: str
    token: str = field(repr=False)
    context: ssl.SSLContext


def token_path(layout: Layout) -> Path:
    """Return the file that holds the token's secret."""
    return layout.lab / "pve" / "token"


def certificate_path(layout: Layout) -> Path:
    """Return the file that holds the nodes' private key and certificate."""
    return layout.lab / "pve" / "certificate.pem"


def ensure(layout: Layout) -> Identity:
    """Return the lab's identity; what is missing of it is made.

    Raises Unavailable if it can't be made, OSError if it can't be kept.
    """
    token = token_path(layout)
    if not token.exists():
        write_atomically(token, f"{uuid.uuid4()}\n", mode=0o600)
    path = certificate_path(layout)
    if not path.exists():
        write_atomically(path, _new_certificate(), mode=0o600)
    content = path.read_text()
    certificate = content[content.index(_BEGIN) : content.index(_END) + len(_END)] + "\n"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return Identity(certificate, fingerprint(certificate), f"{TOKEN_ID}={token.read_text().strip()}", context)


def fingerprint(certificate: str) -> str:
    """Return the SHA-256 fingerprint of a PEM certificate: `AB:CD:…`."""
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(certificate)).digest().hex(":").upper()


def _new_certificate() -> str:
    """Return a new private key and a certificate of the nodes that it signed itself, as PEM."""
    openssl = shutil.which("openssl")
    if openssl is None:
        raise Unavailable("openssl: not found; it makes the lab's certificate", remedy="apt install openssl")
    names = [f"IP:{machine.address},DNS:{machine.name}" for machine in MACHINES]
    options = "-x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -sha256 -keyout - -out -"
    made = subprocess.run(
        [
            *(openssl, "req", *options.split()),
            *("-days", str(_DAYS), "-subj", "/O=Hune/OU=lab/CN=pve-lab"),
            *("-addext", f"subjectAltName={','.join(names)}"),
        ],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_PATIENCE_SECONDS,
        check=False,
    )
    if made.returncode != 0 or _END not in made.stdout:
        reason = made.stderr.strip().splitlines()
        raise Unavailable(f"openssl: no certificate made: {reason[-1] if reason else f'code {made.returncode}'}")
    return made.stdout
