"""A small client of a Kubernetes API server, for the control plane, the stand-in provider and the tests."""
