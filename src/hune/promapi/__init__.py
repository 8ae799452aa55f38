"""Clients of the engines' HTTP interfaces."""
