"""The verdict, of facts."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hune.collect.pve.cluster import Guest
from hune.collect.pve.protection import (
    Aspect,
    Backup,
    Code,
    Copies,
    Cover,
    Facts,
    Outcome,
    Policy,
    State,
    judge,
)
from hune.collect.pve.schedule import Due, parse
from hune.collect.pve.settings import Settings
from hune.pve.errors import Failed, Forbidden
from support.pve_answers import NIGHT, NOW, hidden_backups, pve9
from support.pve_collecting import make_stand, samples

GUEST = Guest("qemu/100", "qemu", 100, "pve-01", "web", "running", "running", 0.0, False, frozenset(), "", "", "", None)
DUE = Due(1000.0, 86400.0)
COVER = Cover("nightly", "pbs", DUE)
GOOD = Facts(
    GUEST,
    covers=(COVER,),
    backups=(Backup("pbs", 1010.0, True),),
    listed=frozenset({"pbs"}),
    replication=Copies(0, ()),
    ha_state="",
)


def codes(facts: Facts, policy: Policy | None = None) -> set[Code]:
    return {reason.code for reason in judge(facts, policy or Policy()).reasons}


def test_a_good_backup_since_the_job_was_due_protects() -> None:
    verdict = judge(GOOD, Policy())
    assert (verdict.outcome, verdict.protected, verdict.reasons) == (Outcome.PROTECTED, True, ())


def test_an_older_backup_is_late() -> None:
    verdict = judge(replace(GOOD, backups=(Backup("pbs", 999.0, True),)), Policy())
    assert verdict.protected is False
    assert verdict.aspects[Aspect.FRESH] is State.LATE
    assert [(reason.code, reason.about, reason.since) for reason in verdict.reasons] == [
        (Code.BACKUP_LATE, "nightly", 999.0)
    ]


def test_a_guest_in_no_job_is_unprotected_even_with_backups() -> None:
    assert judge(replace(GOOD, covers=()), Policy()).protected is False
    assert codes(replace(GOOD, covers=())) == {Code.NOT_IN_A_JOB}
    assert codes(replace(GOOD, covers=(), disabled_jobs=("old",))) == {Code.ONLY_IN_DISABLED_JOBS}


def test_disks_that_every_job_leaves_out_make_it_partial() -> None:
    half, other = replace(COVER, left_out=("scsi1",)), Cover("weekly", "pbs", DUE, left_out=("scsi2",))
    partial = replace(GOOD, covers=(half,))
    assert judge(partial, Policy()).protected is False
    assert codes(partial) == {Code.DISKS_LEFT_OUT}
    assert judge(partial, Policy(accept_partial=True)).protected is True
    assert judge(replace(GOOD, covers=(half, other)), Policy()).protected is True


def test_each_job_must_have_left_a_backup_on_its_own_storage() -> None:
    both = replace(GOOD, covers=(COVER, Cover("offsite", "nas", DUE)), listed=frozenset({"pbs", "nas"}))
    assert judge(both, Policy()).protected is False
    assert codes(both) == {Code.NEVER_BACKED_UP}
    there = replace(both, backups=(*GOOD.backups, Backup("nas", 1100.0, None)))
    assert judge(there, Policy()).protected is True


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"covers": None}, Code.JOBS_UNKNOWN),
        ({"backups": (), "listed": frozenset()}, Code.BACKUPS_NOT_LISTED),
        ({"covers": (replace(COVER, understood=False, due=None),)}, Code.SCHEDULE_NOT_UNDERSTOOD),
    ],
)
def test_what_is_not_known_is_not_unprotected(changes: dict[str, Any], code: Code) -> None:
    verdict = judge(replace(GOOD, **changes), Policy())
    assert (verdict.outcome, verdict.protected) == (Outcome.UNKNOWN, None)
    assert code in {reason.code for reason in verdict.reasons}


def test_a_backup_that_is_seen_counts_though_others_may_be_hidden() -> None:
    assert judge(replace(GOOD, listed=frozenset()), Policy()).protected is True


def test_a_new_guest_waits_for_its_first_night() -> None:
    verdict = judge(replace(GOOD, backups=(), created=1500.0), Policy())
    assert (verdict.outcome, verdict.protected) == (Outcome.PENDING, None)
    assert judge(replace(GOOD, backups=(), created=500.0), Policy()).protected is False


def test_a_job_that_was_never_due_is_waited_for() -> None:
    assert judge(replace(GOOD, backups=(), covers=(replace(COVER, due=None),)), Policy()).outcome is Outcome.PENDING


def test_a_failed_verification_counts_even_if_an_older_backup_is_good() -> None:
    failed = replace(GOOD, backups=(Backup("pbs", 1010.0, True, newer_failed=True),))
    assert judge(failed, Policy()).protected is False
    assert codes(failed) == {Code.VERIFICATION_FAILED}
    assert judge(replace(GOOD, backups=(), failed_everywhere=("pbs",)), Policy()).protected is False


def test_a_backup_nobody_verified_is_no_fault() -> None:
    verdict = judge(replace(GOOD, backups=(Backup("pbs", 1010.0, None),)), Policy())
    assert verdict.protected is True
    assert verdict.aspects[Aspect.VERIFIED] is State.NONE


@pytest.mark.parametrize("outcome", [True, False])
def test_tags_and_templates_are_excluded_whatever_else_holds(outcome: bool) -> None:
    facts = GOOD if outcome else replace(GOOD, covers=())
    tagged = replace(facts, guest=replace(GUEST, tags=frozenset({"nobackup", "web"})))
    verdict = judge(tagged, Policy())
    assert (verdict.outcome, verdict.protected, verdict.reasons[0].about) == (Outcome.EXCLUDED, None, "nobackup")
    assert judge(tagged, Policy(excluded_tags=("other",))).protected is outcome
    assert judge(replace(facts, guest=replace(GUEST, template=True)), Policy()).outcome is Outcome.EXCLUDED


def test_a_stopped_guest_in_no_job_is_idle_unless_somebody_wants_it_to_run() -> None:
    stopped = replace(GOOD, covers=(), guest=replace(GUEST, status="stopped"))
    assert judge(stopped, Policy()).outcome is Outcome.IDLE
    assert judge(replace(stopped, onboot=True), Policy()).protected is False
    assert judge(replace(stopped, ha_wants_running=True), Policy()).protected is False
    # On a node that died it is what it was before; who never saw it before can't tell.
    for before, outcome in (("running", Outcome.UNPROTECTED), ("stopped", Outcome.IDLE), ("", Outcome.UNKNOWN)):
        gone = replace(GUEST, status="unknown", last_status=before)
        assert judge(replace(stopped, guest=gone), Policy()).outcome is outcome


def test_a_stopped_guest_in_a_job_is_judged_like_a_running_one() -> None:
    late = replace(GOOD, backups=(), guest=replace(GUEST, status="stopped"))
    assert judge(late, Policy()).protected is False


def test_replication_and_ha_decide_only_where_the_site_asks_for_them() -> None:
    bad = replace(GOOD, replication=Copies(1, ("100-0",)), ha_state="error")
    assert judge(bad, Policy()).protected is True
    assert codes(bad) == {Code.REPLICATION_FAILING, Code.HA_ERROR}
    strict = Policy(required=frozenset(Aspect))
    assert judge(bad, strict).protected is False
    assert codes(GOOD, strict) == {Code.NOT_REPLICATED, Code.NOT_UNDER_HA}
    fine = replace(GOOD, replication=Copies(1, ()), ha_state="started")
    assert judge(fine, strict).protected is True
    assert judge(replace(fine, replication=None, ha_state=None), strict).outcome is Outcome.UNKNOWN


def test_grace_is_a_quarter_of_the_period_within_bounds() -> None:
    policy = Policy()
    assert [policy.grace_seconds(hours * 3600) / 3600 for hours in (1, 24, 168)] == [2, 6, 12]
    # 02:00 is due; at 07:59 the night before still counts, at 08:01 it doesn't.
    night = 1_795_226_400.0
    for after, expected in ((5.98, night - 86400), (6.02, night)):
        found = policy.expects(parse("02:00"), night + after * 3600, UTC)
        assert found is not None
        assert found.at == expected


@given(
    st.builds(
        Facts,
        guest=st.builds(
            replace,
            st.just(GUEST),
            status=st.sampled_from(["running", "stopped", "unknown"]),
            template=st.booleans(),
            tags=st.sampled_from([frozenset(), frozenset({"nobackup"})]),
        ),
        covers=st.none() | st.lists(st.sampled_from([COVER, replace(COVER, due=None)]), max_size=2).map(tuple),
        backups=st.lists(st.sampled_from([Backup("pbs", 999, None), Backup("pbs", 1001, True)]), max_size=2).map(tuple),
        listed=st.sampled_from([frozenset(), frozenset({"pbs"})]),
        replication=st.none() | st.just(Copies(1, ())),
        ha_state=st.sampled_from([None, "", "started", "error"]),
    )
)
def test_every_verdict_that_is_not_fine_has_a_reason(facts: Facts) -> None:
    verdict = judge(facts, Policy())
    assert set(verdict.aspects) == set(Aspect)
    assert verdict.outcome is Outcome.PROTECTED or verdict.reasons
    assert (verdict.protected is None) == (verdict.outcome not in (Outcome.PROTECTED, Outcome.UNPROTECTED))


# The collector around it

VERDICT = 'hune_guest_protection{{id="{}",aspect="verdict",state="{}"}}'


async def test_a_cluster_gets_its_verdicts() -> None:
    found = await make_stand(pve9()).samples("protection")
    outcomes = {
        "qemu/100": "protected",
        "qemu/101": "unprotected",
        "lxc/102": "unprotected",
        "qemu/103": "idle",
        "qemu/104": "excluded",
        "qemu/105": "unprotected",
    }
    for guest, outcome in outcomes.items():
        assert VERDICT.format(guest, outcome) in found
    protected = {series: value for series, value in found.items() if series.startswith("hune_guest_protected{")}
    assert protected == {
        'hune_guest_protected{id="qemu/100",node="pve-01",name="web"}': 1,
        'hune_guest_protected{id="qemu/101",node="pve-01",name="db"}': 0,
        'hune_guest_protected{id="lxc/102",node="pve-02",name="dns"}': 0,
        'hune_guest_protected{id="qemu/105",node="pve-03",name="mail"}': 0,
    }
    assert 'hune_guest_protection_reason{id="qemu/101",reason="disks-left-out",about="scsi1"}' in found
    assert 'hune_guest_protection_reason{id="lxc/102",reason="backup-late",about="backup-nightly"}' in found


async def test_a_container_made_today_is_waited_for_though_it_has_no_date() -> None:
    answers = pve9()
    stand = make_stand(answers)
    await stand.samples("protection")
    new = next(row for row in answers["/cluster/resources"] if row["id"] == "lxc/102") | {"id": "lxc/110", "vmid": 110}
    answers["/cluster/resources"] = [*answers["/cluster/resources"], new]
    answers["/nodes/pve-02/lxc/110/config"] = answers["/nodes/pve-02/lxc/102/config"]
    included = answers["/cluster/backup/backup-nightly/included_volumes"]["children"]
    included.append({"id": 110, "name": "new", "type": "lxc", "children": []})
    stand.clock.passed += 1000
    assert VERDICT.format("lxc/110", "pending") in await stand.samples("protection")
    # Its first night was missed.
    stand.clock.passed += 24 * 3600
    assert VERDICT.format("lxc/110", "unprotected") in await stand.samples("protection")


async def test_backups_that_may_not_be_seen_are_unknown_not_absent() -> None:
    answers = pve9() | hidden_backups() | {"/nodes/pve-01/tasks?limit=50&typefilter=vzdump": []}
    found = await make_stand(answers).samples("protection")
    assert VERDICT.format("qemu/100", "unknown") in found
    assert not [series for series in found if series.startswith("hune_guest_protected{") and "qemu/100" in series]


async def test_the_logs_of_tasks_tell_of_backups_that_may_not_be_seen() -> None:
    stand = make_stand(pve9() | hidden_backups())
    found = await stand.samples("protection")
    assert VERDICT.format("qemu/100", "protected") in found
    # A node is down: it may have run a backup of this one before.
    assert VERDICT.format("lxc/102", "unknown") in found
    stand.clock.passed += 600
    await stand.samples("protection")
    assert [count for path, count in stand.api.asked.items() if "/log?" in path] == [1]


async def test_what_no_log_of_any_node_tells_of_was_not_backed_up() -> None:
    answers = pve9() | hidden_backups()
    answers["/cluster/status"] = [
        row | ({"online": 1} if "online" in row else {}) for row in answers["/cluster/status"]
    ]
    for path in [path for path in answers if path.startswith("/nodes/pve-02/")]:
        answers[path.replace("pve-02", "pve-03")] = answers[path]
    found = await make_stand(answers).samples("protection")
    assert VERDICT.format("qemu/100", "protected") in found
    assert 'hune_guest_protection{id="lxc/102",aspect="fresh",state="late"}' in found
    # Fifty tasks are all that is asked for: what lies before them is not known.
    busy = [
        task | {"starttime": NOW - 60} for task in answers["/nodes/pve-01/tasks?limit=50&typefilter=vzdump"][:1]
    ] * 50
    answers["/nodes/pve-02/tasks?limit=50&typefilter=vzdump"] = busy
    found = await make_stand(answers).samples("protection")
    assert VERDICT.format("lxc/102", "unknown") in found


async def test_the_jobs_own_fields_tell_whom_they_cover_when_proxmox_does_not() -> None:
    answers = pve9() | {"/cluster/backup/backup-nightly/included_volumes": Failed("500")}
    run = await make_stand(answers).run("protection")
    found = samples(run.out)
    assert VERDICT.format("qemu/100", "protected") in found
    assert VERDICT.format("qemu/103", "idle") in found
    assert len(run.problems) == 1


@pytest.mark.parametrize(
    ("fields", "covered"),
    [
        ({"all": 1}, {100, 101, 102, 103, 104, 105}),
        ({"all": 1, "exclude": "100,103"}, {101, 102, 104, 105}),
        ({"vmid": "100, 102;105"}, {100, 102, 105}),
        ({"vmid": 101}, {101}),
        ({"pool": "gold"}, {102}),
        ({"all": 1, "node": "pve-02"}, {102, 103}),
    ],
)
async def test_jobs_select_by_number_pool_and_node(fields: dict[str, Any], covered: set[int]) -> None:
    job = {"id": "j", "schedule": "02:00", "storage": "pbs", "enabled": 1, **fields}
    answers = pve9() | {"/cluster/backup": [job]}
    answers["/cluster/resources"] = [
        row | ({"pool": "gold"} if row.get("vmid") == 102 else {}) for row in answers["/cluster/resources"]
    ]
    found = samples((await make_stand(answers).run("protection")).out)
    seen = {int(series.split('"')[1].split("/")[1]) for series in found if 'aspect="covered",state="ok"' in series}
    assert seen == covered


async def test_a_job_of_an_old_version_has_days_and_a_time() -> None:
    job = {"id": "1", "dow": "sat", "starttime": "02:00", "storage": "pbs", "all": 1}
    found = samples((await make_stand(pve9() | {"/cluster/backup": [job]}).run("protection")).out)
    assert VERDICT.format("qemu/100", "protected") in found


async def test_one_unreadable_part_leaves_the_other_aspects() -> None:
    answers = pve9() | {"/cluster/ha/status/current": Forbidden("403"), "/cluster/backup": Failed("500")}
    run = await make_stand(answers).run("protection")
    found = samples(run.out)
    assert VERDICT.format("qemu/100", "unknown") in found
    assert 'hune_guest_protection{id="qemu/100",aspect="ha",state="unknown"}' in found
    assert 'hune_guest_protection{id="qemu/100",aspect="replicated",state="ok"}' in found
    assert len(run.problems) == 2


async def test_the_site_chooses_tags_and_what_is_required() -> None:
    policy = Policy(excluded_tags=("Production",), required=frozenset({Aspect.COVERED}))
    found = await make_stand(pve9(), Settings(protection=policy)).samples("protection")
    assert VERDICT.format("qemu/100", "excluded") in found
    assert VERDICT.format("lxc/102", "protected") in found


async def test_a_backup_of_last_night_suffices_until_the_grace_of_tonights_is_over() -> None:
    stand = make_stand(pve9())
    for hours, outcome in ((0, "protected"), (19, "protected"), (22, "unprotected")):
        stand.clock.passed = 1000.0 + hours * 3600
        assert NOW + hours * 3600 - NIGHT > 0
        assert VERDICT.format("qemu/100", outcome) in samples((await stand.run("protection")).out)
