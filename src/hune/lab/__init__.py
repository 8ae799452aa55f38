"""A believable site on one machine: real exporters over synthetic trees, faults on demand."""
