"""Nouns. Frozen structs in the field's own terms; they import nothing of ours but each other."""
