"""Renderings of the plan for other supervisors: Compose, systemd."""
