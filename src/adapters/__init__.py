"""One folder a port, then one file or folder a technology: the path reads as a sentence."""
