"""The hexagon's inside: what it is about, what we decide, what we do. No framework, no I/O."""
