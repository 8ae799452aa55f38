"""Proxmox VE clusters on the pages: what is asked, what the answers mean, how it is judged."""
