"""A stand-in for an SMTP server: STARTTLS with a certificate of its own, sign-in, the limits of RFC 5321, faults.

Its certificate is made by `openssl`.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ssl
import subprocess
from collections.abc import Mapping
from email import message_from_bytes
from email.policy import default as default_policy
from pathlib import Path
from typing import Any

from support.channel_limits import check_mail
from support.stand_in import TOKEN, Fault, StandIn

USER = "hune@example.com"


class MailServer(StandIn):
    """The server; `certificate` is its own, with the key."""

    def __init__(self, *, port: int, certificate: Path) -> None:
        super().__init__(port=port)
        self.plaintext_logins = 0
        self.unknown: dict[str, int] = {}
        """Addresses that are refused, and with which code."""
        self.most_recipients = 100
        """Of one message; more are asked to come in another one."""
        self.thinks_seconds = 0.0
        """How long it looks at a message before it says that it took it."""
        self._certificate = certificate
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(self._certificate)
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def settings(self) -> Mapping[str, Any]:  # type: ignore[override]
        return {
            "email": {
                "host": "127.0.0.1",
                "port": self.port,
                "ca_file": str(self._certificate),
                "user": USER,
                "password": "env:SMTP_PASSWORD",
                "sender": USER,
                "to": ["first@example.com", "second@example.com"],
            }
        }

    @property
    def environ(self) -> Mapping[str, str]:
        return {"SMTP_PASSWORD": TOKEN}

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, self.host, self.port)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await _Session(self, reader, writer, self._context).run()
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            pass
        except asyncio.CancelledError:
            writer.transport.abort()
        finally:
            self._tasks.discard(task)
            writer.close()
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                await writer.wait_closed()


class _Session:
    def __init__(
        self, server: MailServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, context: ssl.SSLContext
    ) -> None:
        self._server, self._reader, self._writer, self._context = server, reader, writer, context
        self._encrypted = self._known = False
        self._recipients: list[str] = []
        self._fault = Fault()

    async def run(self) -> None:
        self._fault = self._server.count_request()
        if self._fault.kind in ("silent", "hang_up"):
            await self._server.tell()
            if self._fault.kind == "silent":
                await asyncio.sleep(3600)
            return
        await self._say("220 mail.example.com ESMTP")
        while line := (await self._reader.readuntil(b"\r\n")).decode().strip():
            command = line.partition(" ")[0].upper()
            if command == "QUIT":
                await self._say("221 bye")
                return
            await getattr(self, f"_{command.lower()}", self._unknown)(line)

    async def _say(self, text: str) -> None:
        self._writer.write(f"{text}\r\n".encode())
        await self._writer.drain()

    async def _unknown(self, _line: str) -> None:
        await self._say("502 what?")

    async def _ehlo(self, _line: str) -> None:
        offered = ["AUTH PLAIN LOGIN"] if self._encrypted else ["STARTTLS"]
        lines = ["mail.example.com", "SIZE 10240000", *offered]
        for number, line in enumerate(lines):
            await self._say(f"250{' ' if number == len(lines) - 1 else '-'}{line}")

    async def _starttls(self, _line: str) -> None:
        await self._say("220 go ahead")
        await self._writer.start_tls(self._context)
        self._encrypted = True

    async def _auth(self, line: str) -> None:
        if not self._encrypted:
            self._server.plaintext_logins += 1
        _, kind, *rest = line.split(" ")
        given = base64.b64decode(rest[0]).decode().split("\0")
        if kind != "PLAIN" or self._fault.kind == "deleted":
            await self._refuse("535 5.7.8 authentication credentials invalid")
        elif given[1:] != [USER, TOKEN]:
            await self._say("535 5.7.8 authentication credentials invalid")
        else:
            self._known = True
            await self._say("235 welcome")

    async def _mail(self, _line: str) -> None:
        self._recipients = []
        await self._say("250 ok" if self._known else "530 5.7.0 authentication required")

    async def _rcpt(self, line: str) -> None:
        address = line.partition("<")[2].partition(">")[0]
        code = self._server.unknown.get(address, 250)
        if code == 250 and len(self._recipients) == self._server.most_recipients:
            code = 452
        if code == 250:
            self._recipients.append(address)
        await self._say(f"{code} {'ok' if code == 250 else 'no'}")

    async def _data(self, _line: str) -> None:
        await self._say("354 go on")
        sent = (await self._reader.readuntil(b"\r\n.\r\n"))[:-3].replace(b"\r\n..", b"\r\n.")
        if self._fault.kind == "status":
            await self._refuse("450 4.7.1 too many messages" if self._fault.status == 429 else "451 4.3.0 try later")
        elif self._fault.kind == "garbage":
            await self._refuse("<html>")
        elif problems := (["told to"] if self._fault.kind == "refuse" else check_mail(sent)):
            self._server.refused += problems if self._fault.kind != "refuse" else []
            await self._refuse("554 5.6.0 refused")
        else:
            self._take(sent)
            await self._server.tell()
            if self._fault.kind == "withhold":
                await asyncio.sleep(3600)
            await asyncio.sleep(self._server.thinks_seconds)
            await self._say("250 2.0.0 queued")

    async def _refuse(self, text: str) -> None:
        await self._say(text)
        await self._server.tell()

    def _take(self, sent: bytes) -> None:
        message = message_from_bytes(sent, policy=default_policy)
        parts = {part.get_content_subtype(): part.get_content() for part in message.walk() if not part.is_multipart()}
        headers = {name: str(text) for name, text in message.items()}
        self._server.accept("POST", headers["Message-ID"], {"headers": headers, "to": self._recipients, **parts})


def make_certificate(path: Path) -> None:
    """Write a certificate for 127.0.0.1 and its key, valid for two days."""
    options = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -sha256 -days 2 -subj /CN=mail"
    made = subprocess.run(
        ["openssl", *options.split(), "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "-", "-out", "-"],
        capture_output=True,
        check=True,
        timeout=60,
    )
    path.write_bytes(made.stdout)
    path.chmod(0o600)
