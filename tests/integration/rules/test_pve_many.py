"""What a whole cluster raises at once is one message, and each guest is told once, as promtool evaluates the rules."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from hune.alerting.catalogue.proxmox import ONE_BY_ONE, PROBLEMS
from support.promtool import Facts, firing, message, run
from support.pve_world import believed_over, make_pve_site, pve_world

MANY = {"cluster": "home", "severity": "warning"}


def judged(numbers: Iterable[int], verdict: str) -> Facts:
    facts: dict[str, float | None] = {}
    for number in numbers:
        guest = f'id="qemu/{number}"'
        facts[f'hune_guest_protected{{{guest},node="pve-02",name="g{number}"}}'] = int(verdict == "protected")
        facts[f'pve_guest_info{{{guest},node="pve-02",name="g{number}",type="qemu",template="0",tags=""}}'] = 1
        for state in ("protected", "unprotected", "unknown"):
            said = f'hune_guest_protection{{{guest},aspect="verdict",state="{state}"}}'
            facts[said] = 1 if state == verdict else None
    return facts


def bad(*numbers: int) -> Facts:
    return judged(numbers, "unprotected")


def good(*numbers: int) -> Facts:
    return judged(numbers, "protected")


def each(*numbers: int) -> list[dict[str, str]]:
    return [{"cluster": "home", "id": f"qemu/{number}", "severity": "warning"} for number in numbers]


@pytest.mark.parametrize(
    ("language", "summary", "rest"),
    [
        (
            "en",
            "home: guests that are not protected: 30",
            "More than 10 at once are told together; it ends when none of those is left.",
        ),
        (
            "fr",
            "home : invités non protégés : 30",
            "Au-delà de 10 ils sont annoncés ensemble, jusqu'au dernier de ceux-là.",
        ),
    ],
)
def test_what_a_whole_cluster_lacks_is_one_message(tmp_path: Path, language: str, summary: str, rest: str) -> None:
    first = ", ".join(f"g{number} (qemu/{number})" for number in range(100, 105))
    text = {
        "summary": summary,
        "description": f"{'First of them' if language == 'en' else 'Les premiers '}: {first}. {rest}",
        "value": "30",
        "runbook_url": "https://hune.example/runbooks/GuestsUnprotected",
    }
    run(
        tmp_path,
        make_pve_site(language=language),
        pve_world(150, {0: bad(*range(100, 130))}),
        *(firing(second, "GuestUnprotected") for second in range(20, 150, 15)),
        message(120, "GuestsUnprotected", MANY, text),
        every_seconds=15,
    )


def test_crossing_the_number_neither_ends_nor_repeats_anything(tmp_path: Path) -> None:
    told: dict[int, Facts] = {
        0: {**bad(*range(100, 100 + ONE_BY_ONE)), **good(*range(110, 118))},
        120: bad(110, 111),  # more than the number: together
        240: good(100, 101, 102, 103),  # below it
        360: bad(112),  # by itself again
        480: bad(113, 114, 115, 116),  # more again
        600: judged([110], "unknown"),
        700: {"answers": 0},
        760: {"answers": 1},
        800: good(110),
        860: good(111, 113, 114, 115, 116),
        920: good(*range(104, 110), 112),
    }
    one, many = "GuestUnprotected", "GuestsUnprotected"
    first, fewer = each(*range(100, 110)), each(*range(104, 110))
    run(
        tmp_path,
        make_pve_site(),
        pve_world(980, told),
        firing(110, one, *first),
        firing(110, many),
        firing(220, one, *first),
        firing(220, many, MANY),
        *(
            expected
            for second in (280, 350)
            for expected in (
                firing(second, one, *fewer),
                firing(second, many, MANY),
                believed_over(second, many, MANY, over=False),
            )
        ),
        firing(460, one, *fewer, *each(112)),
        firing(460, many, MANY),
        *(
            expected
            for second in (580, 690, 750, 850)
            for expected in (
                firing(second, one, *fewer, *each(112)),
                firing(second, many, MANY),
                believed_over(second, many, MANY, over=False),
            )
        ),
        firing(905, one, *fewer, *each(112)),
        firing(905, many),
        believed_over(905, many, MANY, over=True),
        firing(970, one),
        believed_over(970, one, fewer[0], over=True),
        every_seconds=15,
    )


@pytest.mark.parametrize("name", [name for name, problem in PROBLEMS.items() if problem.many])
def test_many_are_as_grave_as_one_and_are_read_by_the_same(name: str) -> None:
    one, many = PROBLEMS[name], PROBLEMS[PROBLEMS[name].many]
    assert (many.severity, many.read, many.identity) == (one.severity, one.read, ("cluster",))
