"""The edge on this machine: `make edge`."""
