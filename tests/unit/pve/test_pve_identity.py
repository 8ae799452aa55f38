"""Tickets are fetched once for all and renewed in time; what was refused is not tried again at once."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from hune.pve.access import Access, Endpoint, Login, Token
from hune.pve.auth import Identity
from hune.pve.errors import BadAnswer, LoginRefused, TimedOut
from support.stepped_clock import SteppedClock, settle

LOGIN = Login("mon@pve", "p4ssw0rd")


class Proxmox:
    """Gives tickets, or what stands in `fault`."""

    def __init__(self) -> None:
        self.clock = SteppedClock()
        self.identity = Identity(LOGIN, self.clock, self.sign_in)
        self.logins = 0
        self.fault: Exception | None = None
        self.answer: Any = None

    async def sign_in(self, form: Mapping[str, str]) -> Any:
        assert form == {"username": "mon@pve", "password": "p4ssw0rd"}
        self.logins += 1
        number = self.logins
        await asyncio.sleep(0)
        if self.fault:
            raise self.fault
        return self.answer or {"ticket": f"PVE:mon@pve:{number}"}

    async def ticket(self) -> str:
        return (await self.identity.headers())["Cookie"].removeprefix("PVEAuthCookie=PVE:mon@pve:")


async def test_token_is_sent_as_proxmox_wants_it() -> None:
    proxmox = Proxmox()
    identity = Identity(Token("mon@pve!t", "s3cr3t"), proxmox.clock, proxmox.sign_in)
    assert await identity.headers() == {"Authorization": "PVEAPIToken=mon@pve!t=s3cr3t"}


@pytest.mark.parametrize("secret", ["s3cr3t\r\nX: y", "s3crét", "s3cr3t\x00"])
async def test_secret_that_can_be_none_is_refused_untold(secret: str) -> None:
    proxmox = Proxmox()
    with pytest.raises(LoginRefused) as caught:
        await Identity(Token("mon@pve!t", secret), proxmox.clock, proxmox.sign_in).headers()
    assert str(caught.value).startswith("mon@pve!t: what was given as its secret has signs that no secret has")
    assert "s3cr" not in str(caught.value)


async def test_ticket_is_fetched_once_for_all() -> None:
    proxmox = Proxmox()
    assert set(await asyncio.gather(*(proxmox.ticket() for _ in range(100)))) == {"1"}
    assert proxmox.logins == 1


async def test_ticket_is_renewed_before_its_two_hours_end() -> None:
    proxmox = Proxmox()
    tickets = []
    for _ in range(12):
        tickets.append(await proxmox.ticket())
        proxmox.clock.step(1000)
    assert tickets == ["1"] * 6 + ["2"] * 6


async def test_ticket_serves_to_its_end_while_no_other_can_be_had() -> None:
    proxmox = Proxmox()
    await proxmox.ticket()
    proxmox.fault = TimedOut("no answer")
    proxmox.clock.step(5500)
    for _ in range(10):
        assert await proxmox.ticket() == "1"
    # Nor is every call made to wait for that.
    assert proxmox.logins == 2
    proxmox.clock.step(1800)
    with pytest.raises(TimedOut):
        await proxmox.ticket()


async def test_ticket_that_another_call_renewed_is_not_dropped() -> None:
    proxmox = Proxmox()
    old = await proxmox.identity.headers()
    proxmox.identity.drop(old)
    assert await proxmox.ticket() == "2"
    proxmox.identity.drop(old)
    assert await proxmox.ticket() == "2"


async def test_refusal_is_repeated_without_asking_for_longer_and_longer() -> None:
    proxmox = Proxmox()
    proxmox.fault = LoginRefused("no")
    for _ in range(3600):
        with pytest.raises(LoginRefused):
            await proxmox.ticket()
        proxmox.clock.step(1)
    assert 10 < proxmox.logins < 40
    proxmox.fault = None
    proxmox.clock.step(300)
    assert await proxmox.ticket()
    proxmox.identity.accepted()


async def test_whoever_gives_up_leaves_the_ticket_to_the_others() -> None:
    proxmox = Proxmox()
    impatient, patient = (asyncio.create_task(proxmox.ticket()) for _ in range(2))
    await settle_once()
    impatient.cancel()
    assert await patient == "1"
    await settle()


async def settle_once() -> None:
    await asyncio.sleep(0)


@pytest.mark.parametrize("answer", [{"ticket": ""}, {"ticket": "a\r\nX: y"}, {"ticket": 5}, {"x": 1}, ["ticket"]])
async def test_answer_without_a_ticket_is_a_bad_answer(answer: Any) -> None:
    proxmox = Proxmox()
    proxmox.answer = answer
    with pytest.raises(BadAnswer, match="no ticket"):
        await proxmox.ticket()


def test_secrets_are_not_shown() -> None:
    for credentials in (LOGIN, Token("mon@pve!t", "s3cr3t")):
        access = Access("lab", (Endpoint("::1"),), credentials)
        assert "p4ssw0rd" not in repr(access)
        assert "s3cr3t" not in repr(access)
        assert access.account.startswith("mon@pve")
        assert str(access.endpoints[0]) == "[::1]:8006"


async def test_what_is_sent_back_is_made_unreadable() -> None:
    proxmox = Proxmox()
    await proxmox.ticket()
    assert proxmox.identity.without_secrets("p4ssw0rd, PVE:mon@pve:1, hello") == "…, …, hello"
