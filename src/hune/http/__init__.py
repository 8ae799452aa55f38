"""Serving and calling HTTP, the same way everywhere."""
