"""What the client makes of answers, good and bad: each ends in time, with an error that says what to do."""

import asyncio
import gzip
import json

import pytest

from hune.pve.access import Limits
from hune.pve.errors import BadAnswer, Failed, Forbidden, NotThere, TimedOut, Unreachable
from support.hostile_pve import HostilePve, drip, flood, hang_up_midway, refuse, say
from support.pve_stand import PATIENT, Connect


async def test_answer_is_the_data_and_is_counted(nodes: list[HostilePve], connect: Connect) -> None:
    client = connect(nodes[0])
    assert await client.get("/version") == nodes[0].answers["/version"]
    (tally,) = client.account.tallies
    assert (tally.method, tally.path, tally.outcome, tally.calls) == ("GET", "/version", "ok", 1)
    assert tally.seconds > 0
    assert tally.answer_bytes > 0


async def test_parameters_are_sent(nodes: list[HostilePve], connect: Connect) -> None:
    await connect(nodes[0]).get("/version", {"type": "vm", "x": "a b&c"})
    assert nodes[0].requests[0].path in ("/version?type=vm&x=a+b%26c", "/version?type=vm&x=a%20b%26c")


async def test_connections_are_kept_and_bounded(nodes: list[HostilePve], connect: Connect) -> None:
    client = connect(nodes[0], limits=Limits(concurrency=3))
    await asyncio.gather(*(client.get("/version") for _ in range(60)))
    assert nodes[0].connections <= 3


async def test_403_tells_privilege_and_path(nodes: list[HostilePve], connect: Connect) -> None:
    nodes[0].misdeeds["/nodes/pve-01/qemu"] = refuse(403, "Permission check failed (/vms/100, VM.Audit|VM.Monitor)")
    client = connect(nodes[0])
    with pytest.raises(Forbidden) as caught:
        await client.get("/nodes/pve-01/qemu")
    assert (caught.value.acl_path, caught.value.privileges) == ("/vms/100", ("VM.Audit", "VM.Monitor"))
    assert "mon@pve!t lacks VM.Audit or VM.Monitor on /vms/100" in str(caught.value)
    # The rest is not hurt.
    assert await client.get("/version")


@pytest.mark.parametrize(
    ("status", "reason", "kind"),
    [
        (400, "Parameter verification failed.", NotThere),
        (404, "Not Found", NotThere),
        (501, "Method 'GET /x' not implemented", NotThere),
        (500, "Configuration file 'nodes/pve-01/qemu-server/9.conf' does not exist", NotThere),
        (500, "No QEMU guest agent configured", NotThere),
        (500, "got timeout", Failed),
        (595, "No route to host", Failed),
        (599, "Too many redirections", Failed),
    ],
)
async def test_status_says_what_to_do_next(
    status: int, reason: str, kind: type[Exception], nodes: list[HostilePve], connect: Connect
) -> None:
    nodes[0].misdeeds["/nodes/pve-02/qemu"] = refuse(status, reason)
    with pytest.raises(kind, match=reason[:20].replace("(", r"\(").replace(".", r"\.")):
        await connect(nodes[0]).get("/nodes/pve-02/qemu")


async def test_fault_behind_names_the_node(nodes: list[HostilePve], connect: Connect) -> None:
    nodes[0].misdeeds["/nodes/pve-02/qemu"] = refuse(595, "No route to host")
    with pytest.raises(Failed, match="node pve-02 can't be reached"):
        await connect(nodes[0]).get("/nodes/pve-02/qemu")


async def test_message_of_the_body_is_told(nodes: list[HostilePve], connect: Connect) -> None:
    nodes[0].misdeeds["/version"] = refuse(
        400,
        "Parameter verification failed.",
        {"data": None, "errors": {"type": "value not in enum"}, "message": "no\n"},
    )
    with pytest.raises(NotThere, match=r"/version: no type: value not in enum \(400\)"):
        await connect(nodes[0]).get("/version")


@pytest.mark.parametrize(
    "body", [b"<html>busy</html>", b"", b"[]", b'"data"', b'{"dat": 1}', b'{"data": [', b"\xff\xfe\x00", b"[" * 100_000]
)
async def test_garbage_is_a_bad_answer(body: bytes, nodes: list[HostilePve], connect: Connect) -> None:
    nodes[0].misdeeds["/version"] = say(body)
    with pytest.raises(BadAnswer, match="not JSON of a Proxmox API"):
        await connect(nodes[0]).get("/version")


async def test_what_is_not_http_is_a_bad_answer(nodes: list[HostilePve], connect: Connect) -> None:
    async def greet(_request: object, writer: object) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")  # type: ignore[attr-defined]

    nodes[0].misdeeds["/version"] = greet
    with pytest.raises(BadAnswer, match="not HTTP"):
        await connect(nodes[0]).get("/version")


async def test_redirect_is_not_followed(nodes: list[HostilePve], connect: Connect) -> None:
    nodes[0].misdeeds["/version"] = say(
        b"", status=302, more=f"Location: https://127.0.0.1:{nodes[1].port}/api2/json/version\r\n"
    )
    with pytest.raises(BadAnswer, match="not followed"):
        await connect(nodes[0]).get("/version")
    assert nodes[1].requests == []


async def test_packed_answer_is_unpacked(nodes: list[HostilePve], connect: Connect) -> None:
    body = gzip.compress(json.dumps({"data": ["x" * 1000]}).encode())
    nodes[0].misdeeds["/version"] = say(body, more="Content-Encoding: gzip\r\n")
    assert await connect(nodes[0]).get("/version") == ["x" * 1000]
    assert "gzip" in nodes[0].requests[0].headers["accept-encoding"]


async def test_huge_answer_is_cut_off(nodes: list[HostilePve], connect: Connect) -> None:
    nodes[0].misdeeds["/version"] = flood
    small = Limits(timeout_seconds=60.0, max_answer_bytes=1 << 20)
    with pytest.raises(BadAnswer, match="larger than 1048576 bytes"):
        await connect(nodes[0], limits=small).get("/version")


async def test_huge_answer_that_says_so_is_not_read(nodes: list[HostilePve], connect: Connect) -> None:
    nodes[0].misdeeds["/version"] = say(b"x" * 1000)
    with pytest.raises(BadAnswer, match="larger than 999 bytes"):
        await connect(nodes[0], limits=Limits(max_answer_bytes=999)).get("/version")


async def test_packed_flood_is_cut_off(nodes: list[HostilePve], connect: Connect) -> None:
    nodes[0].misdeeds["/version"] = say(gzip.compress(b" " * (8 << 20)), more="Content-Encoding: gzip\r\n")
    with pytest.raises(BadAnswer, match="larger than"):
        await connect(nodes[0], limits=Limits(max_answer_bytes=1 << 20)).get("/version")


async def test_answer_that_drips_ends_at_the_time_out(nodes: list[HostilePve], connect: Connect) -> None:
    nodes[0].misdeeds["/version"] = drip
    with pytest.raises(TimedOut, match=r"lab: /version: .* did not answer within 1 s"):
        await connect(nodes[0], limits=Limits(timeout_seconds=1.0, connect_seconds=2.0)).get("/version")


async def test_answer_cut_off_midway_is_asked_for_elsewhere(nodes: list[HostilePve], connect: Connect) -> None:
    nodes[0].misdeeds["/version"] = hang_up_midway
    assert await connect(*nodes).get("/version") == nodes[1].answers["/version"]


async def test_answer_cut_off_midway_by_the_only_node_is_unreachable(nodes: list[HostilePve], connect: Connect) -> None:
    nodes[0].everywhere = hang_up_midway
    with pytest.raises(Unreachable, match="broke off in the middle"):
        await connect(nodes[0], limits=PATIENT).get("/version")


async def test_20000_guests_are_read(nodes: list[HostilePve], connect: Connect) -> None:
    guests = [
        {
            "id": f"qemu/{vmid}",
            "type": "qemu",
            "vmid": vmid,
            "node": "pve-01",
            "name": f"guest-{vmid}",
            "status": "running",
        }
        for vmid in range(100, 20_100)
    ]
    nodes[0].answers["/cluster/resources"] = guests
    assert await connect(nodes[0]).get("/cluster/resources") == guests
