"""Told how requests ended: log lines, spans."""
