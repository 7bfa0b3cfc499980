"""Framings of streams: sans-io decoders, bytes in, events out, whatever the split."""
