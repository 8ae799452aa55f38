"""The chain that brings alerts, and its two ends: whom this hub hears, and who hears it."""
