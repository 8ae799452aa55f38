"""Proxmox VE clusters and guests as pages and parts of pages."""
