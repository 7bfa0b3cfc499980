"""The one seam to the network: clients that send a request and read its answer piece by piece."""
