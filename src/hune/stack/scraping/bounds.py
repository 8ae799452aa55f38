"""What a target may not do, whoever answers there."""

from __future__ import annotations

# What one target may make Prometheus read and keep; more is a fault or an attack, and is told as a silent exporter.
# Times of its own would let it put the end of all samples into the future, and a redirect let it choose whom we ask.
BOUNDS = {
    "body_size_limit": "16MB",
    "label_limit": 40,
    "label_name_length_limit": 128,
    "label_value_length_limit": 1024,
    "honor_timestamps": False,
    "follow_redirects": False,
}

# What rules record and scrapes were like is not theirs to say: an exporter that did would speak for other nodes.
NOT_RECORDED = {
    "source_labels": ["__name__"],
    "regex": "hune:.*|ALERTS|ALERTS_FOR_STATE|up|scrape_.*",
    "action": "drop",
}
