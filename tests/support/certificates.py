"""Certificates for servers of tests: an authority as Proxmox makes one for a cluster, and what it signs.

Made by the peers' Python, which has a library for it.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from support.fakepve_server import peer

_MAKE = """
import datetime, ipaddress, json, pathlib, sys
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

folder, names, days = json.loads(sys.argv[1])
folder = pathlib.Path(folder)
now = datetime.datetime.now(datetime.timezone.utc)

def name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

def write(stem, key, certificate):
    (folder / f"{stem}.key").write_bytes(key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    (folder / f"{stem}.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return certificate.fingerprint(hashes.SHA256()).hex(":").upper()

def make(subject, key, issuer, issuer_key, alternatives, authority):
    builder = (x509.CertificateBuilder().subject_name(name(subject)).issuer_name(name(issuer))
        .public_key(key.public_key()).serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=400)).not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.BasicConstraints(authority, None), critical=authority))
    if alternatives:
        builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    return builder.sign(issuer_key, hashes.SHA256())

def alternative(text):
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)

told = {}
for stem in ("ca", "other-ca"):
    ca_key = ec.generate_private_key(ec.SECP256R1())
    write(stem, ca_key, make(f"Test {stem}", ca_key, f"Test {stem}", ca_key, [], True))
    for leaf in ("leaf", "renewed"):
        key = ec.generate_private_key(ec.SECP256R1())
        told[f"{stem}/{leaf}"] = write(f"{stem}-{leaf}", key, make(
            names[0], key, f"Test {stem}", ca_key, [alternative(text) for text in names], False))
print(json.dumps(told))
"""


@dataclass(frozen=True)
class Leaf:
    """A server's certificate with its key, and the fingerprint as Proxmox shows it."""

    certificate: Path
    key: Path
    fingerprint: str


@dataclass(frozen=True)
class Certificates:
    """Two authorities; of each a certificate and the one that replaces it, for the same names."""

    ca: Path
    other_ca: Path
    leaf: Leaf
    renewed: Leaf
    other_leaf: Leaf


@cache
def make_certificates(folder: Path, names: tuple[str, ...], days: int = 100) -> Certificates:
    """Write certificates for these names into a folder, valid for so many days."""
    described = json.dumps([str(folder), names, days])
    done = subprocess.run(
        [peer("python"), "-I", "-c", _MAKE, described], capture_output=True, text=True, timeout=600, check=True
    )
    fingerprints = json.loads(done.stdout)

    def leaf(authority: str, which: str) -> Leaf:
        stem = folder / f"{authority}-{which}"
        return Leaf(stem.with_suffix(".pem"), stem.with_suffix(".key"), fingerprints[f"{authority}/{which}"])

    return Certificates(
        folder / "ca.pem",
        folder / "other-ca.pem",
        leaf("ca", "leaf"),
        leaf("ca", "renewed"),
        leaf("other-ca", "leaf"),
    )
