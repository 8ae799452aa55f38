"""One file a collector; each ends with its `COLLECTOR`."""
