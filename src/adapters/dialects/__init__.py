"""What providers say on the wire, translated: pure, no I/O. Vendors speak dialects; a folder is one dialect."""
