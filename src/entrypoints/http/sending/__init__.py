"""From answers of the domain to bytes, sent so that every ending is seen for what it is."""
