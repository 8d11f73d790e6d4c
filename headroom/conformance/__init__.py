"""The session contract (docs/contract.md), and the probes that hold a running service against it."""
