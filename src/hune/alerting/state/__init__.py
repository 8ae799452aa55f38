"""The hub's file: the alert book and the outbox, as statements on it."""
