"""What an account may do, and the commands that let it do more."""

import pytest

from hune.pve.grants import as_of, commands, holds

AUDITOR = {"Sys.Audit": 1, "VM.Audit": 1, "Datastore.Audit": 1}


@pytest.mark.parametrize(
    ("privilege", "path", "held"),
    [
        ("Sys.Audit", "/", True),
        ("Sys.Audit", "/nodes", True),
        ("Sys.Audit", "/nodes/pve-01", True),
        ("Sys.Modify", "/", False),
        ("VM.Audit", "/vms/{vmid}", True),
        # What stands nearest decides.
        ("VM.Audit", "/vms/100", False),
        ("VM.Backup", "/vms/100", True),
        # Granted there alone, not below.
        ("Datastore.AllocateSpace", "/storage", True),
        ("Datastore.AllocateSpace", "/storage/local", False),
    ],
)
def test_privilege_holds_as_proxmox_hands_it_down(privilege: str, path: str, held: bool) -> None:
    permissions = {"/": AUDITOR, "/vms/100": {"VM.Backup": 1}, "/storage": {**AUDITOR, "Datastore.AllocateSpace": 0}}
    assert holds(permissions, privilege, path) is held


def test_without_any_permission_nothing_holds() -> None:
    assert not holds({}, "Sys.Audit", "/")


def test_reading_is_granted_by_the_role_for_it_to_token_and_user() -> None:
    assert commands("hune@pve!m", [("VM.Audit", "/vms/{vmid}"), ("Sys.Audit", "/nodes")]) == [
        "pveum acl modify / --users hune@pve --tokens 'hune@pve!m' --roles PVEAuditor"
    ]


def test_more_than_reading_is_granted_where_it_is_needed() -> None:
    lacking = [("Sys.Modify", "/nodes"), ("VM.Backup", "/vms/{vmid}"), ("VM.Backup", "/vms")]
    assert commands("hune@pve", lacking) == [
        "pveum role add HuneMonitor --privs Sys.Modify,VM.Backup",
        "pveum acl modify /nodes --users hune@pve --roles HuneMonitor",
        "pveum acl modify /vms --users hune@pve --roles HuneMonitor",
    ]


def test_nothing_lacking_needs_no_command() -> None:
    assert commands("hune@pve", []) == []


def test_older_versions_call_looking_into_guests_otherwise() -> None:
    assert as_of("VM.GuestAgent.Audit", 8) == "VM.Monitor"
    assert as_of("VM.GuestAgent.Audit", 9) == "VM.GuestAgent.Audit"
    assert as_of("VM.Audit", 7) == "VM.Audit"
