"""Who asks, and who is asked: tokens, tickets, certificates; nothing secret is told to anybody else."""

import asyncio
import dataclasses
import logging
from pathlib import Path

import pytest

from hune.pve.access import Login, Token, Trust
from hune.pve.errors import LoginRefused, Unreachable
from support.certificates import Certificates
from support.hostile_pve import HostilePve, refuse, say
from support.pve_stand import LOGIN, TOKEN, Connect
from support.stepped_clock import SteppedClock

SECRETS = ("s3cr3t", "p4ssw0rd", "c2lnbmF0dXJl")


async def test_hundred_calls_share_one_login(nodes: list[HostilePve], connect: Connect) -> None:
    client = connect(*nodes, credentials=LOGIN)
    await asyncio.gather(*(client.get("/version") for _ in range(100)))
    assert sum(node.asked("/access/ticket") for node in nodes) == 1
    assert client.account.logins == 1


async def test_ended_ticket_is_renewed_once_for_all(nodes: list[HostilePve], connect: Connect) -> None:
    client = connect(*nodes, credentials=LOGIN)
    await client.get("/version")
    nodes[0].tickets.clear()
    nodes[0].tickets.add("so that the next one differs")
    await asyncio.gather(*(client.get("/version") for _ in range(50)))
    assert client.account.logins == 2


async def test_ticket_that_is_never_accepted_ends_in_a_refusal(nodes: list[HostilePve], connect: Connect) -> None:
    for node in nodes:
        node.misdeeds["/version"] = refuse(401, "permission denied - invalid PVE ticket")
    client = connect(*nodes, credentials=LOGIN, clock=SteppedClock())
    with pytest.raises(LoginRefused, match="mon@pve is not let in: permission denied - invalid PVE ticket"):
        await client.get("/version")
    asked = sum(len(node.requests) for node in nodes)
    with pytest.raises(LoginRefused):
        await client.get("/version")
    assert sum(len(node.requests) for node in nodes) == asked
    assert client.account.logins == 2


async def test_wrong_password_is_tried_once(nodes: list[HostilePve], connect: Connect) -> None:
    client = connect(*nodes, credentials=Login("mon@pve", "wr0ng"), clock=SteppedClock())
    results = await asyncio.gather(*(client.get("/version") for _ in range(20)), return_exceptions=True)
    assert {type(result) for result in results} == {LoginRefused}
    assert sum(node.asked("/access/ticket") for node in nodes) == 1
    assert "wr0ng" not in str(results[0])


async def test_second_factor_is_told(nodes: list[HostilePve], connect: Connect) -> None:
    nodes[0].misdeeds["/access/ticket"] = say(b'{"data": {"ticket": "PVE:!tfa!", "NeedTFA": 1}}')
    with pytest.raises(LoginRefused, match="mon@pve needs a second factor; use an API token"):
        await connect(nodes[0], credentials=LOGIN).get("/version")


async def test_login_goes_on_at_another_node(nodes: list[HostilePve], connect: Connect) -> None:
    await nodes[0].stop()
    nodes[1].misdeeds["/access/ticket"] = refuse(595, "Connection refused")
    client = connect(*nodes, credentials=LOGIN)
    assert await client.get("/version")
    assert nodes[2].asked("/access/ticket") == 1


async def test_node_that_alone_refuses_the_account_is_left(nodes: list[HostilePve], connect: Connect) -> None:
    # A node that has lost the cluster's file system knows no tokens.
    nodes[0].tokens.clear()
    client = connect(*nodes, clock=SteppedClock())
    assert await client.get("/version")
    assert await client.get("/version")
    assert nodes[0].asked("/version") == 1


async def test_wrong_token_is_refused_without_a_storm(nodes: list[HostilePve], connect: Connect) -> None:
    client = connect(*nodes, credentials=Token("mon@pve!t", "wr0ng"), clock=SteppedClock())
    for _ in range(10):
        with pytest.raises(LoginRefused, match="mon@pve!t is not let in: authentication failure"):
            await client.get("/version")
    assert sum(len(node.requests) for node in nodes) == 2


async def test_fingerprint_is_enough(nodes: list[HostilePve], connect: Connect, certificates: Certificates) -> None:
    other = certificates.other_leaf.fingerprint
    trust = Trust(fingerprints=(other, certificates.leaf.fingerprint.lower()))
    assert await connect(nodes[0], trust=trust).get("/version")


async def test_changed_certificate_is_told_before_anything_is_sent(
    nodes: list[HostilePve], connect: Connect, certificates: Certificates
) -> None:
    await nodes[0].stop()
    nodes[0].leaf = certificates.renewed
    await nodes[0].start()
    for credentials in (TOKEN, LOGIN):
        client = connect(nodes[0], credentials=credentials, trust=Trust(fingerprints=(certificates.leaf.fingerprint,)))
        with pytest.raises(Unreachable) as caught:
            await client.get("/version")
        told = str(caught.value)
        assert "\n" not in told
        assert certificates.leaf.fingerprint in told
        assert certificates.renewed.fingerprint in told
        assert "give the new fingerprint" in told
    assert nodes[0].requests == []


@pytest.mark.parametrize("trust", ["other authority", "the system's", "missing file", "no certificate"])
async def test_untrusted_certificate_is_told_before_anything_is_sent(
    trust: str, nodes: list[HostilePve], connect: Connect, certificates: Certificates, tmp_path: Path
) -> None:
    (tmp_path / "empty.pem").write_text("nothing")
    accepted, told = {
        "other authority": (Trust(ca_file=str(certificates.other_ca)), "its certificate is not trusted"),
        "the system's": (Trust(), "its certificate is not trusted"),
        "missing file": (Trust(ca_file=str(tmp_path / "gone.pem")), "gone.pem: No such file"),
        "no certificate": (Trust(ca_file=str(tmp_path / "empty.pem")), "empty.pem: no certificate in it"),
    }[trust]
    with pytest.raises(Unreachable, match=told):
        await connect(nodes[0], trust=accepted).get("/version")
    assert nodes[0].requests == []


async def test_certificate_of_another_name_is_told(
    nodes: list[HostilePve], connect: Connect, certificates: Certificates
) -> None:
    endpoint = dataclasses.replace(nodes[0].endpoint, host="localhost")
    with pytest.raises(Unreachable, match="its certificate is another name's"):
        await connect(endpoint).get("/version")


async def test_no_verification_takes_what_comes(nodes: list[HostilePve], connect: Connect) -> None:
    assert await connect(nodes[0], trust=Trust(verify=False)).get("/version")


async def test_secrets_are_in_no_error_and_no_log(
    nodes: list[HostilePve], connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    said: list[str] = []

    async def echo(request: object, writer: asyncio.StreamWriter) -> None:
        # Somebody in between may tell everything back.
        text = f"{request}"
        writer.write(f"HTTP/1.1 500 {text}\r\nContent-Length: 0\r\n\r\n".encode())

    for node in nodes:
        node.misdeeds["/nodes/pve-01/qemu"] = echo
    for credentials in (TOKEN, LOGIN):
        client = connect(*nodes, credentials=credentials)
        said += [repr(client.access)]
        for path in ("/version", "/nodes/pve-01/qemu", "/nope"):
            try:
                await client.get(path)
            except Exception as error:
                said += [str(error), repr(error), repr(error.__cause__)]
        said += [repr(client.account)]
    assert any("mon@pve" in text for text in said)
    for secret in SECRETS:
        assert secret not in "\n".join(said)
        assert secret not in caplog.text
