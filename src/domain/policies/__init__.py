"""Decisions. Pure functions and small state machines: values in, decision out. No await."""
