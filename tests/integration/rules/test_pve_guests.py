"""Which guests are told to be down or unprotected, and which never are, as promtool evaluates the rules."""

from pathlib import Path

import pytest

from support.promtool import Facts, firing, message, run
from support.pve_world import believed_over, make_pve_site, pve_world

GUEST = 'id="qemu/100"'
INFO = f'pve_guest_info{{{GUEST},node="pve-02",name="web",type="qemu",template="0",tags=""}}'
CONFIG = f'hune_pve_guest_config_info{{{GUEST},node="pve-02",ostype="l26",agent="1",onboot="%d",protection="0"}}'
UP, UPTIME = f"pve_up{{{GUEST}}}", f"pve_uptime_seconds{{{GUEST}}}"
RUNS: Facts = {UP: 1, UPTIME: 500, INFO: 1, CONFIG % 1: 1}
STOPPED: Facts = {UP: 0, UPTIME: 0}
DOWN = {"cluster": "home", "id": "qemu/100", "severity": "critical"}
STOP_TASK = f'hune_pve_guest_stopped_timestamp_seconds{{{GUEST},node="pve-02"}}'
UNDER_HA = f'hune_pve_ha_service_state{{{GUEST},node="pve-02",state="%s",requested="%s"}}'
NODE_DOWN = 'ALERTS{alertname="NodeDown",alertstate="firing",node="pve-02"}'


def busy(reason: str) -> str:
    return f'hune_pve_guest_busy{{{GUEST},node="pve-02",reason="{reason}"}}'


def locked(state: str) -> str:
    return f'pve_lock_state{{{GUEST},state="{state}"}}'


def test_guest_that_should_run_and_does_not_is_told_by_name(tmp_path: Path) -> None:
    run(
        tmp_path,
        make_pve_site(),
        pve_world(180, {0: RUNS, 30: STOPPED}),
        firing(85, "GuestDown"),
        firing(95, "GuestDown", DOWN),
        message(
            95,
            "GuestDown",
            DOWN,
            {
                "summary": "web (qemu/100) is down",
                "description": (
                    "It should run, is stopped, and no backup, migration, snapshot or failure of its node explains it."
                ),
                "runbook_url": "https://hune.example/runbooks/GuestDown",
            },
        ),
        every_seconds=5,
    )


@pytest.mark.parametrize(
    "why",
    [
        {CONFIG % 1: None, CONFIG % 0: 1},
        {INFO: None, INFO.replace('template="0"', 'template="1"'): 1},
        {STOP_TASK: 30},
        {CONFIG % 1: 1, UNDER_HA % ("stopped", "stopped"): 1},
        {UNDER_HA % ("migrate", "started"): 1},
        {UNDER_HA % ("error", "started"): 1},
        {busy("backup"): 1},
        {busy("migration"): 1},
        {busy("snapshot"): 1},
        {locked("suspended"): 1},
        {UPTIME: None},
        {'hune_pve_node_online{node="pve-02"}': 0},
        {'hune_pve_node_uptime_seconds{node="pve-02"}': 40},
        {'pve_up{id="node/pve-01"}': None, 'pve_up{id="node/pve-02"}': None},
    ],
    ids=[
        *("not on boot", "template", "stopped by hand", "HA stopped it", "HA moves it", "HA gave up", "backup"),
        *("migration", "snapshot", "suspended", "unknown", "node offline", "node boots", "no status"),
    ],
)
def test_guest_whose_stop_is_explained_is_not_told(tmp_path: Path, why: Facts) -> None:
    run(
        tmp_path,
        make_pve_site(),
        pve_world(400, {0: RUNS, 30: {**STOPPED, **why}}),
        *(firing(second, "GuestDown") for second in range(105, 395, 15)),
        every_seconds=15,
    )


def test_guest_of_a_node_that_is_down_is_not_told(tmp_path: Path) -> None:
    world = pve_world(300, {0: RUNS, 30: STOPPED}).put(NODE_DOWN, {0: None, 28: 1})
    run(
        tmp_path,
        make_pve_site(),
        world,
        *(firing(second, "GuestDown") for second in (95, 200, 295)),
        every_seconds=5,
    )


def test_guest_that_ha_should_keep_started_is_told_whether_it_starts_on_boot_or_not(tmp_path: Path) -> None:
    under_ha: Facts = {CONFIG % 1: None, CONFIG % 0: 1, UNDER_HA % ("started", "started"): 1}
    run(
        tmp_path,
        make_pve_site(),
        pve_world(180, {0: {**RUNS, **under_ha}, 30: STOPPED}),
        firing(100, "GuestDown", DOWN),
        every_seconds=5,
    )


def test_stop_by_hand_is_remembered_when_no_task_tells_of_it_any_more_until_the_guest_is_started(
    tmp_path: Path,
) -> None:
    told: dict[int, Facts] = {
        0: RUNS,
        30: {**STOPPED, STOP_TASK: 30},
        60: {STOP_TASK: None},
        100: {"answers": 0},
        200: {"answers": 1},
        400: {STOP_TASK: 0},
    }
    run(
        tmp_path,
        make_pve_site(),
        pve_world(500, told),
        *(firing(second, "GuestDown") for second in range(95, 460, 15)),
        firing(470, "GuestDown", DOWN),
        every_seconds=5,
    )


def test_backup_that_ends_without_the_guest_running_again_is_no_excuse(tmp_path: Path) -> None:
    run(
        tmp_path,
        make_pve_site(),
        pve_world(500, {0: RUNS, 30: {**STOPPED, busy("backup"): 1}, 200: {busy("backup"): None}}),
        firing(370, "GuestDown"),
        firing(390, "GuestDown", DOWN),
        every_seconds=5,
    )


STARTED_FOR_BACKUP: Facts = {UP: 1, UPTIME: 40, locked("backup"): 1, busy("backup"): 1}
"""As Proxmox backs up a stopped virtual machine: it is started, and none of its processors."""
UNLOCKED: Facts = {locked("backup"): None, busy("backup"): None}


def test_backup_of_a_stopped_guest_does_not_make_anybody_forget_that_it_was_stopped_by_hand(tmp_path: Path) -> None:
    told: dict[int, Facts] = {
        0: RUNS,
        30: {**STOPPED, STOP_TASK: 30},
        60: {STOP_TASK: None},
        75: STARTED_FOR_BACKUP,
        # For a moment Proxmox lists it as it last was.
        150: UNLOCKED,
        165: STOPPED,
    }
    run(
        tmp_path,
        make_pve_site(),
        pve_world(420, told),
        *(firing(second, "GuestDown") for second in range(90, 420, 30)),
        every_seconds=15,
    )


def test_guest_that_crashed_is_not_up_because_it_is_backed_up(tmp_path: Path) -> None:
    told: dict[int, Facts] = {
        0: RUNS,
        30: STOPPED,
        120: STARTED_FOR_BACKUP,
        210: {**UNLOCKED, **STOPPED},
        360: {UP: 1, UPTIME: 5},
    }
    run(
        tmp_path,
        make_pve_site(),
        pve_world(420, told),
        *(firing(second, "GuestDown", DOWN) for second in range(120, 360, 30)),
        *(believed_over(second, "GuestDown", DOWN, over=False) for second in (150, 210, 240)),
        firing(405, "GuestDown"),
        every_seconds=15,
    )


def judged(verdict: str, covered: str, fresh: str) -> Facts:
    said = f"hune_guest_protection{{{GUEST},aspect="
    return {
        f'hune_guest_protected{{{GUEST},node="pve-02",name="web"}}': {"protected": 1, "unprotected": 0}.get(verdict),
        **{
            f'{said}"verdict",state="{state}"}}': 1 if state == verdict else None
            for state in ("protected", "unprotected", "unknown", "excluded", "idle", "pending")
        },
        **{
            f'{said}"covered",state="{state}"}}': 1 if state == covered else None for state in ("ok", "none", "partial")
        },
        **{
            f'{said}"fresh",state="{state}"}}': 1 if state == fresh else None
            for state in ("ok", "none", "late", "unknown")
        },
    }


NOT_COVERED = judged("unprotected", "none", "none")
LATE = judged("unprotected", "ok", "late")
TOLD = {"cluster": "home", "id": "qemu/100", "severity": "warning"}


@pytest.mark.parametrize("language", ["en", "fr"])
def test_reasons_are_told_in_words(tmp_path: Path, language: str) -> None:
    reasons: Facts = {
        f'hune_guest_protection_reason{{{GUEST},reason="not-in-a-job",about=""}}': 1,
        f'hune_guest_protection_reason{{{GUEST},reason="verification-failed",about="pbs"}}': 1,
        f'hune_guest_protection_reason{{{GUEST},reason="backups-not-listed",about="nas"}}': 1,
    }
    summary, description = {
        "en": (
            "web (qemu/100) is not protected",
            "What is missing: it is in no backup job, the verification of its newest backup failed (pbs).",
        ),
        "fr": (
            "web (qemu/100) n'est pas protégé",
            (
                "Ce qui manque : il n'est dans aucune tâche de sauvegarde,"
                " la vérification de sa dernière sauvegarde a échoué (pbs)."
            ),
        ),
    }[language]
    url = "https://hune.example/runbooks/GuestUnprotected"
    run(
        tmp_path,
        make_pve_site(language=language),
        pve_world(150, {0: {**RUNS, **NOT_COVERED, **reasons}}),
        message(120, "GuestUnprotected", TOLD, {"summary": summary, "description": description, "runbook_url": url}),
        firing(120, "BackupLate"),
        every_seconds=5,
    )


def test_late_backup_is_told_as_such_but_not_while_it_is_being_made(tmp_path: Path) -> None:
    run(
        tmp_path,
        make_pve_site(),
        pve_world(500, {0: {**RUNS, **LATE, busy("backup"): 1}, 150: {busy("backup"): None}}),
        *(firing(second, "BackupLate") for second in range(20, 300, 40)),
        firing(345, "BackupLate", TOLD),
        firing(345, "GuestUnprotected"),
        every_seconds=5,
    )


@pytest.mark.parametrize("verdict", ["excluded", "idle", "pending", "unknown"])
def test_what_is_not_unprotected_is_not_told(tmp_path: Path, verdict: str) -> None:
    run(
        tmp_path,
        make_pve_site(),
        pve_world(200, {0: {**RUNS, **judged(verdict, "none", "none")}}),
        firing(190, "GuestUnprotected"),
        firing(190, "BackupLate"),
        every_seconds=5,
    )


def test_unprotected_guest_of_which_nothing_is_known_any_more_is_not_protected(tmp_path: Path) -> None:
    run(
        tmp_path,
        make_pve_site(),
        pve_world(
            400, {0: {**RUNS, **LATE}, 120: judged("unknown", "ok", "unknown"), 300: judged("idle", "none", "none")}
        ),
        firing(290, "BackupLate", TOLD),
        firing(310, "BackupLate"),
        every_seconds=5,
    )
