"""Self-hosted speech and language models on GPUs."""
