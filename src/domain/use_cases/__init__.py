"""Verbs. What the service does for a caller, readable aloud."""
