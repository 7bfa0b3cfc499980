"""Time as it really passes."""
