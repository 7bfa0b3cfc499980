"""The resources of the API, one module each: take in, call a use case, send."""
