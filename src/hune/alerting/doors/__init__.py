"""The hub's doors: what is asked of it by HTTP, and who may."""
