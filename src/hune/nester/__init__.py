"""Nester: the web pages."""
