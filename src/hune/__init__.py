"""Hune: supervision and remote maintenance for Proxmox VE and Linux."""

__version__ = "0.1.0"
