"""Serving and calling HTTP, the same way everywhere."""

IDLE_SECONDS = 5.0
"""For so long a service keeps a connection on which it is asked nothing more."""
