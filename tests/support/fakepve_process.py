"""The process around fakepve, run by the peers' Python: a described cluster, and a line of JSON for each command.

Only `support.fakepve_server` starts it, and tells what the lines look like. fakepve is under the AGPL: this file is the
only place that loads it, and no process of Hune's loads this file.
"""

import asyncio
import contextlib
import importlib
import inspect
import json
import sys
import tempfile
import time
from typing import Any


class Process:
    """One fake, and the commands it takes."""

    def __init__(self, description: dict[str, Any]) -> None:
        if (moment := description.get("frozen_at")) is not None:
            # Before fakepve is loaded: uptimes and ages then stand still. The event loop has a clock of its own.
            time.time = lambda: float(moment)
        self.package = importlib.import_module("fakepve")
        self.description = description
        self.background: set[asyncio.Task[Any]] = set()
        self.fake = self.package.FakePve(
            user=description.get("user", "root@pam"),
            password=description.get("password", "secret"),
            host=description.get("host", "127.0.0.1"),
            port=description.get("port", 0),
        )
        self.answers: dict[str, Any] = description.get("answers", {})
        self._describe()

    async def handle(self, request: Any) -> Any:
        """Answer with what was given for a path; fakepve still decides who may ask, and counts."""
        answer = await self._handle(request)
        path = request.path.removeprefix("/api2/json")
        if path not in self.answers or answer.status != 200:
            return answer
        data = self.answers[path]
        if isinstance(data, list) and (kind := request.query.get("type")):
            kinds = ("qemu", "lxc") if kind == "vm" else (kind,)
            data = [row for row in data if row.get("type") in kinds]
        return importlib.import_module("aiohttp.web").json_response({"data": data})

    def _describe(self) -> None:
        fake, description = self.fake, self.description
        fake.cluster_name = description.get("name", fake.cluster_name)
        if "nodes" in description:
            fake.nodes.clear()
        for name, online in description.get("nodes", {}).items():
            fake.add_node(name, online=online)
        for guest in description.get("vms", ()):
            self._add(fake.add_vm, self.package.FakeVm, guest)
        for guest in description.get("cts", ()):
            self._add(fake.add_ct, self.package.FakeCt, guest)
        if "storages" in description:
            fake.storages.clear()
        for name, storage in description.get("storages", {}).items():
            fake.storages[name] = {"active": 1, "files": set(), **storage}
        fake.users.update(description.get("users", {}))
        fake.apitokens.update(description.get("tokens", {}))
        for user, path, privileges in description.get("grants", ()):
            fake.grant(user, path, *privileges)
        for name, value in description.get("set", {}).items():
            setattr(fake, name, value)

    @staticmethod
    def _add(add: Any, kind: Any, guest: dict[str, Any]) -> None:
        taken = inspect.signature(kind).parameters
        added = add(**{key: value for key, value in guest.items() if key in taken})
        for key, value in guest.items():
            if key not in taken:
                setattr(added, key, value)

    async def run(self) -> None:
        """Serve until the standard input ends."""
        with tempfile.TemporaryDirectory(prefix="fakepve-") as folder:
            certificate, key = self.description.get("certificate", ""), self.description.get("key", "")
            if not certificate:
                certs = importlib.import_module("fakepve.certs")
                certificate, key, _ = certs.make_cert(folder, hosts=(self.fake.host,))
            await self.fake.start(certificate, key)
            server = self.fake.runner.server
            self._handle, server.request_handler = server.request_handler, self.handle
            try:
                say({"url": self.fake.url, "certificate": certificate})
                while line := await asyncio.to_thread(sys.stdin.readline):
                    say(self.obey(json.loads(line)))
            finally:
                # Whoever is still kept waiting has left.
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self.fake.stop(), 2)

    def obey(self, command: dict[str, Any]) -> dict[str, Any]:
        """Return what a command gives: `result`, or `error`."""
        try:
            if "answers" in command:
                self.answers.update(command["answers"])
                return {"result": None}
            subject = self.fake.guest(command["vmid"]) if "vmid" in command else self.fake
            if "call" in command:
                result = getattr(subject, command["call"])(*command.get("args", ()), **command.get("kwargs", {}))
                if inspect.isawaitable(result):
                    # It lasts as long as what it plays (a backup, a migration): nobody waits for it.
                    task = asyncio.ensure_future(result)
                    self.background.add(task)
                    task.add_done_callback(self.background.discard)
                    result = None
            elif "set" in command:
                for name, value in command["set"].items():
                    setattr(subject, name, value)
                result = None
            elif "clear" in command:
                getattr(subject, command["clear"]).clear()
                result = None
            else:
                result = getattr(subject, command["get"])
        except Exception as error:  # whatever it is, the test that asked has to see it
            return {"error": f"{type(error).__name__}: {error}"}
        return {"result": result}


def say(document: dict[str, Any]) -> None:
    """Write one line of JSON; what JSON can't say is written as text."""
    sys.stdout.write(json.dumps(document, default=str) + "\n")
    sys.stdout.flush()


async def main() -> None:
    process = Process(json.loads(await asyncio.to_thread(sys.stdin.readline)))
    await process.run()


if __name__ == "__main__":
    asyncio.run(main())
