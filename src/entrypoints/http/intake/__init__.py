"""From bytes to requests of the domain: within limits, strictly, with the field at fault named."""
