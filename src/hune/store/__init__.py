"""The store in PostgreSQL: what Prometheus writes remotely, kept as rows that SQL reads (docs/store.md)."""
