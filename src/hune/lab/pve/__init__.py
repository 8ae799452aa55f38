"""The Proxmox VE API of the lab's three nodes: every answer is a function of the lab's state and the time."""
