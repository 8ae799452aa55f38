"""What an account may do, and the commands that let it do more."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

# What PVEAuditor holds in every version.
_AUDITOR = frozenset({"Datastore.Audit", "Pool.Audit", "SDN.Audit", "Sys.Audit", "VM.Audit"})
_ROLE = "HuneMonitor"

Permissions = Mapping[str, Mapping[str, object]]
"""Path → privilege → whether it holds below the path too: what `/access/permissions` answers."""


def is_reading(privilege: str) -> bool:
    """Whether PVEAuditor grants a privilege: it lets read, and nothing else."""
    return privilege in _AUDITOR


def as_of(privilege: str, major: int) -> str:
    """Return what a privilege is called in a major version of Proxmox VE: 9 split the one for looking into guests."""
    return "VM.Monitor" if major < 9 and privilege.startswith("VM.GuestAgent.") else privilege


def holds(permissions: Permissions, privilege: str, acl_path: str) -> bool:
    """Whether a privilege holds on a path, and so on everything below a path that ends in a `{placeholder}`."""
    segments = [segment for segment in acl_path.partition("{")[0].split("/") if segment]
    for length in range(len(segments), -1, -1):
        path = "/" + "/".join(segments[:length])
        if path in permissions:
            granted = permissions[path].get(privilege)
            # What stands at the path itself holds there; what stands above has to be handed down.
            return granted is not None and (length == len(segments) or bool(granted))
    return False


def commands(account: str, lacking: Iterable[tuple[str, str]]) -> list[str]:
    """Return the `pveum` lines that grant privileges on paths to `user@realm` or `user@realm!token`.

    Reading is granted everywhere, by Proxmox' own role for it; the rest only where it is needed, by a role of its own.
    A token never has more than its user: both get them.
    """
    user, _, token = account.partition("!")
    who = f"--users {user}" + (f" --tokens '{user}!{token}'" if token else "")
    wanted = sorted({(path.partition("{")[0].rstrip("/") or "/", privilege) for privilege, path in lacking})
    lines = []
    if any(is_reading(privilege) for _, privilege in wanted):
        lines.append(f"pveum acl modify / {who} --roles PVEAuditor")
    more = [(path, privilege) for path, privilege in wanted if not is_reading(privilege)]
    if more:
        privileges = ",".join(sorted({privilege for _, privilege in more}))
        lines.append(f"pveum role add {_ROLE} --privs {privileges}")
        lines += [f"pveum acl modify {path} {who} --roles {_ROLE}" for path in sorted({path for path, _ in more})]
    return lines
