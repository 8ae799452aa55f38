"""Alerting: rules from thresholds, the hub that receives, remembers and delivers."""
