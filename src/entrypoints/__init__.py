"""Who calls us, and the composition root."""
