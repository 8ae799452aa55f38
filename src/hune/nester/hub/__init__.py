"""The hub, as the pages ask it and act through it."""
