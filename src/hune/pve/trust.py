"""Which certificates are accepted; decided before anything secret is sent."""

from __future__ import annotations

import asyncio
import hashlib
import ssl

import aiohttp

from hune.pve.access import Trust

SslArgument = ssl.SSLContext | aiohttp.Fingerprint | bool


class Fingerprints(aiohttp.Fingerprint):
    """Accepts certificates by their SHA-256 fingerprint; any of several will do, as each node has its own."""

    def __init__(self, accepted: tuple[str, ...]) -> None:
        self._accepted = {plain(fingerprint) for fingerprint in accepted}
        super().__init__(bytes.fromhex(plain(accepted[0])))

    def check(self, transport: asyncio.Transport) -> None:
        """Raise ServerFingerprintMismatch unless the other side's own certificate is one of those accepted."""
        shown = transport.get_extra_info("ssl_object").getpeercert(binary_form=True) or b""
        got = hashlib.sha256(shown).digest()
        if got.hex() not in self._accepted:
            host, port, *_ = transport.get_extra_info("peername")
            # aiohttp takes leave politely, and would wait for an answer.
            asyncio.get_running_loop().call_soon(transport.abort)
            raise aiohttp.ServerFingerprintMismatch(self.fingerprint, got, host, port)


async def ssl_argument(trust: Trust) -> SslArgument:
    """Return what aiohttp takes as `ssl` to trust accordingly. Raises OSError if the authority's file can't be read."""
    if trust.fingerprints:
        return Fingerprints(trust.fingerprints)
    if trust.client_certificate:
        return await asyncio.to_thread(_with_client_certificate, trust)
    if not trust.verify:
        return False
    if trust.ca_file:
        return await asyncio.to_thread(_with_authority, trust.ca_file)
    return True


def _with_authority(ca_file: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=ca_file)
    # Authorities that Proxmox made itself lack extensions that Python 3.13 began to insist on.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


def _with_client_certificate(trust: Trust) -> ssl.SSLContext:
    context = _with_authority(trust.ca_file) if trust.ca_file else ssl.create_default_context()
    if not trust.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    context.load_cert_chain(trust.client_certificate, trust.client_key or None)
    return context


def plain(fingerprint: str) -> str:
    """Return a fingerprint as bare hexadecimal digits."""
    return fingerprint.replace(":", "").lower()


def as_shown(digest: bytes) -> str:
    """Return a fingerprint as Proxmox shows it: `AB:CD:…`."""
    return digest.hex(":").upper()


def why_refused(error: aiohttp.ClientError, trust: Trust) -> tuple[str, str]:
    """Return what is wrong with a certificate, and the remedy."""
    if isinstance(error, aiohttp.ServerFingerprintMismatch):
        got = as_shown(error.got)
        expected = " or ".join(fingerprint.upper() for fingerprint in trust.fingerprints)
        return (
            f"its certificate has the fingerprint {got}, not {expected}",
            "if it was renewed on purpose, give the new fingerprint; else somebody may be in between",
        )
    reason = getattr(error, "certificate_error", None) or getattr(error, "os_error", None) or error
    text = getattr(reason, "verify_message", "") or getattr(reason, "reason", "") or "TLS failed"
    if "mismatch" in text or "not valid for" in text:
        return f"its certificate is another name's ({text})", "name the node as its certificate does, or by fingerprint"
    if isinstance(reason, ssl.SSLCertVerificationError):
        return (
            f"its certificate is not trusted ({text})",
            "give its fingerprint (pvenode cert info), or the authority's file /etc/pve/pve-root-ca.pem as ca_file",
        )
    return f"TLS failed ({str(text).lower().replace('_', ' ')})", "is it the port of the Proxmox API (8006)?"
