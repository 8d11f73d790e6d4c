"""A vertical's workload that keeps the session contract (docs/contract.md): a FastAPI server of calls with a fake model."""
