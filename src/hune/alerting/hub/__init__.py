"""The hub: takes alerts, keeps the truth about them, and sees to it that people are told."""
