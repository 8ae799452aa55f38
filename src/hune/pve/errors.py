"""What can go wrong with a Proxmox API; each type says what to do next."""

from __future__ import annotations

from hune.core.errors import HuneError, Refused, Unavailable


class PveError(HuneError):
    """A call of `path` (`/nodes/pve-01/qemu`) failed; `endpoint` (`host:port`) is who was asked."""

    def __init__(self, message: str, *, path: str = "", endpoint: str = "", remedy: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.path = path
        self.endpoint = endpoint


class Unreachable(PveError, Unavailable):
    """No endpoint of the cluster could be reached, or a certificate is not the expected one: try again later."""


class TimedOut(PveError, Unavailable):
    """The answer did not come in time: try again later."""


class Failed(PveError, Unavailable):
    """Proxmox answered with a fault of its own (5xx; 595: a node behind it does not answer): try again later."""


class BadAnswer(PveError, Unavailable):
    """What came is no answer of a Proxmox API: not JSON, not an object with `data`, or larger than allowed."""


class OverBudget(PveError, Unavailable):
    """The cluster's load budget leaves no room for the call in time: try again later, or raise the budget."""


class LoginRefused(PveError, Refused):
    """Token or password are not accepted: somebody has to change them."""


class Forbidden(PveError, Refused):
    """The account lacks a privilege: one of `privileges` on `acl_path` (both empty if Proxmox didn't say)."""

    def __init__(
        self,
        message: str,
        *,
        path: str = "",
        endpoint: str = "",
        acl_path: str = "",
        privileges: tuple[str, ...] = (),
        remedy: str = "",
    ) -> None:
        super().__init__(message, path=path, endpoint=endpoint, remedy=remedy)
        self.acl_path = acl_path
        self.privileges = privileges


class NotThere(PveError, Refused):
    """This Proxmox has no such path, guest or configuration (400, 404, 501, or a 500 that says so)."""
