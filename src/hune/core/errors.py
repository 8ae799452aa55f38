"""Errors that a person reads: where, what, remedy, in one line."""

from __future__ import annotations

import os
import socket
import ssl


class HuneError(Exception):
    """An error told to a person as one line; the command exits with `exit_code`.

    `remedy` says what to do next, in the imperative, and is printed after the message.
    """

    exit_code = 1

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message}; {self.remedy}" if self.remedy else self.message


class InputError(HuneError):
    """What was given is wrong and stays wrong until somebody changes it (exit code 2)."""

    exit_code = 2


class Unavailable(HuneError):
    """Something needed does not answer now; the same call may succeed later."""


class Refused(HuneError):
    """The other side answered no, and will again: don't retry unchanged."""


def why(error: Exception) -> str:
    """Return in a few words why a call failed: libraries' own texts repeat the address and speak of themselves."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    cause = getattr(error, "os_error", error)
    if isinstance(cause, socket.gaierror):
        return "its name does not resolve"
    if isinstance(cause, ssl.SSLError):
        # Its number is OpenSSL's, not the system's.
        reason = getattr(cause, "reason", "") or str(cause)
        return getattr(cause, "verify_message", "") or f"TLS failed: {reason.lower()}"
    if isinstance(cause, OSError) and cause.errno:
        return os.strerror(cause.errno).lower()
    return str(cause) or type(cause).__name__
