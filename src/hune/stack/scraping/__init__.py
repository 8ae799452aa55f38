"""What Prometheus scrapes: the jobs of a site, one file a kind; pure functions of the setting."""
