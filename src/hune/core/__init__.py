"""What every other package stands on: errors, clock, backoff, logging, files, the data directory."""
