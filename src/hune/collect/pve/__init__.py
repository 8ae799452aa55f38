"""The Proxmox exporter: a drop-in for prometheus-pve-exporter, and what that one doesn't see."""
