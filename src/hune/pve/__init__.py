"""Asynchronous client of the Proxmox VE API."""
