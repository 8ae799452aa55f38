"""Exporters: one folder a subject."""
